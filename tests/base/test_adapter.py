"""Adapters in PEFT's format."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.tiny import tiny_adapter

from twin.base.adapter import CONFIG_FILE, WEIGHTS_FILE, LoraAdapter, LowRank, place
from twin.errors import ModelError


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    adapter = tiny_adapter(layers=(3, 4), modules=("self_attn.q_proj", "mlp.down_proj"))
    adapter.save(tmp_path / "new" / "folder", base="gemma3-270m")
    loaded = LoraAdapter.load(tmp_path / "new" / "folder")
    assert (loaded.rank, loaded.alpha, loaded.scale) == (4, 8.0, 2.0)
    assert list(loaded.weights) == sorted(adapter.weights)
    for name, (a, b) in adapter.weights.items():
        np.testing.assert_array_equal(loaded.weights[name].a, a)
        np.testing.assert_array_equal(loaded.weights[name].b, b)
        np.testing.assert_allclose(loaded.delta(name), 2 * (b @ a), rtol=1e-6)


def test_files_are_what_peft_and_vllm_ask_for(tmp_path: Path) -> None:
    tiny_adapter(layers=(1,), modules=("self_attn.v_proj", "mlp.up_proj")).save(tmp_path, base="google/gemma-3-270m")
    assert sorted(path.name for path in tmp_path.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    tensors = load_file(tmp_path / WEIGHTS_FILE)
    assert {key: (value.shape, value.dtype.name) for key, value in tensors.items()} == {
        "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight": ((4, 64), "float32"),
        "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight": ((128, 4), "float32"),
        "base_model.model.model.layers.1.self_attn.v_proj.lora_A.weight": ((4, 64), "float32"),
        "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight": ((64, 4), "float32"),
    }
    config = json.loads((tmp_path / CONFIG_FILE).read_text(encoding="utf-8"))
    assert config["peft_type"] == "LORA"
    assert config["task_type"] == "CAUSAL_LM"
    assert config["base_model_name_or_path"] == "google/gemma-3-270m"
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert isinstance(config["lora_alpha"], int)
    assert config["target_modules"] == ["up_proj", "v_proj"]
    assert config["layers_to_transform"] == [1]
    assert config["bias"] == "none"
    assert config["modules_to_save"] is None
    assert config["inference_mode"] is True


def test_saving_again_replaces(tmp_path: Path) -> None:
    tiny_adapter(rank=8, layers=(0, 1)).save(tmp_path)
    tiny_adapter(rank=2, layers=(1,)).save(tmp_path)
    loaded = LoraAdapter.load(tmp_path)
    assert loaded.rank == 2
    assert {place(name)[0] for name in loaded.weights} == {1}


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    tiny_adapter(seed=1).save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ModelError, match="cannot be written"):
            tiny_adapter(seed=2).save(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_other_floats_are_read_as_float32(tmp_path: Path) -> None:
    tiny_adapter().save(tmp_path)
    whole = load_file(tmp_path / WEIGHTS_FILE)
    for kind in (np.float16, ml_dtypes.bfloat16):
        save_file({key: value.astype(kind) for key, value in whole.items()}, tmp_path / WEIGHTS_FILE)
        assert {pair.a.dtype.name for pair in LoraAdapter.load(tmp_path).weights.values()} == {"float32"}


def _config(**changes: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        (folder / CONFIG_FILE).write_text(json.dumps(config | changes), encoding="utf-8")

    return damage


def _tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS_FILE)
        change(tensors)
        save_file(tensors, folder / WEIGHTS_FILE)

    return damage


def _cut(folder: Path) -> None:
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(content[: len(content) // 2])


_KEY = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / CONFIG_FILE).unlink(), "missing or broken"),
        (lambda folder: (folder / CONFIG_FILE).write_text("{"), "missing or broken"),
        (lambda folder: (folder / CONFIG_FILE).write_text("[]"), "does not describe a LoRA adapter"),
        (lambda folder: (folder / WEIGHTS_FILE).unlink(), "missing or broken"),
        (lambda folder: (folder / WEIGHTS_FILE).write_bytes(b""), "missing or broken"),
        (_cut, "missing or broken"),
        (_config(peft_type="IA3"), "does not describe a LoRA adapter"),
        (_config(use_dora=True), "use_dora"),
        (_config(modules_to_save=["lm_head"]), "modules_to_save"),
        (_config(bias="all"), "bias"),
        (_config(r="8"), "r is '8'"),
        (_config(r=8), "rank 8"),
        (_tensors(lambda tensors: tensors.clear()), "holds 0 layers"),
        (_tensors(lambda tensors: tensors.pop(_KEY)), "one matrix of two"),
        (_tensors(lambda tensors: tensors.update({"lm_head.weight": tensors[_KEY]})), "lm_head.weight"),
        (_tensors(lambda tensors: tensors.update({_KEY: tensors[_KEY].T})), "mlp.up_proj: matrices"),
        (
            _tensors(lambda t: t.update({k.replace("layers.0.mlp.up_proj", "embed_tokens"): t[k] for k in list(t)})),
            "model.embed_tokens, which twin cannot convert",
        ),
    ],
)
def test_what_is_no_adapter_is_refused_in_one_sentence(
    damage: Callable[[Path], object], says: str, tmp_path: Path
) -> None:
    tiny_adapter().save(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=says) as caught:
        LoraAdapter.load(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_of_nothing_cannot_be_made() -> None:
    with pytest.raises(ModelError, match="holds 0 layers"):
        LoraAdapter(rank=4, alpha=8, weights={})
    one = LowRank(np.zeros((4, 8), np.float32), np.zeros((8, 3), np.float32))
    with pytest.raises(ModelError, match=r"\(4, 8\) and \(8, 3\)"):
        LoraAdapter(rank=4, alpha=8, weights={"model.layers.0.mlp.up_proj": one})
