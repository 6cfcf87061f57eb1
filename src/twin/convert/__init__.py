"""An adapter becomes what other programs read; each format is a function of its own module."""

import tempfile
from enum import StrEnum
from pathlib import Path

from safetensors import SafetensorError

from twin.base.adapter import LoraAdapter
from twin.base.models import Base
from twin.convert import gguf, ollama
from twin.convert.readme import published, readme
from twin.errors import DataError, ModelError


class Kind(StrEnum):
    """Who reads the export: PEFT and vLLM, Transformers, llama.cpp and what is built on it, or Ollama."""

    PEFT = "peft"
    HF = "hf"
    GGUF = "gguf"
    OLLAMA = "ollama"


def export(
    kind: Kind, adapter_folder: Path, base: Base, target: Path, *, speaker: str, partner: str = "Friend"
) -> None:
    """Make a folder that another program loads, with a README that says how; it appears whole or not at all.

    Args:
        kind: `PEFT`: the adapter alone. `HF`: one merged model, bfloat16. `GGUF`: the merged model and the adapter,
            for llama.cpp. `OLLAMA`: the merged model and a Modelfile.
        adapter_folder: in PEFT's format, as training leaves it.
        base: the model that the adapter was trained on.
        target: a folder that does not exist yet, or an empty one.
        speaker: the name under which the twin writes.
        partner: what the other side is called where a program knows only a "user".

    Raises:
        DataError: there is something at `target` already.
        ModelError: the adapter is broken or does not fit the base, or `target` cannot be written.
    """
    adapter = LoraAdapter.load(adapter_folder)
    gguf.check(adapter, base.model)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} exists and is not an empty folder. Name a new folder for the export.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as temporary:
            made = Path(temporary) / "export"
            made.mkdir()
            _write(kind, adapter, base, made, speaker=speaker, partner=partner)
            (made / "README.md").write_text(readme(kind, base, speaker=speaker, partner=partner), encoding="utf-8")
            made.replace(target)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(
            f"{target}: the export cannot be written ({reason}). Free some space or choose another folder."
        ) from error


def _write(kind: Kind, adapter: LoraAdapter, base: Base, target: Path, *, speaker: str, partner: str) -> None:
    match kind:
        case Kind.PEFT:
            adapter.save(target, base=published(base))
        case Kind.HF:
            from twin.convert.huggingface import write_folder  # noqa: PLC0415  Keras takes seconds to import

            write_folder(adapter, base, target)
        case Kind.GGUF:
            gguf.write_merged(adapter, base.model, target / "model.gguf")
            gguf.write_adapter(adapter, target / "adapter.gguf")
        case Kind.OLLAMA:
            gguf.write_merged(adapter, base.model, target / "model.gguf")
            ollama.write_modelfile(base, target / "Modelfile", model="model.gguf", speaker=speaker, partner=partner)
