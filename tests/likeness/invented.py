"""An invented chat of three people who write differently about the same things, and a small language model of letters."""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from twin.domain.examples import Example, Role, Split, Turn
from twin.likeness import Model, Sampled, Scored
from twin.likeness.models import counted

_THINGS = [
    "the bus",
    "dinner",
    "that film",
    "the garden",
    "your bike",
    "the meeting",
    "my sister",
    "the weather",
    "this song",
    "the cat",
    "the train",
    "work",
    "the new shop",
    "football",
    "the kitchen",
    "coffee",
    "the party",
    "our flat",
    "the exam",
    "the beach",
    "the boiler",
    "their dog",
    "the printer",
]
_SAYS = [
    "was late again",
    "is finally done",
    "looks so nice today",
    "broke down yesterday",
    "makes no sense to me",
    "was better last year",
    "needs some fixing soon",
    "costs far too much",
    "is on my way home",
    "starts at eight tomorrow",
    "will be fun for sure",
    "could have been worse honestly",
    "is not what i wanted",
    "sounds like a plan",
    "took the whole morning",
    "smells of paint",
]


def _plain(chance: random.Random) -> str:
    return f"{chance.choice(_THINGS)} {chance.choice(_SAYS)}"


def ida(chance: random.Random) -> tuple[str, ...]:
    """Small letters, short messages in a row, lol, dots between."""
    parts = [_plain(chance)]
    if chance.random() < 0.5:
        parts.append(chance.choice(["lol", "idk tho", "anyway", "u know", "lmao"]) + " " + _plain(chance))
    return tuple(part.replace("you", "u").replace("to me", "2 me") for part in parts)


def orson(chance: random.Random) -> tuple[str, ...]:
    """Whole sentences."""
    first, second = _plain(chance), _plain(chance)
    return (f"Well, {first}; however, {second}. {chance.choice(['Indeed.', 'I am sure of it.', 'Would you agree?'])}",)


def zoe(chance: random.Random) -> tuple[str, ...]:
    """Shouting and emoji."""
    return (
        f"OMG {_plain(chance)}!!! {chance.choice(['😂😂', '🎉', '😍'])} {chance.choice(['sooo true', 'yesss', 'noooo'])}!",
    )


WRITERS = {"Ida": ida, "Orson": orson, "Zoe": zoe}


def talk(owner: str, *, n: int = 260, seed: int = 1, split_at: float = 0.7) -> list[Example]:
    """`n` stretches in which somebody speaks, the owner answers, and the third has a word."""
    chance = random.Random(seed)
    others = [name for name in WRITERS if name != owner]
    examples: list[Example] = []
    for at in range(n):
        first, last = chance.sample(others, 2)
        turns = tuple(
            Turn(Role.OWNER if name == owner else Role.OTHER, name, WRITERS[name](chance))
            for name in (first, owner, last)
        )
        examples.append(Example(turns, 1, Split.TRAIN if at < split_at * n else Split.HELD_OUT, "test:three"))
    return examples


class Letters:
    """A language model of letters: interpolated n-grams (Witten and Bell 1991)."""

    def __init__(self, order: int = 6) -> None:
        self.order = order
        self.seen: dict[str, Counter[str]] = defaultdict(Counter)

    def learn(self, text: str, times: int = 1) -> None:
        for at, letter in enumerate(text):
            for n in range(self.order):
                if at >= n:
                    self.seen[text[at - n : at]][letter] += times

    def probability(self, letter: str, before: str) -> float:
        found = 1 / 1000
        for n in range(min(self.order - 1, len(before)) + 1):
            seen = self.seen.get(before[len(before) - n :])
            if seen:
                total, kinds = seen.total(), len(seen)
                found = (seen[letter] + kinds * found) / (total + kinds)
        return found

    def nats(self, text: str, before: str) -> float:
        return -sum(math.log(self.probability(c, (before + text[:at])[-self.order :])) for at, c in enumerate(text))

    def score(self, examples: Sequence[Example]) -> list[Scored]:
        return [
            Scored(
                sum(self.nats("\n".join(turn.messages) + "\x1e", f"\n{turn.name}: ") for turn in counted(example)),
                sum(len(message) for turn in counted(example) for message in turn.messages),
            )
            for example in examples
        ]

    def reply(self, name: str) -> "Reply":
        return Reply(self, name)

    def codes(self, turns: Sequence[Turn], name: str, start: str) -> list[float]:
        found = [0.0]
        for depth in range(4):
            found = [
                one
                + math.log(
                    self.probability(str(digit), (f"\n{name}: {start}" + f"{at:0{depth}}"[:depth])[-self.order :])
                )
                for at, one in enumerate(found)
                for digit in range(10)
            ]
        return found

    def model(self, name: str) -> Model:
        return Model(self.score, self.reply(name))


class Reply:
    """Draws replies, letter by letter."""

    def __init__(self, letters: Letters, name: str) -> None:
        self.letters, self.name = letters, name

    def __call__(self, turns: Sequence[Turn], seed: int) -> Sampled:
        chance = random.Random(seed)
        text, before = "", f"\n{self.name}: "
        while len(text) < 200:
            context = (before + text)[-self.letters.order + 1 :]
            while context and context not in self.letters.seen:
                context = context[1:]
            seen = self.letters.seen[context]
            letter = chance.choices(list(seen), list(seen.values()))[0]
            if letter == "\x1e":
                return Sampled(tuple(text.split("\n")))
            text += letter
        return Sampled(tuple(text.split("\n")), ended=False)


def trained(examples: Sequence[Example], *, on: str, times: int = 4, order: int = 6) -> Letters:
    """A model of everybody in the training part that has read what `on` says some times more."""
    letters = Letters(order)
    for example in examples:
        if example.split is Split.TRAIN:
            for turn in example.turns:
                said = "\n".join(turn.messages) + "\x1e"
                letters.learn(f"\nSomebody: {said}")
                if turn.name == on:
                    letters.learn(f"\nIda: {said}", times)
    return letters
