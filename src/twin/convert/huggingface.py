"""The base with an adapter merged into it, as a Hugging Face folder, through KerasHub's exporter."""

from twin.base import keras  # it chooses Keras' backend, so it comes before whatever imports Keras

# isort: split
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from keras_hub.models import Gemma3CausalLM, Gemma3Tokenizer

from twin.base.adapter import LoraAdapter
from twin.base.lora import merge
from twin.base.models import Base

_MARKS = ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")


def write_folder(adapter: LoraAdapter, base: Base, target: Path, *, dtype: str = "bfloat16") -> None:
    """Write weights, configuration and tokenizer as Transformers and vLLM read them.

    Args:
        dtype: of the weights. bfloat16 is what Gemma is published in; on Gemma 3 270M it costs 0.0001 nats of
            divergence, far less than the base's own quantisation.

    Raises:
        ModelError: the adapter does not fit the base.
    """
    backbone = keras.load(base, dtype=dtype, packed=False)
    # The exporter reads kernels and nothing else: what is not merged into them would silently be left out.
    merge(backbone, adapter)
    tokenizer = Gemma3Tokenizer(base.vocabulary.proto, has_vision_tokens=False)
    # The exporter asks the preprocessor for its tokenizer only; a real one would need TensorFlow.
    model = Gemma3CausalLM(backbone=backbone, preprocessor=SimpleNamespace(tokenizer=tokenizer))
    model.export_to_transformers(str(target))
    _complete(target, base)


def _complete(target: Path, base: Base) -> None:
    """Mend what the exporter says of a text-only Gemma 3 (seen in KerasHub 0.32).

    It describes the image tokens of the larger models, one of them beyond the vocabulary; it does not know the
    context length, nor that an instruction-tuned model also ends at its turn mark.
    """
    vocabulary = base.vocabulary
    marks = {name: token for name in _MARKS if (token := vocabulary.mark(name)) is not None}
    about = base.model.metadata
    _update(target / "config.json", max_position_embeddings=about["gemma3.context_length"], tie_word_embeddings=True)
    ends = [vocabulary.eos]
    if base.instruction_tuned:
        ends += [marks["<end_of_turn>"]]
        (target / "chat_template.jinja").write_text(about["tokenizer.chat_template"], encoding="utf-8")
    _update(
        target / "generation_config.json",
        bos_token_id=vocabulary.bos,
        eos_token_id=ends,
        pad_token_id=vocabulary.pad,
    )
    (target / "special_tokens_map.json").unlink()
    (target / "tokenizer_config.json").unlink()
    _update(
        target / "tokenizer_config.json",
        tokenizer_class="GemmaTokenizer",
        bos_token=vocabulary.pieces[vocabulary.bos],
        eos_token=vocabulary.pieces[vocabulary.eos],
        pad_token=vocabulary.pieces[vocabulary.pad],
        unk_token="<unk>",  # noqa: S106  a piece of the vocabulary
        add_bos_token=True,
        add_eos_token=False,
        clean_up_tokenization_spaces=False,
        spaces_between_special_tokens=False,
        model_max_length=about["gemma3.context_length"],
        added_tokens_decoder={
            str(token): {
                "content": name,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for name, token in marks.items()
        },
    )


def _update(path: Path, **values: Any) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(known | values, indent=2) + "\n", encoding="utf-8")
