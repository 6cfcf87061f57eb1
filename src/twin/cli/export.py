"""`twin export`: a twin for other programs."""

import json
from pathlib import Path

import click

from twin.cli.completion import names
from twin.cli.invocation import Invocation
from twin.cli.sentences import say


@click.command()
@click.argument("name", shell_complete=names)
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--to",
    "kind",
    type=click.Choice(["peft", "hf", "gguf", "ollama"]),
    required=True,
    help="peft: the adapter. hf: one merged model for Transformers and vLLM. gguf: for llama.cpp. ollama: with Modelfile.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files and their sizes as JSON.")
@click.pass_obj
def export(invocation: Invocation, *, name: str, folder: Path, kind: str, as_json: bool) -> None:
    """Write the twin NAME for another program. The README in the folder DIR says how to load it."""
    from twin.convert import Kind
    from twin.pipeline.exports import export_twin

    platform = invocation.platform
    twin = invocation.twin(name)
    with invocation.err.status("exporting"):
        export_twin(twin, Kind(kind), folder, objects=platform.objects, records=platform.records, bases=platform.bases)
    sizes = {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "kind": kind, "bytes": sizes}, ensure_ascii=False, indent=2))
        return
    size = sum(sizes.values())
    say(f"{folder} holds {name} for {kind}, {size / 1e6:,.0f} MB. {folder / 'README.md'} says how to use it.")
    say("Whoever has it can make it write like you, and it may repeat what was in your chats.")
