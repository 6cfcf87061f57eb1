"""Other base models: a Hugging Face folder or a KerasHub preset of Gemma 3 becomes the GGUF file that all else reads.

Matrices are stored as Q8_0 where their rows allow it (a hundredth of a nat from bfloat16, half the memory, twice
the speed on a CPU), norms as float32.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from sentencepiece import sentencepiece_model_pb2

from twin.base.gguf import BLOCK, MODULES, Floats
from twin.errors import ModelError, SettingsError

# Control tokens that SentencePiece models of Gemma hold as ordinary user-defined pieces.
_MARKS = ("<start_of_turn>", "<end_of_turn>")
_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<start_of_turn>"
    "{{ 'model' if message.role == 'assistant' else message.role }}\n{{ message.content }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it is found: sizes under Hugging Face's names, its tokenizer, and a way to its weights.

    Attributes:
        weight: float32 by Hugging Face name (`model.layers.0.mlp.up_proj.weight`), (out, in).
        chat_template: of instruction-tuned models; None for base models.
    """

    name: str
    config: Mapping[str, Any]
    tokenizer: bytes
    weight: Callable[[str], Floats]
    chat_template: str | None


def huggingface(folder: Path) -> Source:
    """A folder as Transformers saves it, text-only or with the text model inside a larger one.

    Raises:
        ModelError: it is no Gemma 3, or a file of it is missing or broken.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = (folder / "tokenizer.model").read_bytes()
        weights = _shards(folder)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder}: config.json, tokenizer.model or the safetensors cannot be read ({error}). "
            "Give the folder of a Gemma 3 model as downloaded."
        ) from error
    config = config.get("text_config", config)
    if config.get("model_type") not in {"gemma3_text", "gemma3"}:
        raise ModelError(f"{folder}: model type {config.get('model_type')!r}. Gemma 3 text models are read.")
    prefixes = ("", "language_model.", "model.language_model.")

    def weight(name: str) -> Floats:
        for candidate in (*(prefix + name for prefix in prefixes), name.replace("model.", "model.language_model.", 1)):
            if candidate in weights:
                return weights[candidate]()
        raise ModelError(f"{folder}: has no weight {name}. Give the folder of a whole Gemma 3 model.")

    return Source(folder.name, config, tokenizer, weight, _template_of(folder))


def keras_preset(name: str) -> Source:
    """A KerasHub preset: a name such as `gemma3_1b` or `gemma3_instruct_1b`, or the folder of a saved one.

    Raises:
        SettingsError: it cannot be fetched; says which credentials are needed.
    """
    import keras_hub  # noqa: PLC0415

    from twin.base.keras import keras, linears, to_matrix  # noqa: PLC0415  loads JAX

    try:
        backbone: Any = keras_hub.models.Gemma3Backbone.from_preset(name, dtype="bfloat16")
        tokenizer: Any = keras_hub.models.Gemma3Tokenizer.from_preset(name)
    except Exception as error:
        # KerasHub raises whatever Kaggle's, Hugging Face's or the file system's client raises.
        raise SettingsError(
            f"KerasHub preset {name!r} cannot be loaded ({type(error).__name__}). Accept Gemma's terms on Kaggle and "
            "set KAGGLE_USERNAME and KAGGLE_KEY, or give the folder of a preset, a Hugging Face folder or a GGUF file."
        ) from error
    values: dict[str, Any] = {
        "model.embed_tokens.weight": backbone.token_embedding.embeddings,
        "model.norm.weight": backbone.layer_norm.scale,
    }
    kernels = {one.name + ".weight": one.layer.kernel for one in linears(backbone)}
    for index, block in enumerate(backbone.transformer_layers):
        for module, layer in (
            ("input_layernorm", block.pre_attention_norm),
            ("post_attention_layernorm", block.post_attention_norm),
            ("pre_feedforward_layernorm", block.pre_ffw_norm),
            ("post_feedforward_layernorm", block.post_ffw_norm),
            ("self_attn.q_norm", block.attention.query_norm),
            ("self_attn.k_norm", block.attention.key_norm),
        ):
            values[f"model.layers.{index}.{module}.weight"] = layer.scale

    def weight(key: str) -> Floats:
        if key in kernels:
            return to_matrix(_array(kernels[key]), output=".o_proj" in key)
        return _array(values[key])

    def _array(variable: Any) -> Floats:
        return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32")))

    first = backbone.transformer_layers[0]
    config = {
        "vocab_size": backbone.vocabulary_size,
        "hidden_size": backbone.hidden_dim,
        "intermediate_size": backbone.intermediate_dim,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_query_heads,
        "num_key_value_heads": backbone.num_key_value_heads,
        "head_dim": backbone.head_dim,
        "rms_norm_eps": first.layer_norm_epsilon,
        "sliding_window": backbone.sliding_window_size,
        "rope_scaling": {"factor": backbone.global_rope_scaling_factor},
    }
    proto: bytes = tokenizer.proto
    return Source(Path(name).name, config, proto, weight, _TEMPLATE if "instruct" in name else None)


def write(source: Source, target: Path) -> None:
    """Write the model as GGUF; the file appears whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".import-") as folder:
        partial = Path(folder) / target.name
        writer = gguf.GGUFWriter(partial, "gemma3")
        _describe(writer, source)
        _add_vocabulary(writer, source)
        for name, key in _tensors(int(source.config["num_hidden_layers"])):
            values = source.weight(name)
            if values.ndim == 1:
                # Keras and Hugging Face store a norm's distance from one, llama.cpp the factor itself.
                writer.add_tensor(key, (values + 1).astype(np.float32))
            elif values.shape[1] % BLOCK == 0:
                kind = gguf.GGMLQuantizationType.Q8_0
                writer.add_tensor(key, gguf.quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)
            else:
                writer.add_tensor(key, values.astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(target)


def _describe(writer: gguf.GGUFWriter, source: Source) -> None:
    config = source.config
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(source.name)
    writer.add_context_length(int(config.get("max_position_embeddings", 32768)))
    writer.add_embedding_length(int(config["hidden_size"]))
    writer.add_block_count(int(config["num_hidden_layers"]))
    writer.add_feed_forward_length(int(config["intermediate_size"]))
    writer.add_head_count(int(config["num_attention_heads"]))
    writer.add_head_count_kv(int(config["num_key_value_heads"]))
    writer.add_key_length(int(config["head_dim"]))
    writer.add_value_length(int(config["head_dim"]))
    writer.add_layer_norm_rms_eps(float(config["rms_norm_eps"]))
    writer.add_rope_freq_base(float(config.get("rope_theta") or 1_000_000.0))
    factor = float((config.get("rope_scaling") or {}).get("factor", 1.0))
    if factor != 1.0:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(factor)
    writer.add_sliding_window(int(config["sliding_window"]))


def _add_vocabulary(writer: gguf.GGUFWriter, source: Source) -> None:
    protos: Any = sentencepiece_model_pb2
    model = protos.ModelProto.FromString(source.tokenizer)
    pieces = list(model.pieces)[: int(source.config["vocab_size"])]
    names: list[str] = []
    scores: list[float] = []
    kinds: list[int] = []
    for piece in pieces:
        kind = gguf.TokenType.CONTROL if piece.piece in _MARKS or piece.piece == "<unk>" else piece.type
        plain = kind == gguf.TokenType.USER_DEFINED
        names.append(piece.piece.replace("▁", " ") if plain else piece.piece)
        scores.append(piece.score if kind == gguf.TokenType.NORMAL else -1000.0)
        kinds.append(kind)
    # Embeddings may have more rows than the tokenizer has pieces.
    for number in range(int(source.config["vocab_size"]) - len(pieces)):
        names.append(f"<unused-row-{number}>")
        scores.append(-1000.0)
        kinds.append(gguf.TokenType.CONTROL)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(names)
    writer.add_token_scores(scores)
    writer.add_token_types(kinds)
    for add, name in (
        (writer.add_pad_token_id, "<pad>"),
        (writer.add_eos_token_id, "<eos>"),
        (writer.add_bos_token_id, "<bos>"),
        (writer.add_unk_token_id, "<unk>"),
    ):
        add(names.index(name))
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if source.chat_template:
        writer.add_chat_template(source.chat_template)


def _tensors(layers: int) -> Iterator[tuple[str, str]]:
    """Hugging Face's name and GGUF's, for every weight."""
    yield "model.embed_tokens.weight", "token_embd.weight"
    yield "model.norm.weight", "output_norm.weight"
    for layer in range(layers):
        for module, short in MODULES.items():
            yield f"model.layers.{layer}.{module}.weight", f"blk.{layer}.{short}.weight"


def _shards(folder: Path) -> dict[str, Callable[[], Floats]]:
    """A way to each weight of every safetensors file, read when asked for."""
    import_module("ml_dtypes")  # numpy learns bfloat16 from it
    from safetensors import safe_open  # noqa: PLC0415

    found: dict[str, Callable[[], Floats]] = {}
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise OSError("no *.safetensors")
    for file in files:
        shard: Any = safe_open(file, framework="numpy")
        for key in shard.keys():  # noqa: SIM118  not a mapping
            found[key] = lambda shard=shard, key=key: np.asarray(shard.get_tensor(key)).astype(np.float32)
    return found


def _template_of(folder: Path) -> str | None:
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return None
    template = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    return template if isinstance(template, str) else None
