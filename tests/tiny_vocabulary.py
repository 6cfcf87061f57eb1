"""The vocabulary of the tiny Gemma: byte-pair encoding with byte fallback, trained on an invented chat."""

import io

import sentencepiece

_CHAT = [
    "Ana: did you water the tomatoes this morning",
    "Ben: not yet, i was asleep until ten 😅",
    "Ana: the bus leaves at half past six, don't be late again!",
    "Ben: okay okay, i will be there... probably",
    "Chen: 明天下午我们去公园吧，天气很好",
    "Chen: 好的，我带水果和茶",
    "Dilek: yarın sabah erkenden yola çıkıyoruz, unutma",
    "Maya: ¿quién trae el pan para la cena de mañana?",
    "Ivan: я приду позже, не ждите меня к ужину",
    "Noor: وصلت إلى المحطة قبل قليل",
    "Ana: that is the third umbrella you have lost this year",
    "Ben: it was not lost, it was shared with the city of Porto",
    "Ana: haha you are impossible 😂 see you tonight",
]


def vocabulary() -> bytes:
    """A serialised SentencePiece model of 600 pieces; ids 0 to 3 are `<pad> <eos> <bos> <unk>` as in Gemma."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.Train(
        sentence_iterator=iter(_CHAT * 4),
        model_writer=model,
        model_type="bpe",
        vocab_size=600,
        byte_fallback=True,
        character_coverage=0.99,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        num_threads=1,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        unk_piece="<unk>",
        user_defined_symbols=["<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "▁▁", "▁▁▁", "\t"],
        minloglevel=2,
    )
    return model.getvalue()
