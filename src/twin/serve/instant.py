"""The twin before its training: the base goes on with a transcript of what the owner really wrote."""

from twin.serve.memory import Exchange, Memory

_TELLING = 8
"""Exchanges that fit what is being said, at most."""
_LATEST = 12
"""Exchanges that show how the owner writes, whatever is being said, at most."""


def examples(memory: Memory, text: str, *, characters: int = 2000) -> list[Exchange]:
    """Exchanges to begin a transcript with, in order: how the owner writes lately, then what fits `text` best.

    The first half is mostly the same for every reply, so that the server need not read it again.

    Args:
        characters: of all exchanges together at most, about a quarter as many tokens.
    """
    telling = _within(memory.recall(text, _TELLING), characters // 2)
    latest = [exchange for exchange in reversed(memory.latest(_LATEST)) if exchange not in telling]
    return [*reversed(_within(latest, characters // 2)), *reversed(telling)]


def opening(found: list[Exchange], *, speaker: str) -> str:
    """Exchanges as the beginning of a transcript: no dates, for the base must write none."""
    return "\n\n".join(exchange.lines(speaker, dated=False) for exchange in found)


def _within(found: list[Exchange], characters: int) -> list[Exchange]:
    while found and _length(found) > characters:
        found = found[:-1]
    return found


def _length(found: list[Exchange]) -> int:
    return sum(len(exchange.lines("")) for exchange in found)
