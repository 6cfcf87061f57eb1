"""The Keras model of a base: KerasHub's Gemma 3 backbone, filled from its GGUF file.

Two things make loading quick: variables are built without values (KerasHub would draw 268 million random
numbers first), and the GGUF's blocks are dequantised straight into place by two threads.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# On processors, compute in the order that needs least memory. The other order computes what rematerialisation saves
# long before it is needed, and so keeps it: 830 MB instead of 430 for a step of 512 tokens, in no less time.
os.environ["XLA_FLAGS"] = "--xla_cpu_enable_concurrency_optimized_scheduler=false " + os.environ.get("XLA_FLAGS", "")

import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import keras
import keras_hub
import numpy as np

from twin.base.embedding import Blocks, is_packed, pack
from twin.base.gguf import GGUF, MODULES, Floats
from twin.base.models import Base
from twin.errors import ModelError

# glibc gives each thread that allocates a heap of its own, and keeps what was freed in each: 200 MB of a training.
with suppress(AttributeError, OSError, TypeError):  # no glibc
    ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX

_EMBEDDING = "token_embd.weight"


class Linear(NamedTuple):
    """One linear layer of the model: its name in Hugging Face's format, in GGUF's, and the Keras layer."""

    name: str
    gguf: str
    layer: Any


def load(base: Base, *, dtype: str = "float32", packed: bool = True) -> Any:
    """The backbone of `base` with its weights, computing in `dtype`.

    Args:
        packed: leave the embedding in the file's 8-bit blocks where it has them.

    Raises:
        ModelError: the file holds another architecture than Gemma 3 text.
    """
    model = base.model
    config = backbone_config(model)
    blocks = model.blocks(_EMBEDDING) if packed else None
    # Inside a stateless scope Keras only notes how each variable is to be initialised, and does it at the end:
    # by then the random initialisers are replaced by the weights.
    with keras.StatelessScope():
        if blocks:  # they take the place of an embedding of one word, so that the whole is never made
            config["vocabulary_size"] = 1
        backbone = keras_hub.models.Gemma3Backbone(**config, dtype=dtype)
        if blocks:
            pack(backbone.token_embedding, Blocks(*blocks))
            backbone.vocabulary_size = len(blocks[0])
        with ThreadPoolExecutor(2) as pool:
            # As tensors at once: a second copy of all weights would be the most memory that training ever needs.
            made = pool.map(
                lambda pair: (pair[0], keras.ops.convert_to_tensor(pair[1](), dtype)), _weights(model, backbone)
            )
            for variable, values in made:
                variable._initializer = _constant(values)
    model.let_go()
    return backbone


def backbone_config(model: GGUF) -> dict[str, Any]:
    """The arguments of `Gemma3Backbone` that a GGUF file describes."""
    about = model.metadata
    if about.get("general.architecture") != "gemma3":
        raise ModelError(
            f"{model.path.name}: architecture {about.get('general.architecture')!r}. Gemma 3 text models are read."
        )
    rope_factor = float(about.get("gemma3.rope.scaling.factor", 1.0))
    return {
        "vocabulary_size": model.tensors[_EMBEDDING].shape[0],
        "image_size": None,
        "num_layers": about["gemma3.block_count"],
        "num_query_heads": about["gemma3.attention.head_count"],
        "num_key_value_heads": about["gemma3.attention.head_count_kv"],
        "hidden_dim": about["gemma3.embedding_length"],
        "intermediate_dim": about["gemma3.feed_forward_length"],
        "head_dim": about["gemma3.attention.key_length"],
        "use_post_ffw_norm": True,
        "use_post_attention_norm": True,
        "use_sliding_window_attention": True,
        "sliding_window_size": about["gemma3.attention.sliding_window"],
        "global_rope_scaling_factor": rope_factor,
        "layer_norm_epsilon": about["gemma3.attention.layer_norm_rms_epsilon"],
    }


def linears(backbone: Any, *, first: int = 0) -> Iterator[Linear]:
    """The linear layers of the decoder blocks from index `first` up, in order."""
    for index, block in enumerate(backbone.transformer_layers):
        if index < first:
            continue
        attention = block.attention
        for name, layer in (
            ("self_attn.q_proj", attention.query_dense),
            ("self_attn.k_proj", attention.key_dense),
            ("self_attn.v_proj", attention.value_dense),
            ("self_attn.o_proj", attention.output_dense),
            ("mlp.gate_proj", block.gating_ffw),
            ("mlp.up_proj", block.gating_ffw_2),
            ("mlp.down_proj", block.ffw_linear),
        ):
            yield Linear(f"model.layers.{index}.{name}", f"blk.{index}.{MODULES[name]}", layer)


def to_kernel(matrix: Floats, shape: tuple[int, ...]) -> Floats:
    """A matrix (out, in), as PyTorch and GGUF hold it, as a Keras kernel of `shape`.

    Kernels are (in, out), (heads, in, head) for query, key and value, and (heads, head, out) for the output.
    """
    out, inner = matrix.shape
    if len(shape) == 2:
        return matrix.T
    if shape[1] == inner:
        return matrix.reshape(shape[0], shape[2], inner).transpose(0, 2, 1)
    return matrix.T.reshape(shape[0], shape[1], out)


def to_matrix(kernel: Floats, *, output: bool) -> Floats:
    """The inverse of `to_kernel`; `output` says that the kernel is the attention's output projection."""
    if kernel.ndim == 2:
        return kernel.T
    if output:
        return kernel.reshape(-1, kernel.shape[2]).T
    return kernel.transpose(0, 2, 1).reshape(-1, kernel.shape[1])


def _constant(values: Any) -> Any:
    def initializer(shape: tuple[int, ...], dtype: str) -> Any:
        if tuple(values.shape) != tuple(shape):
            raise ModelError(f"A weight has shape {values.shape}, expected {tuple(shape)}. The base file is not sound.")
        return keras.ops.cast(values, dtype)

    return initializer


def _weights(model: GGUF, backbone: Any) -> Iterator[tuple[Any, Any]]:
    def linear(name: str, variable: Any) -> Any:
        return lambda: to_kernel(model.floats(name), tuple(variable.shape))

    def norm(name: str) -> Any:
        # llama.cpp stores the factor itself, Keras its distance from one.
        return lambda: model.floats(name) - np.float32(1)

    if not is_packed(backbone.token_embedding):
        yield backbone.token_embedding.embeddings, lambda: model.floats(_EMBEDDING)
    yield backbone.layer_norm.scale, norm("output_norm.weight")
    for one in linears(backbone):
        yield one.layer.kernel, linear(f"{one.gguf}.weight", one.layer.kernel)
    for index, block in enumerate(backbone.transformer_layers):
        for name, layer in (
            ("attn_norm", block.pre_attention_norm),
            ("post_attention_norm", block.post_attention_norm),
            ("attn_q_norm", block.attention.query_norm),
            ("attn_k_norm", block.attention.key_norm),
            ("ffn_norm", block.pre_ffw_norm),
            ("post_ffw_norm", block.post_ffw_norm),
        ):
            yield layer.scale, norm(f"blk.{index}.{name}.weight")
