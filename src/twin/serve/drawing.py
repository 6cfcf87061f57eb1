"""Drawing a reply: what every server of twins has in common, from the conversation to the pieces of a reply."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from twin.base.models import Base
from twin.base.template import encode
from twin.domain.examples import Role, Turn
from twin.domain.ports import Piece, Sampling
from twin.errors import DataError
from twin.serve.prompt import fit

TRIES = 3
"""An empty reply is drawn again, so often in all."""


def draw(
    turns: Sequence[Turn],
    texts: Callable[[list[int], Sampling], Generator[str]],
    *,
    base: Base,
    speaker: str,
    sampling: Sampling,
    preamble: str,
    context: int,
) -> Iterator[Piece]:
    """The pieces of a reply, as they come.

    Args:
        texts: generates from token ids; it is closed as soon as the reply has ended.
        context: tokens of prompt and reply together.

    Raises:
        DataError: the reply may be so long that no prompt fits, or the last message is too long.
    """
    limit = context - sampling.max_tokens - 1
    if limit < context // 4:
        raise DataError(f"max_tokens is {sampling.max_tokens}; at most {context * 3 // 4} fit.")
    template = base.template
    tokens = fit(turns, speaker=speaker, preamble=preamble, template=template, vocabulary=base.vocabulary, limit=limit)
    for tried in range(TRIES if sampling.temperature > 0 else 1):
        drawing = sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + tried)
        reader = template.reader(speaker=speaker)
        written = False
        with closing(texts(tokens, drawing)) as found:
            for text in found:
                for piece in reader.feed(text):
                    written = written or bool(piece.text.strip())
                    yield piece
                if reader.ended:
                    break
        for piece in reader.close():
            written = written or bool(piece.text.strip())
            yield piece
        if written:
            return


def parted(turns: Sequence[Turn], *, base: Base, preamble: str, context: int) -> tuple[list[int], list[int]]:
    """Token ids of all turns but the last, up to the name of whoever wrote that, and of what stands after it."""
    template, vocabulary = base.template, base.vocabulary
    *before, last = turns
    segments = template.reply(replace(last, role=Role.OWNER))
    target = [token for segment in segments for token in encode(segment, vocabulary)]
    limit = context - len(target) - 1
    return (
        fit(before, speaker=last.name, preamble=preamble, template=template, vocabulary=vocabulary, limit=limit),
        target,
    )
