"""The report: everything that was measured of a twin, as one value that JSON can hold."""

from dataclasses import asdict, dataclass, field
from typing import Any

from twin.errors import DataError
from twin.likeness.figures import Figure
from twin.likeness.style import Panel

VERSION = 1
_AS_THEY_ARE = ("speaker", "base", "full", "seed", "replies", "foreign", "answer_s")
_TABLES = ("loss", "gain", "style", "position", "copying", "identifiers")
_SINGLE = ("choice", "leakage", "leakage_base", "specificity", "ended")


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of the held-out part: what was said before, what the person said, and what the twin says."""

    before: tuple[tuple[str, str], ...]
    real: tuple[str, ...]
    twin: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of the chat on its way to the examples. Counts only.

    Attributes:
        redacted: False where the owner switched the pseudonyms of other people off.
    """

    messages: int = 0
    kept: int = 0
    owner_messages: int = 0
    dropped: dict[str, int] = field(default_factory=dict[str, int])
    replaced: dict[str, int] = field(default_factory=dict[str, int])
    redacted: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured; None where it was not.

    Attributes:
        loss: nats per character on the held-out replies, of `base`, `few_shot`, `twin`, `other_twin`.
        gain: by which share the twin's loss is below that of each of these.
        choice: share of true replies found among four; 25 % is chance.
        style: authorship scores: `floor`, `ceiling`, and those of the speakers.
        position: where `twin` and the others stand between floor (0) and ceiling (1).
        profiles: cosine delta to the person, by `characters` and `words`, of the same voices.
        panels: the style panel of `person`, `twin`, `base`.
        copying: share of replies with eight words of a training reply, of `twin` and `person`.
        leakage: mean exposure of the planted secrets, in bits; `secrets` holds each. `leakage_base` is that of the
            same secrets in the untouched base, which never saw them: what chance gives these.
        identifiers: share of replies with a third party's identifier: `any` that looks like one, `known` from the chat.
        specificity: by which share the twin's loss is below that of somebody else's twin.
        replies: how many were drawn; `ended` by themselves; `foreign` with a letter of a script the person never used.
        answer_s: median seconds until the person answers, where the export has times.
        curve: rows with `step`, `loss` and, where measured, `held_out`, in nats per token.
    """

    speaker: str
    base: str
    full: bool
    seed: int
    loss: dict[str, Figure] = field(default_factory=dict[str, Figure])
    gain: dict[str, Figure] = field(default_factory=dict[str, Figure])
    choice: Figure | None = None
    style: dict[str, Figure] = field(default_factory=dict[str, Figure])
    position: dict[str, Figure] = field(default_factory=dict[str, Figure])
    profiles: dict[str, dict[str, Figure]] = field(default_factory=dict[str, dict[str, Figure]])
    panels: dict[str, Panel] = field(default_factory=dict[str, Panel])
    copying: dict[str, Figure] = field(default_factory=dict[str, Figure])
    leakage: Figure | None = None
    leakage_base: Figure | None = None
    secrets: tuple[float, ...] = ()
    identifiers: dict[str, Figure] = field(default_factory=dict[str, Figure])
    specificity: Figure | None = None
    replies: int = 0
    ended: Figure | None = None
    foreign: int = 0
    answer_s: float | None = None
    samples: tuple[Sample, ...] = ()
    curve: tuple[dict[str, float], ...] = ()
    account: Account | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as plain values. Figures are `{value, low, high, n}`, what was not measured is null."""
        data: dict[str, Any] = {"version": VERSION}
        for name in self.__slots__:
            data[name] = _plain(getattr(self, name))
        for speaker in ("base", "few_shot", "twin", "other_twin"):
            data["loss"].setdefault(speaker, None)
        for voice in ("floor", "twin", "ceiling"):
            data["style"].setdefault(voice, None)
        for voice in ("twin", "person"):
            data["copying"].setdefault(voice, None)
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """The report that `to_json` described. Raises DataError."""
        try:
            if data["version"] != VERSION:
                raise DataError(
                    f"The report has version {data['version']}, not {VERSION}. Run `twin report NAME --full` anew."
                )
            values: dict[str, Any] = {name: data[name] for name in _AS_THEY_ARE}
            values |= {name: _figures(data[name]) for name in _TABLES}
            values |= _figures({name: data.get(name) for name in _SINGLE})
            values["profiles"] = {name: _figures(table) for name, table in data["profiles"].items()}
            values["panels"] = {name: Panel(**panel) for name, panel in data["panels"].items()}
            values["samples"] = tuple(
                Sample(tuple((name, text) for name, text in one["before"]), tuple(one["real"]), tuple(one["twin"]))
                for one in data["samples"]
            )
            values["account"] = data["account"] and Account(**data["account"])
            return cls(**values, secrets=tuple(data["secrets"]), curve=tuple(data["curve"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError("The report is broken. Run `twin report NAME --full` anew.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return value.to_json()
    if isinstance(value, Panel | Sample | Account):
        return {name: _plain(one) for name, one in asdict(value).items()}
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def _figures(data: dict[str, Any]) -> dict[str, Figure]:
    return {name: Figure.from_json(one) for name, one in data.items() if one is not None}
