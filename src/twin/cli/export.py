"""`twin export`: a twin for other programs."""

from pathlib import Path

import click

from twin.cli.invocation import Invocation


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--to",
    "kind",
    type=click.Choice(["peft", "hf", "gguf", "ollama"]),
    required=True,
    help="peft: the adapter. hf: one merged model for Transformers and vLLM. gguf: for llama.cpp. ollama: with Modelfile.",
)
@click.pass_obj
def export(invocation: Invocation, *, name: str, folder: Path, kind: str) -> None:
    """Write the twin NAME as a folder DIR that another program loads; its README says how."""
    from twin.convert import Kind
    from twin.pipeline.exports import export_twin

    platform = invocation.platform
    twin = invocation.twin(name)
    with invocation.err.status("exporting"):
        export_twin(twin, Kind(kind), folder, objects=platform.objects, records=platform.records, bases=platform.bases)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    click.echo(f"{folder} holds {name} for {kind}, {size / 1e6:,.0f} MB. {folder / 'README.md'} says how to use it.")
    click.echo("Whoever has it can make it write like you, and it may repeat what was in your chats.")
