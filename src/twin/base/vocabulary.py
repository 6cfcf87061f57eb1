"""The tokenizer of a base model: a SentencePiece BPE model, rebuilt from what a GGUF file says of it."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from twin.base.gguf import GGUF
from twin.errors import ModelError


class Piece(enum.IntEnum):
    """Token types of `tokenizer.ggml.token_type`, which are SentencePiece's own."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Vocabulary:
    """Pieces, scores and types by token id, and the encoder made of them.

    Plain text never becomes a control token: `encode` treats `<end_of_turn>` in somebody's message as letters.
    Marks of a template are looked up with `mark`.
    """

    pieces: Sequence[str]
    scores: Sequence[float]
    types: Sequence[int]
    bos: int
    eos: int
    pad: int

    @classmethod
    def of(cls, model: GGUF) -> "Vocabulary":
        """The vocabulary of a GGUF file. Raises ModelError where it is of another kind than SentencePiece BPE."""
        about = model.metadata
        if about.get("tokenizer.ggml.model") != "llama":
            raise ModelError(
                f"{model.path.name}: tokenizer {about.get('tokenizer.ggml.model')!r}; only SentencePiece ('llama') is read."
            )
        return cls(
            pieces=about["tokenizer.ggml.tokens"],
            scores=about["tokenizer.ggml.scores"],
            types=about["tokenizer.ggml.token_type"],
            bos=about["tokenizer.ggml.bos_token_id"],
            eos=about["tokenizer.ggml.eos_token_id"],
            pad=about.get("tokenizer.ggml.padding_token_id", 0),
        )

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def proto(self) -> bytes:
        """The serialised SentencePiece model, as `tokenizer.model` files hold it.

        BPE with byte fallback, no dummy prefix and no normalisation: what Gemma was trained with.
        """
        protos: Any = sentencepiece_model_pb2  # generated at import, so no type checker sees inside
        model = protos.ModelProto()
        model.trainer_spec.model_type = protos.TrainerSpec.BPE
        model.trainer_spec.byte_fallback = True
        model.trainer_spec.vocab_size = len(self.pieces)
        model.trainer_spec.pad_id = self.pad
        model.trainer_spec.bos_id = self.bos
        model.trainer_spec.eos_id = self.eos
        model.trainer_spec.unk_id = self.pieces.index("<unk>")
        for field, token in (("pad_piece", self.pad), ("bos_piece", self.bos), ("eos_piece", self.eos)):
            setattr(model.trainer_spec, field, self.pieces[token])
        model.normalizer_spec.name = "identity"
        model.normalizer_spec.add_dummy_prefix = False
        model.normalizer_spec.remove_extra_whitespaces = False
        model.normalizer_spec.escape_whitespaces = True
        add = model.pieces.add
        for piece, score, kind in zip(self.pieces, self.scores, self.types, strict=True):
            entry = add()
            # GGUF writes runs of spaces as such, SentencePiece with its own mark, as the text that it compares with.
            entry.piece = piece.replace(" ", "▁") if kind == Piece.USER_DEFINED else piece
            entry.score = score
            entry.type = Piece.UNKNOWN if piece == "<unk>" else kind
        return model.SerializeToString()

    @cached_property
    def _processor(self) -> sentencepiece.SentencePieceProcessor:
        return sentencepiece.SentencePieceProcessor(model_proto=self.proto)

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text, without a beginning mark."""
        return self._processor.EncodeAsIds(text)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of token ids; control tokens are left out, broken UTF-8 becomes U+FFFD."""
        return self._processor.DecodeIds([token for token in tokens if self.types[token] != Piece.CONTROL])

    @cached_property
    def digits(self) -> dict[int, int]:
        """How many decimal digits a token is, for those that are nothing else; a digit's byte counts."""
        bytes_ = {f"<0x{ord(digit):02X}>" for digit in "0123456789"}
        return {
            token: 1 if piece in bytes_ else len(piece)
            for token, piece in enumerate(self.pieces)
            if piece.isdecimal() or piece in bytes_
        }

    def mark(self, name: str) -> int | None:
        """The id of a control token such as `<end_of_turn>`; None where the vocabulary has none of that name."""
        return self._marks.get(name)

    @cached_property
    def _marks(self) -> dict[str, int]:
        return {
            piece: token
            for token, (piece, kind) in enumerate(zip(self.pieces, self.types, strict=True))
            if kind in {Piece.CONTROL, Piece.USER_DEFINED}
        }
