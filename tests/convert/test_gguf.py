"""GGUF adapters and merged GGUF models."""

import resource
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from tests.tiny import TinyGemma, tiny_adapter

from twin.base.adapter import LowRank
from twin.base.gguf import GGUF
from twin.convert.gguf import check, tensor_name, write_adapter, write_merged
from twin.errors import ModelError

NAME = "model.layers.0.mlp.up_proj"


def test_tensor_names_are_those_of_llama_cpp() -> None:
    assert tensor_name("model.layers.3.mlp.up_proj") == "blk.3.ffn_up.weight"
    assert tensor_name("model.layers.17.self_attn.o_proj") == "blk.17.attn_output.weight"


def test_adapter_file_says_what_it_is(tmp_path: Path) -> None:
    adapter = tiny_adapter(layers=(1,), modules=("self_attn.k_proj",))
    write_adapter(adapter, tmp_path / "adapter.gguf")
    written = GGUF(tmp_path / "adapter.gguf")
    assert written.metadata == {
        "general.architecture": "gemma3",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 8.0,
    }
    assert sorted(written.tensors) == ["blk.1.attn_k.weight.lora_a", "blk.1.attn_k.weight.lora_b"]
    a, b = adapter.weights["model.layers.1.self_attn.k_proj"]
    np.testing.assert_array_equal(written.raw("blk.1.attn_k.weight.lora_a"), a.astype(np.float16))
    np.testing.assert_array_equal(written.raw("blk.1.attn_k.weight.lora_b"), b.astype(np.float16))


def test_merging_changes_the_adapted_tensors_and_nothing_else(tiny: TinyGemma, tmp_path: Path) -> None:
    adapter = tiny_adapter(layers=(1,), modules=("self_attn.q_proj", "mlp.down_proj"))
    base = GGUF(tiny.gguf)
    write_merged(adapter, base, tmp_path / "merged.gguf")
    merged = GGUF(tmp_path / "merged.gguf")
    assert merged.kinds == base.kinds
    assert merged.metadata == base.metadata | {"general.file_type": gguf.LlamaFileType.MOSTLY_Q8_0}
    assert list(merged.tensors) == list(base.tensors)
    adapted = {tensor_name(name): name for name in adapter.weights}
    for name, tensor in merged.tensors.items():
        assert tensor.shape == base.tensors[name].shape
        if name not in adapted:
            assert tensor.kind == base.tensors[name].kind
            assert merged.raw(name).tobytes() == base.raw(name).tobytes()
            continue
        assert tensor.kind == gguf.GGMLQuantizationType.Q8_0
        expected = base.floats(name) + adapter.delta(adapted[name])
        # A block of 32 numbers shares a float16 step of its greatest magnitude over 127.
        blocks = expected.reshape(-1, 32)
        apart = np.abs(merged.floats(name).reshape(-1, 32) - blocks)
        assert (apart <= 0.56 / 127 * np.abs(blocks).max(-1, keepdims=True)).all()


def test_quantised_tensors_are_copied_as_they_are(tiny: TinyGemma, tmp_path: Path) -> None:
    base = GGUF(tiny.gguf)
    write_merged(tiny_adapter(layers=(0,)), base, tmp_path / "once.gguf")
    once = GGUF(tmp_path / "once.gguf")
    write_merged(tiny_adapter(layers=(1,)), once, tmp_path / "twice.gguf")
    twice = GGUF(tmp_path / "twice.gguf")
    assert twice.tensors["blk.0.ffn_up.weight"].kind == gguf.GGMLQuantizationType.Q8_0
    assert twice.raw("blk.0.ffn_up.weight").tobytes() == once.raw("blk.0.ffn_up.weight").tobytes()


def test_an_adapter_of_another_base_is_refused(tiny: TinyGemma, tmp_path: Path) -> None:
    base = GGUF(tiny.gguf)
    check(tiny_adapter(), base)
    with pytest.raises(ModelError, match=r"layers.2.*has none there"):
        write_merged(tiny_adapter(layers=(2,)), base, tmp_path / "merged.gguf")
    adapter = tiny_adapter(layers=(0,), modules=("mlp.up_proj",))
    a, b = adapter.weights[NAME]
    wide = replace(adapter, weights={NAME: LowRank(np.hstack([a, a]), b)})
    with pytest.raises(ModelError, match=r"made for a layer of \(128, 128\), and tiny.gguf has \(128, 64\) there"):
        write_merged(wide, base, tmp_path / "merged.gguf")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_half_written(tiny: TinyGemma, tmp_path: Path) -> None:
    target = tmp_path / "adapter.gguf"
    write_adapter(tiny_adapter(), target)
    before = target.read_bytes()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="No space left"):
            write_adapter(tiny_adapter(seed=2), target)
        with pytest.raises(OSError, match="too large"):
            write_merged(tiny_adapter(), GGUF(tiny.gguf), tmp_path / "merged.gguf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.gguf"]
    assert target.read_bytes() == before
