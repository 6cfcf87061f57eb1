"""Adapters as GGUF files."""

from twin.convert.gguf import tensor_name


def test_tensor_names_are_those_of_llama_cpp() -> None:
    assert tensor_name("model.layers.3.mlp.up_proj") == "blk.3.ffn_up.weight"
    assert tensor_name("model.layers.17.self_attn.o_proj") == "blk.17.attn_output.weight"
