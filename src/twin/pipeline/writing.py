"""Diaries, letters and posts in a run: who says what was said before them, and what asking Gemini would cost."""

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twin.domain.examples import Turn
from twin.domain.ports import Sampling
from twin.errors import BusyError, ModelError, SettingsError, UnavailableError
from twin.pipeline import machines, redaction, uploads
from twin.pipeline.runs import redacts
from twin.pipeline.work import Work
from twin.prepare.augment import LocalOtherSide, OtherSide, documents, passages
from twin.serve.voice import messages

if TYPE_CHECKING:
    from twin.prepare.gemini import Estimate, GeminiOtherSide


def other_sides(work: Work) -> list[OtherSide]:
    """Gemini where the owner agreed to it for this run, and the local base for whatever is left. Raises SettingsError."""
    local = LocalOtherSide(_answers(work))
    agreement = work.run.options.get("gemini")
    return [local] if agreement is None else [_gemini(work, agreement), local]


def estimate(work: Work) -> "Estimate":
    """What asking Gemini about this twin's writing would send and cost. Sends nothing. Raises SettingsError."""
    from twin.prepare.gemini import AGREEMENT  # noqa: PLC0415 -- an extra

    gemini = _gemini(work, AGREEMENT)
    everything = list(uploads.reading(work.objects, work.twin, work.scratch / "uploads").messages())
    redactor = redaction.redactor(work, everything)
    own = set(work.twin.speakers)
    told = documents(redactor.message(one) for one in everything if own & {one.sender, one.sender_id})
    price = machines.prices()
    per_million = (price["gemini_input_million"], price["gemini_output_million"])
    return gemini.estimate([passage for document in told for passage in passages(document)], prices=per_million)


def _gemini(work: Work, agreement: str) -> "GeminiOtherSide":
    if work.gemini is None:
        raise SettingsError("Gemini cannot be asked from here. Leave --gemini out.")
    if not redacts(work.twin, work.run):
        raise SettingsError("Other people's names would go to Gemini as they are. Leave --no-redact out.")
    return work.gemini(agreement, work.twin.id)


def _answers(work: Work) -> Callable[[Sequence[Turn], str], str]:
    """The untouched base. Where none can be had, as in a container that only prepares, it stays silent."""
    silent = False

    def answer(turns: Sequence[Turn], name: str) -> str:
        nonlocal silent
        if silent:
            return ""
        seed = zlib.crc32(turns[-1].messages[0].encode())
        sampling = Sampling(temperature=0.7, max_tokens=40, seed=seed)
        try:
            pieces = work.chat(work.twin.base).reply(turns, speaker=name, adapter=None, sampling=sampling)
            return next(messages(pieces), "")
        except (BusyError, ModelError, SettingsError, UnavailableError):
            silent = True
            return ""

    return answer
