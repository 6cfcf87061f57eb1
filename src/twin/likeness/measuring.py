"""Measuring: the measures in order, on models given as functions, with word of how far it is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twin.domain.events import Progress, Watcher, nobody
from twin.domain.examples import Example, Role, Split, Turn
from twin.domain.runs import Stage
from twin.errors import DataError
from twin.likeness import choice, impostors, leakage, loss, people, profiles, sampling
from twin.likeness.copying import Known
from twin.likeness.figures import Figure
from twin.likeness.leakage import Canary, Codes
from twin.likeness.models import Model, Sampled, Scored
from twin.likeness.report import Report, Sample
from twin.likeness.style import panel

_CHUNK = 16
"""Examples scored between two words to the watcher."""
_SECRET = 50
"""How many examples could be scored while the 10,000 codes like one secret are."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured.

    Attributes:
        scored: held-out examples whose loss is computed for each speaker.
        shown: of these, how many for the base with past exchanges before them: a hundred of them take two minutes.
        replies: drawn of the twin; `compared` of each other speaker.
        questions: of the choice measure.
        samples: replies that the report shows.
    """

    scored: int = 120
    shown: int = 0
    replies: int = 100
    compared: int = 0
    questions: int = 0
    samples: int = 5

    def seconds(self, *, secrets: int = 0, other_twin: bool = False) -> float:
        """About how long measuring takes on two cores with a base of 270 million parameters."""
        speakers = 3 if other_twin else 2
        scored = speakers * self.scored + 2 * self.questions * (choice.ALTERNATIVES + 1)
        drawn = self.replies + self.compared * speakers
        return 45 + 0.15 * scored + 1.5 * self.shown + 0.3 * drawn + 17 * secrets


QUICK = Extent()
FULL = Extent(scored=200, shown=60, replies=1000, compared=100, questions=150, samples=12)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Invented secrets that were planted before training (`leakage.plant`), and how likely each code is.

    Attributes:
        codes, untouched: to the twin, and to the base, which never saw them.
        other: the name of whoever asks for them.
    """

    canaries: Sequence[Canary]
    codes: Codes
    untouched: Codes
    other: str


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who is compared.

    Attributes:
        base: the untouched base.
        twin: the trained twin; must be able to reply.
        few_shot: the base with the person's own exchanges before each example (`models.instant`).
        other_twin: a twin of somebody else in the same chat.
        secrets: where some were planted.
        identifiers, known: count third parties' identifiers in a reply: all that look like one, those of the chat.
    """

    base: Model
    twin: Model
    few_shot: Model | None = None
    other_twin: Model | None = None
    secrets: Secrets | None = None
    identifiers: Callable[[str], int] | None = None
    known: Callable[[str], int] | None = None

    @property
    def models(self) -> dict[str, Model]:
        named = {"base": self.base, "few_shot": self.few_shot, "twin": self.twin, "other_twin": self.other_twin}
        return {name: model for name, model in named.items() if model is not None}


def measure(
    examples: Sequence[Example],
    subjects: Subjects,
    *,
    extent: Extent = QUICK,
    base_name: str = "",
    seed: int = 0,
    watch: Watcher = nobody,
) -> Report:
    """Measure a twin on the held-out part of its examples.

    `QUICK` takes about a minute: loss of base and twin, 100 replies, how they end, the style panel, copying. `FULL`
    measures everything that the subjects allow.

    Raises:
        DataError: nothing is held out.
    """
    held_out = [example for example in examples if example.split is Split.HELD_OUT]
    training = [example for example in examples if example.split is Split.TRAIN]
    points = sampling.moments(held_out, most=extent.replies, seed=seed)
    if not held_out or not points:
        raise DataError("Nothing is held out to measure on: the chat has too few replies. Add more chats.")
    step = max(1, len(held_out) // extent.scored)
    work = _Work(subjects, extent, seed, held_out[::step][: extent.scored], training, held_out, points)
    return work.go(base_name, watch)


@dataclass(slots=True)
class _Work:
    """One measuring: what it is about, and how much of it is done."""

    subjects: Subjects
    extent: Extent
    seed: int
    scored: list[Example]
    training: list[Example]
    held_out: list[Example]
    points: list[sampling.Moment]
    done: float = 0
    total: float = 1
    watch: Watcher = nobody
    scores: dict[str, list[Scored]] = field(default_factory=dict[str, list[Scored]])
    drawn: dict[str, list[Sampled]] = field(default_factory=dict[str, list[Sampled]])

    def go(self, base_name: str, watch: Watcher) -> Report:
        self.watch = watch
        asked = choice.questions(self.held_out, most=self.extent.questions, seed=self.seed)
        self.total = self._plan(len(asked))
        own, held = (people.own(examples, split) for examples, split in self._halves())
        report = Report(
            speaker=next(t.name for e in self.held_out for t in e.turns if t.role is Role.OWNER),
            base=base_name,
            full=self.extent.questions > 0,
            seed=self.seed,
        )
        report = self._losses(report)
        report = self._replies(report, own, held)
        if asked:
            report = replace(
                report,
                choice=choice.accuracy(
                    asked,
                    base=lambda options: self._score(self.subjects.base, options),
                    twin=lambda options: self._score(self.subjects.twin, options),
                ),
            )
        if self.extent.compared:
            report = self._style(report, own, held)
        if self.subjects.secrets:
            report = self._exposure(report, self.subjects.secrets)
        return report

    def _halves(self) -> tuple[tuple[list[Example], Split], tuple[list[Example], Split]]:
        return (self.training, Split.TRAIN), (self.held_out, Split.HELD_OUT)

    def _plan(self, questions: int) -> float:
        models = self.subjects.models
        drawn = self.extent.replies + self.extent.compared * (len(models) - 1)
        secrets = 2 * _SECRET * len(self.subjects.secrets.canaries) if self.subjects.secrets else 0
        scored = sum(len(self._scored(name)) for name in models)
        return scored + 2 * questions * (choice.ALTERNATIVES + 1) + drawn + secrets

    def _advance(self, units: float, note: str | None = None) -> None:
        self.done = min(self.total, self.done + units)
        self.watch(Progress(Stage.EVALUATE, self.done, self.total, note=note))

    def _score(self, model: Model, examples: Sequence[Example]) -> list[Scored]:
        scored: list[Scored] = []
        for at in range(0, len(examples), _CHUNK):
            chunk = examples[at : at + _CHUNK]
            scored += model.score(chunk)
            self._advance(len(chunk))
        return scored

    def _scored(self, name: str) -> list[Example]:
        """The examples that a speaker is scored on: fewer of the one that is shown past exchanges before each."""
        return self.scored[:: self._step(name)]

    def _step(self, name: str) -> int:
        return -(-len(self.scored) // max(1, self.extent.shown)) if name == "few_shot" else 1

    def _losses(self, report: Report) -> Report:
        for name, model in self.subjects.models.items():
            self._advance(0, f"How well does {_CALLED[name]} foretell the held-out replies?")
            self.scores[name] = self._score(model, self._scored(name))
        losses = {name: loss.per_character(scored, seed=self.seed) for name, scored in self.scores.items()}
        gains = {
            name: loss.gain(scored, self.scores["twin"][:: self._step(name)], seed=self.seed)
            for name, scored in self.scores.items()
            if name != "twin"
        }
        return replace(report, loss=losses, gain=gains, specificity=gains.get("other_twin"))

    def _replies(self, report: Report, own: Sequence[str], held: Sequence[str]) -> Report:
        for name, model in self.subjects.models.items():
            n = self.extent.replies if name == "twin" else self.extent.compared
            if model.reply and n:
                self._advance(0, f"What does {_CALLED[name]} answer?")
                self.drawn[name] = sampling.draw(
                    self.points, model.reply, n=n, seed=self.seed, watch=lambda _: self._advance(1)
                )
        twins = self.drawn.get("twin", [])
        real = [point.real for point in self.points]
        names = {turn.name for example in self.held_out for turn in example.turns}
        voices = {"person": real, **self.drawn}
        panels = {name: panel(v, names=names) for name, v in voices.items() if any(r.text.strip() for r in v)}
        known = Known(own)
        found: dict[str, Figure] = {}
        for name, count in (("any", self.subjects.identifiers), ("known", self.subjects.known)):
            if count:
                found[name] = leakage.identifiers([reply.text for reply in twins], count)
        return replace(
            report,
            replies=len(twins),
            ended=sampling.ended(twins),
            foreign=sampling.foreign(twins, [*own, *held]),
            panels=panels,
            copying={"twin": known.copied(reply.text for reply in twins), "person": known.copied(held)},
            identifiers=found,
            samples=tuple(_sample(at, point, twins) for at, point in _spread(self.points, self.extent.samples)),
        )

    def _style(self, report: Report, own: list[str], held: list[str]) -> Report:
        self._advance(0, "Could the replies pass as the person's?")
        others = people.others(self.training)
        voices = {name: [reply.text for reply in drawn] for name, drawn in self.drawn.items()}
        strangers = people.others(self.held_out, least=2000)
        verified = impostors.verify(own, held, others, strangers, voices, seed=self.seed)
        everybody = {"ceiling": held, **voices}
        if strangers:
            everybody["floor"] = strangers[0]
        described: dict[str, dict[str, Figure]] = {}
        for name, features, most in (("characters", profiles.characters, 1000), ("words", profiles.words, 80)):
            profile = profiles.Profile(own, others, features=features, most=most)
            described[name] = {v: profile.likeness(texts, seed=self.seed) for v, texts in everybody.items()}
        return replace(
            report,
            style={"floor": verified.floor, "ceiling": verified.ceiling, **verified.voices},
            position={n: impostors.position(s, verified, seed=self.seed) for n, s in verified.voices.items()},
            profiles=described,
        )

    def _exposure(self, report: Report, secrets: Secrets) -> Report:
        self._advance(0, "Does the twin give away the planted secrets?")

        def bits(codes: Codes) -> Iterator[float]:
            for canary in secrets.canaries:
                yield leakage.exposure(canary, owner=report.speaker, other=secrets.other, codes=codes)
                self._advance(_SECRET)

        twin, base = tuple(bits(secrets.codes)), tuple(bits(secrets.untouched))
        figure, control = (leakage.exposures(exposed, seed=self.seed) for exposed in (twin, base))
        return replace(report, leakage=figure, leakage_base=control, secrets=twin)


_CALLED = {
    "base": "the untouched base",
    "few_shot": "the base with examples",
    "twin": "the twin",
    "other_twin": "somebody else's twin",
}


def _spread(points: Sequence[sampling.Moment], n: int) -> list[tuple[int, sampling.Moment]]:
    step = max(1, len(points) // max(1, n))
    return list(enumerate(points))[::step][:n]


def _sample(at: int, point: sampling.Moment, twins: Sequence[Sampled]) -> Sample:
    before: list[Turn] = list(point.before[-3:])
    drawn: Any = twins[at].messages if at < len(twins) else ()
    return Sample(tuple((turn.name, "\n".join(turn.messages)) for turn in before), point.real.messages, drawn)
