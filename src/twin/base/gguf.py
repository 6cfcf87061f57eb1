"""GGUF files: the metadata and tensors of a base model, memory-mapped.

The `gguf` package dequantises; the header is read here, because its reader makes an array view of each of a
million metadata values and takes 12 s for a vocabulary of 262,144 words, where this takes a quarter of one.

Source: the GGUF specification, version 3 (ggml, `docs/gguf.md`).
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import gguf
import numpy as np
import numpy.typing as npt

from twin.errors import ModelError

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
# GGUF metadata value types that are plain numbers: struct code by type number.
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_CHUNK_ROWS = 8192
BLOCK, _BLOCK_BYTES = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType.Q8_0]
"""Weights that share a scale in the format Q8_0, and the bytes of such a block."""
# Modules of a decoder layer: their name in Hugging Face's format and in GGUF's.
MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tensor:
    """Where a tensor lies. `shape` is as numpy has it: rows first, the reverse of GGUF's order."""

    name: str
    shape: tuple[int, ...]
    kind: gguf.GGMLQuantizationType
    offset: int
    size: int


class GGUF:
    """An open GGUF file: `metadata` by key, `tensors` by name.

    `kinds` says of what type each metadata value is stored as and, of an array, its items; a copy needs it.
    """

    def __init__(self, path: Path) -> None:
        """Read the header. Raises ModelError where the file is missing, cut short or no GGUF."""
        self.path = path
        try:
            with path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path.name}: the model file cannot be opened ({error}). Give a GGUF file.") from error
        self.metadata: dict[str, Any] = {}
        self.kinds: dict[str, tuple[gguf.GGUFValueType, gguf.GGUFValueType | None]] = {}
        self.tensors: dict[str, Tensor] = {}
        try:
            self._read_header()
        except (struct.error, UnicodeDecodeError, KeyError, ValueError, IndexError) as error:
            raise ModelError(
                f"{path.name}: the GGUF header is broken or cut short. Fetch or copy the file again."
            ) from error

    def floats(self, name: str, rows: Sequence[int] | None = None) -> Floats:
        """A tensor as float32, of its `shape`; with `rows`, only these rows of a matrix."""
        try:
            tensor = self.tensors[name]
        except KeyError:
            raise ModelError(f"{self.path.name}: has no tensor {name}. It is not a Gemma 3 text model.") from None
        raw = self.raw(name)
        if rows is not None:
            raw = raw[np.asarray(rows)]
        if tensor.kind == gguf.GGMLQuantizationType.F32:
            return np.array(raw, dtype=np.float32)
        if raw.ndim == 1:
            return gguf.dequantize(raw, tensor.kind).astype(np.float32)
        # By blocks of rows, so that the scratch arrays stay in the processor's cache.
        out = np.empty((raw.shape[0], tensor.shape[-1]), np.float32)
        for start in range(0, raw.shape[0], _CHUNK_ROWS):
            out[start : start + _CHUNK_ROWS] = gguf.dequantize(raw[start : start + _CHUNK_ROWS], tensor.kind)
        return out

    def raw(self, name: str) -> npt.NDArray[Any]:
        """A tensor as it is stored: (rows, bytes per row) for block formats, otherwise its own type and shape."""
        tensor = self.tensors[name]
        data = np.frombuffer(self._map, dtype=np.uint8, count=tensor.size, offset=tensor.offset)
        if tensor.kind == gguf.GGMLQuantizationType.F32:
            return data.view(np.float32).reshape(tensor.shape)
        if tensor.kind == gguf.GGMLQuantizationType.F16:
            return data.view(np.float16).reshape(tensor.shape)
        return data.reshape(*tensor.shape[:-1], -1)

    def blocks(self, name: str) -> tuple[npt.NDArray[np.int8], Floats] | None:
        """A matrix in the format Q8_0 as its codes, of its `shape`, and their scales, (rows, columns / 32); else None."""
        if self.tensors[name].kind != gguf.GGMLQuantizationType.Q8_0:
            return None
        raw = self.raw(name)
        blocks = raw.reshape(len(raw), -1, _BLOCK_BYTES)
        scales = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0].astype(np.float32)
        return np.ascontiguousarray(blocks[..., 2:]).view(np.int8).reshape(len(raw), -1), scales

    def let_go(self) -> None:
        """Give back the memory of what was read; it can be read again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _read_header(self) -> None:
        self._at = 0
        if self._bytes(4) != _MAGIC:
            raise ModelError(f"{self.path.name}: not a GGUF file (it does not begin with GGUF). Give a GGUF file.")
        version, tensor_count, pair_count = cast("tuple[int, int, int]", self._unpack("<IQQ"))
        if version not in {2, 3}:
            raise ModelError(f"{self.path.name}: GGUF version {version}; versions 2 and 3 are read.")
        for _ in range(pair_count):
            key = self._string()
            kind = self._unpack("<I")[0]
            item = struct.unpack_from("<I", self._map, self._at)[0] if kind == _ARRAY else None
            self.kinds[key] = (gguf.GGUFValueType(kind), None if item is None else gguf.GGUFValueType(item))
            self.metadata[key] = self._value(kind)
        places: list[tuple[str, tuple[int, ...], gguf.GGMLQuantizationType, int]] = []
        for _ in range(tensor_count):
            name = self._string()
            dimensions = self._unpack("<I")[0]
            shape = tuple(reversed(self._unpack(f"<{dimensions}Q")))
            kind, offset = self._unpack("<IQ")
            places.append((name, shape, gguf.GGMLQuantizationType(kind), offset))
        alignment = int(self.metadata.get("general.alignment", 32))
        start = -(-self._at // alignment) * alignment
        for name, shape, kind, offset in places:
            block, block_bytes = gguf.GGML_QUANT_SIZES[kind]
            size = int(np.prod(shape)) // block * block_bytes
            if start + offset + size > len(self._map):
                raise ModelError(f"{self.path.name}: cut short within tensor {name}. Fetch or copy the file again.")
            self.tensors[name] = Tensor(name, shape, kind, start + offset, size)

    def _bytes(self, size: int) -> bytes:
        piece = self._map[self._at : self._at + size]
        if len(piece) != size:
            raise ValueError("end of file")
        self._at += size
        return piece

    def _unpack(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self._map, self._at)
        self._at += struct.calcsize(form)
        return values

    def _string(self) -> str:
        return self._bytes(self._unpack("<Q")[0]).decode("utf-8")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._unpack("<" + _SCALARS[kind])[0]
        item, count = self._unpack("<IQ")
        if item == _STRING:
            return [self._string() for _ in range(count)]
        if item == _ARRAY:
            return [self._value(item) for _ in range(count)]
        return list(self._unpack(f"<{count}{_SCALARS[item]}"))
