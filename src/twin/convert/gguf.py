"""GGUF files for llama.cpp: an adapter that is applied when the base is loaded."""

from pathlib import Path

import gguf
import numpy as np

from twin.base.adapter import LoraAdapter, place

TENSORS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""llama.cpp's names of a layer's linear layers, by Hugging Face's."""


def tensor_name(name: str) -> str:
    """`model.layers.3.mlp.up_proj` → `blk.3.ffn_up.weight`."""
    layer, module = place(name)
    return f"blk.{layer}.{TENSORS[module]}.weight"


def write_adapter(adapter: LoraAdapter, target: Path) -> None:
    """Write an adapter that llama.cpp takes with `--lora`, for a Gemma 3 base."""
    writer = gguf.GGUFWriter(target, "gemma3")
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, adapter.alpha)
    for name, (a, b) in adapter.weights.items():
        writer.add_tensor(f"{tensor_name(name)}.lora_a", np.ascontiguousarray(a))
        writer.add_tensor(f"{tensor_name(name)}.lora_b", np.ascontiguousarray(b))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
