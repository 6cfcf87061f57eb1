"""Folders for other programs."""

import json
import resource
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from tests.tiny import TinyGemma, tiny_adapter, tiny_gemma

from twin.base.adapter import LoraAdapter
from twin.base.gguf import GGUF
from twin.base.models import GEMMA_TERMS, Base
from twin.convert import Kind, export
from twin.errors import DataError, ModelError

FILES = {
    Kind.PEFT: {"adapter_config.json", "adapter_model.safetensors"},
    Kind.HF: {"config.json", "generation_config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json"},
    Kind.GGUF: {"adapter.gguf", "model.gguf"},
    Kind.OLLAMA: {"Modelfile", "model.gguf"},
}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    tiny_adapter().save(folder)
    return folder


@pytest.mark.parametrize("kind", Kind)
def test_each_folder_is_complete_and_says_how_to_use_it(
    kind: Kind, adapter: Path, tiny: TinyGemma, tmp_path: Path
) -> None:
    target = tmp_path / "new" / "export"
    export(kind, adapter, Base("tiny", tiny.gguf), target, speaker="Ana Pérez", partner="Ben")
    assert {path.name for path in target.iterdir()} == FILES[kind] | {"README.md"}
    assert [path.name for path in target.parent.iterdir()] == ["export"]
    readme = (target / "README.md").read_text(encoding="utf-8")
    assert "    Ben: hi\n\n    Ana Pérez: hello\n\n    Ben: how are you?\n\n    Ana Pérez:\n" in readme
    assert GEMMA_TERMS in readme
    assert "modified" in readme


def test_peft_folder_is_the_adapter_with_its_base(adapter: Path, tiny: TinyGemma, tmp_path: Path) -> None:
    export(Kind.PEFT, adapter, Base("gemma3-270m", tiny.gguf), tmp_path / "export", speaker="Ana")
    config = json.loads((tmp_path / "export" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "google/gemma-3-270m"
    assert LoraAdapter.load(tmp_path / "export").weights.keys() == tiny_adapter().weights.keys()


def test_huggingface_folder_describes_a_text_model(adapter: Path, tiny: TinyGemma, tmp_path: Path) -> None:
    export(Kind.HF, adapter, Base("tiny", tiny.gguf), tmp_path / "export", speaker="Ana")

    def read(name: str) -> dict[str, object]:
        return json.loads((tmp_path / "export" / name).read_text(encoding="utf-8"))

    config = read("config.json")
    assert config["architectures"] == ["Gemma3ForCausalLM"]
    assert (config["bos_token_id"], config["eos_token_id"], config["pad_token_id"]) == (2, 1, 0)
    assert (config["max_position_embeddings"], config["sliding_window"]) == (2048, 64)
    assert config["torch_dtype"] == "bfloat16"
    assert read("generation_config.json")["eos_token_id"] == [1]
    tokenizer = read("tokenizer_config.json")
    assert "processor_class" not in tokenizer
    added = {entry["content"]: int(token) for token, entry in tokenizer["added_tokens_decoder"].items()}
    assert added == {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<start_of_turn>": 4, "<end_of_turn>": 5}
    weights = load_file(tmp_path / "export" / "model.safetensors")
    assert {value.dtype.name for value in weights.values()} == {"bfloat16"}


def test_an_instruction_tuned_model_keeps_its_chat_template(adapter: Path, tmp_path: Path) -> None:
    tuned = Base("tuned", tiny_gemma(tmp_path / "tuned", chat_template="{{ bos_token }}{% for m in messages %}…").gguf)
    export(Kind.HF, adapter, tuned, tmp_path / "hf", speaker="Ana")
    assert (tmp_path / "hf" / "chat_template.jinja").read_text(encoding="utf-8").startswith("{{ bos_token }}")
    generation = json.loads((tmp_path / "hf" / "generation_config.json").read_text(encoding="utf-8"))
    assert generation["eos_token_id"] == [1, tuned.vocabulary.mark("<end_of_turn>")]
    export(Kind.OLLAMA, adapter, tuned, tmp_path / "ollama", speaker="Ana")
    modelfile = (tmp_path / "ollama" / "Modelfile").read_text(encoding="utf-8")
    assert 'PARAMETER stop "<end_of_turn>"\n' in modelfile
    assert "<start_of_turn>model\n" in modelfile


def test_gguf_folder_holds_model_and_adapter(adapter: Path, tiny: TinyGemma, tmp_path: Path) -> None:
    export(Kind.GGUF, adapter, Base("tiny", tiny.gguf), tmp_path / "export", speaker="Ana")
    assert GGUF(tmp_path / "export" / "model.gguf").metadata["general.type"] == "model"
    assert GGUF(tmp_path / "export" / "adapter.gguf").metadata["general.type"] == "adapter"


def test_an_empty_folder_may_be_filled_and_nothing_is_overwritten(
    adapter: Path, tiny: TinyGemma, tmp_path: Path
) -> None:
    target = tmp_path / "export"
    target.mkdir()
    export(Kind.PEFT, adapter, Base("tiny", tiny.gguf), target, speaker="Ana")
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    with pytest.raises(DataError, match="not an empty folder"):
        export(Kind.GGUF, adapter, Base("tiny", tiny.gguf), target, speaker="Ana")
    with pytest.raises(DataError, match="not an empty folder"):
        export(Kind.GGUF, adapter, Base("tiny", tiny.gguf), target / "README.md", speaker="Ana")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


@pytest.mark.parametrize("kind", Kind)
def test_an_adapter_of_another_base_makes_no_folder(kind: Kind, tiny: TinyGemma, tmp_path: Path) -> None:
    tiny_adapter(layers=(7,)).save(tmp_path / "adapter")
    with pytest.raises(ModelError, match="trained on"):
        export(kind, tmp_path / "adapter", Base("tiny", tiny.gguf), tmp_path / "export", speaker="Ana")
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


@pytest.mark.parametrize("kind", Kind)
def test_a_full_disk_leaves_no_folder(kind: Kind, adapter: Path, tiny: TinyGemma, tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(ModelError, match="cannot be written"):
            export(kind, adapter, Base("tiny", tiny.gguf), tmp_path / "export", speaker="Ana")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]
