"""Prompts that fit: the conversation so far as token ids, without its oldest parts where it is too long."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from twin.base.template import Template
from twin.base.vocabulary import Vocabulary
from twin.domain.examples import Turn
from twin.errors import DataError


def fit(
    turns: Sequence[Turn], *, speaker: str, preamble: str, template: Template, vocabulary: Vocabulary, limit: int
) -> list[int]:
    """Token ids of the prompt, at most `limit`.

    What is dropped grows in steps of a quarter of the limit, so that a long conversation keeps its beginning for
    many turns, and with it the context that the server has computed already.

    Raises:
        DataError: the last message alone is too long.
    """

    def tokens(said: Sequence[Turn], opening: str) -> list[int]:
        return template.tokens(template.prompt(said, speaker=speaker, preamble=opening), vocabulary)[0]

    ids = tokens(turns, preamble)
    if len(ids) <= limit:
        return ids
    step = max(1, limit // 4)
    excess = -(-(len(ids) - limit) // step) * step
    frame = len(tokens([], ""))
    sizes = (len(tokens([turn], "")) - frame for turn in turns[:-1])
    first = next((index + 1 for index, size in enumerate(accumulate(sizes)) if size >= excess), len(turns) - 1)
    for start in range(max(0, first), len(turns)):
        for opening in (preamble, ""):
            ids = tokens(turns[start:], opening)
            if len(ids) <= limit:
                return ids
            if start < len(turns) - 1:
                break
    # Of several messages in a row the last counts: an earlier one may be what did not fit before.
    for left in range(1, len(turns[-1].messages)):
        ids = tokens([replace(turns[-1], messages=turns[-1].messages[left:])], "")
        if len(ids) <= limit:
            return ids
    raise DataError(f"The message is {len(ids)} tokens long; at most {limit} fit. Send it in shorter parts.")
