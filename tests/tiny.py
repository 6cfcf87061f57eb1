"""A Gemma 3 with random weights and a small vocabulary: as Keras model, GGUF file and Hugging Face folder.

All three hold the same numbers. `tiny_gemma` makes the files in half a second and needs no Keras.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import save_file
from sentencepiece import sentencepiece_model_pb2

from tests.tiny_vocabulary import vocabulary
from twin.base.adapter import LoraAdapter, LowRank
from twin.convert.gguf import write_adapter

HIDDEN, HEADS, KEY_VALUE_HEADS, HEAD, FEED_FORWARD, WINDOW, CONTEXT = 64, 4, 2, 32, 128, 64, 2048
SHAPES = {
    "self_attn.q_proj": (HEADS * HEAD, HIDDEN),
    "self_attn.k_proj": (KEY_VALUE_HEADS * HEAD, HIDDEN),
    "self_attn.v_proj": (KEY_VALUE_HEADS * HEAD, HIDDEN),
    "self_attn.o_proj": (HIDDEN, HEADS * HEAD),
    "mlp.gate_proj": (FEED_FORWARD, HIDDEN),
    "mlp.up_proj": (FEED_FORWARD, HIDDEN),
    "mlp.down_proj": (HIDDEN, FEED_FORWARD),
}
"""Shapes (out, in) of a layer's linear layers, by their Hugging Face names."""
NORMS = {
    "input_layernorm": HIDDEN,
    "post_attention_layernorm": HIDDEN,
    "pre_feedforward_layernorm": HIDDEN,
    "post_feedforward_layernorm": HIDDEN,
    "self_attn.q_norm": HEAD,
    "self_attn.k_norm": HEAD,
}
_GGUF_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
}
_KERAS_NAMES = {
    "self_attn.q_proj": "attention/query/kernel",
    "self_attn.k_proj": "attention/key/kernel",
    "self_attn.v_proj": "attention/value/kernel",
    "self_attn.o_proj": "attention/attention_output/kernel",
    "mlp.gate_proj": "ffw_gating/kernel",
    "mlp.up_proj": "ffw_gating_2/kernel",
    "mlp.down_proj": "ffw_linear/kernel",
    "input_layernorm": "pre_attention_norm/scale",
    "post_attention_layernorm": "post_attention_norm/scale",
    "pre_feedforward_layernorm": "pre_ffw_norm/scale",
    "post_feedforward_layernorm": "post_ffw_norm/scale",
    "self_attn.q_norm": "attention/query_norm/scale",
    "self_attn.k_norm": "attention/key_norm/scale",
}


@dataclass(frozen=True)
class TinyGemma:
    """The model's weights by Hugging Face name, (out, in), and where its files lie.

    Attributes:
        gguf: a base model for llama.cpp, float32, with vocabulary.
        huggingface: a folder as Transformers has it: config, weights, tokenizer.
        proto: the SentencePiece model; ids 0 to 3 are `<pad> <eos> <bos> <unk>` as in Gemma.
    """

    weights: dict[str, np.ndarray]
    layers: int
    gguf: Path
    huggingface: Path
    proto: bytes

    def backbone(self) -> Any:
        """A new `keras_hub.models.Gemma3Backbone` with these weights, float32."""
        from twin.base.keras import keras_hub

        backbone = keras_hub.models.Gemma3Backbone(
            vocabulary_size=len(self.weights["model.embed_tokens.weight"]),
            image_size=896,
            num_layers=self.layers,
            num_query_heads=HEADS,
            num_key_value_heads=KEY_VALUE_HEADS,
            hidden_dim=HIDDEN,
            intermediate_dim=FEED_FORWARD,
            head_dim=HEAD,
            use_post_ffw_norm=True,
            use_post_attention_norm=True,
            use_sliding_window_attention=True,
            sliding_window_size=WINDOW,
            dtype="float32",
        )
        values = {
            "token_embedding/embeddings": self.weights["model.embed_tokens.weight"],
            "final_normalization/scale": self.weights["model.norm.weight"],
        }
        for layer in range(self.layers):
            for name, path in _KERAS_NAMES.items():
                values[f"decoder_block_{layer}/{path}"] = self.weights[f"model.layers.{layer}.{name}.weight"]
        for variable in backbone.weights:
            value = values.pop(variable.path)
            if variable.path.endswith(("query/kernel", "key/kernel", "value/kernel")):
                value = value.reshape(-1, HEAD, HIDDEN).transpose(0, 2, 1)  # (heads, in, head)
            elif variable.path.endswith("attention_output/kernel"):
                value = value.T.reshape(HEADS, HEAD, HIDDEN)
            elif variable.path.endswith("kernel"):
                value = value.T
            variable.assign(value)
        assert not values
        return backbone


def tiny_gemma(folder: Path, *, seed: int = 0, layers: int = 2, chat_template: str | None = None) -> TinyGemma:
    """Write the files of a random Gemma 3 below `folder`. Six layers or more have a layer with full attention.

    With a `chat_template` the GGUF file counts as instruction-tuned.
    """
    proto = vocabulary()
    pieces = sentencepiece_model_pb2.ModelProto.FromString(proto).pieces
    weights = _weights(len(pieces), seed=seed, layers=layers)
    tiny = TinyGemma(weights, layers, folder / "tiny.gguf", folder / "tiny-hf", proto)
    tiny.huggingface.mkdir(parents=True, exist_ok=True)
    _write_gguf(tiny, pieces, chat_template)
    _write_huggingface(tiny)
    return tiny


def tiny_adapter(
    *, seed: int = 1, rank: int = 4, layers: tuple[int, ...] = (0, 1), modules: tuple[str, ...] = tuple(SHAPES)
) -> LoraAdapter:
    """Random LoRA weights, strong enough that the model's replies are other ones."""
    random = np.random.default_rng(seed)
    weights = {}
    for layer in layers:
        for module in modules:
            out, into = SHAPES[module]
            a = random.normal(0, into**-0.5, (rank, into)).astype(np.float32)
            b = random.normal(0, 0.5, (out, rank)).astype(np.float32)
            weights[f"model.layers.{layer}.{module}"] = LowRank(a, b)
    return LoraAdapter(rank=rank, alpha=2.0 * rank, weights=weights)


def tiny_adapters(folder: Path, count: int) -> list[Path]:
    """GGUF adapters `adapter-0.gguf` … for llama.cpp, all different."""
    paths = [folder / f"adapter-{n}.gguf" for n in range(count)]
    for n, path in enumerate(paths):
        write_adapter(tiny_adapter(seed=n + 1), path)
    return paths


def _weights(words: int, *, seed: int, layers: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)

    def draw(deviation: float, *shape: int, mean: float = 0) -> np.ndarray:
        return random.normal(mean, deviation, shape).astype(np.float32)

    # Strong blocks and weak embeddings, because the output layer is the embedding: otherwise the model
    # repeats its last word whatever an adapter does.
    weights = {"model.embed_tokens.weight": draw(0.15, words, HIDDEN), "model.norm.weight": draw(0.2, HIDDEN, mean=2)}
    for layer in range(layers):
        for name, (out, into) in SHAPES.items():
            weights[f"model.layers.{layer}.{name}.weight"] = draw(into**-0.5, out, into)
        for name, size in NORMS.items():
            weights[f"model.layers.{layer}.{name}.weight"] = draw(0.2, size, mean=2 if "post_" in name else 0)
    return weights


def _write_gguf(tiny: TinyGemma, pieces: Any, chat_template: str | None) -> None:
    writer = gguf.GGUFWriter(tiny.gguf, "gemma3")
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name("Tiny Gemma 3")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(tiny.layers)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_VALUE_HEADS)
    writer.add_key_length(HEAD)
    writer.add_value_length(HEAD)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_sliding_window(WINDOW)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    marks = {"<unk>", "<start_of_turn>", "<end_of_turn>"}
    kinds = [gguf.TokenType.CONTROL if p.piece in marks else p.type for p in pieces]
    spaced = [
        p.piece.replace("▁", " ") if kind == gguf.TokenType.USER_DEFINED else p.piece
        for p, kind in zip(pieces, kinds, strict=True)
    ]
    writer.add_token_list(spaced)
    writer.add_token_scores(
        [p.score if p.type == gguf.TokenType.NORMAL else -1000.0 if p.type != 6 else 0.0 for p in pieces]
    )
    writer.add_token_types(kinds)
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    writer.add_tensor("token_embd.weight", tiny.weights["model.embed_tokens.weight"])
    writer.add_tensor("output_norm.weight", tiny.weights["model.norm.weight"] + 1)
    for layer in range(tiny.layers):
        for name, short in _GGUF_NAMES.items():
            value = tiny.weights[f"model.layers.{layer}.{name}.weight"]
            # llama.cpp multiplies by the norm's weight, Gemma by the weight plus one.
            writer.add_tensor(f"blk.{layer}.{short}.weight", value + 1 if value.ndim == 1 else value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_huggingface(tiny: TinyGemma) -> None:
    folder = tiny.huggingface
    save_file(tiny.weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.model").write_bytes(tiny.proto)
    config = {
        "architectures": ["Gemma3ForCausalLM"],
        "model_type": "gemma3_text",
        "vocab_size": len(tiny.weights["model.embed_tokens.weight"]),
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 2,
        "hidden_size": HIDDEN,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": tiny.layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD,
        "query_pre_attn_scalar": HEAD,
        "rms_norm_eps": 1e-6,
        "hidden_activation": "gelu_pytorch_tanh",
        "max_position_embeddings": CONTEXT,
        "sliding_window": WINDOW,
        "layer_types": ["full_attention" if n % 6 == 5 else "sliding_attention" for n in range(tiny.layers)],
        "rope_theta": 1_000_000.0,
        "rope_local_base_freq": 10_000.0,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 1_000_000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    tokenizer = {
        "tokenizer_class": "GemmaTokenizer",
        "bos_token": "<bos>",
        "eos_token": "<eos>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "add_bos_token": True,
        "add_eos_token": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2), encoding="utf-8")
