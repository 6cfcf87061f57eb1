"""Lines of text that no tokenizer likes."""

import random
from collections.abc import Iterator

from twin.base.vocabulary import Vocabulary

LINES = 1000
WORDS = [
    "the",
    "lol",
    "tbh",
    "gonna",
    "don't",
    "3,50€",
    "#1",
    "@ana",
    "a/b",
    "e-mail",
    "xoxo",
    "HAHA",
    "hmmm...",
    "C++",
    "naïve",
    "ñandú",
    "¿qué?",
    "œuvre",
    "Straße",
    "ığdır",
    "привет",
    "щёлк",
    "γειά",
    "σου",
    "שלום",
    "مرحبا",
    "كيف",
    "हिन्दी",
    "नमस्ते",
    "বাংলা",
    "ไทยสวัสดี",
    "안녕하세요",
    "日本語",
    "ですね",
    "中文",
    "你好吗",
    "ქართული",
    "አማርኛ",
    "x²",
    "½",
    "∑",
    "→",
    "„so“",
    "«так»",
    "“q”",
    "‘s’",
    "—",
    "…",
    "1,234.56",
    "2026-11-22",
    "12:30",
    "http://x.y/z?a=b&c=%20",
    "<b>",
    "</b>",
    "<table>",
    "[multimodal]",
]
EMOJI = ("😅", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "❤️", "🇵🇹", "☺", "🤷🏻‍♀️", "\U0001fae8", "⛹️‍♂️")
MARKS = (
    *("\t", "\t\t", "\n", "\n\n", "\n\n\n", " ", "  ", "   ", "\r\n", "\u00a0", "\u200b", "\u200d", "\u200e", "\u202f"),
    *("\u2028", "\ufeff", "\u0301", "\u0007", "\u001b[0m", "\x7f", "\ufffd", "\ue000", "\U0010fffd"),
    *("<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "<unused7>", "<start_of_turn>", "<end_of_turn>", "<0x0A>", "<img>"),
)
RANGES = ((0x20, 0x7F), (0xA0, 0x250), (0x370, 0x600), (0x900, 0xE80), (0x3040, 0x3100), (0x4E00, 0x9FFF))


def lines(vocabulary: Vocabulary, *, seed: int) -> Iterator[str]:
    """Lines in mixed scripts, with emoji, white space of every kind, control characters and names of marks.

    The sign U+2581 is not among them: SentencePiece takes it for a space, llama.cpp only sometimes.
    """
    chance = random.Random(seed)
    for _ in range(LINES):
        parts: list[str] = []
        for _ in range(chance.randint(0, 14)):
            kind = chance.random()
            if kind < 0.25:
                parts.append(chance.choice(vocabulary.pieces).replace("▁", " "))
            elif kind < 0.45:
                parts.append(chance.choice(WORDS))
            elif kind < 0.6:
                parts.append(chance.choice(EMOJI) * chance.randint(1, 3))
            elif kind < 0.85:
                parts.append(chance.choice(MARKS))
            else:
                low, high = chance.choice((*RANGES, (0x20, 0xD800), (0xE000, 0x110000)))
                parts.append("".join(chr(chance.randrange(low, high)) for _ in range(chance.randint(1, 6))))
            parts.append(chance.choice((" ", " ", "", "")))
        yield "".join(parts)
