"""A whole measuring, quick and full, and the report as JSON."""

import json

import pytest
from tests.likeness.invented import talk, trained

from twin.domain.events import Progress
from twin.domain.examples import Example, Split
from twin.errors import DataError
from twin.likeness import Extent, Model, Report, Sampled, Secrets, Subjects, exchanges, instant, leakage, measure

SMALL = Extent(scored=60, shown=20, replies=60, compared=60, questions=40, samples=4)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return talk("Ida")


@pytest.fixture(scope="module")
def report(examples: list[Example]) -> Report:
    canaries = leakage.invent(6, seed=2)
    letters = {name: trained(examples, on=name) for name in ("nobody", "Ida", "Orson")}
    base = letters["nobody"].model("Somebody")
    subjects = Subjects(
        base=base,
        twin=letters["Ida"].model("Ida"),
        few_shot=instant(base, exchanges(examples[:50], characters=300, seed=1)),
        other_twin=letters["Orson"].model("Ida"),
        secrets=Secrets(canaries, letters["Ida"].codes, letters["nobody"].codes, other="Orson"),
        identifiers=lambda text: text.count("cat"),
    )
    return measure(examples, subjects, extent=SMALL, base_name="letters", seed=1)


def test_every_measure_says_that_the_twin_is_the_person(report: Report) -> None:
    assert report.full
    assert report.loss["twin"].value < report.loss["base"].value
    assert (report.loss["twin"].n, report.loss["few_shot"].n, report.gain["few_shot"].n) == (60, 20, 20)
    assert report.specificity is not None
    assert report.specificity.low > 0
    assert report.choice is not None
    assert report.choice.low > 0.5
    assert report.position["twin"].value > 0.6
    assert report.position["other_twin"].value < 0.4
    assert report.position["twin"].value > report.position["base"].value
    assert report.profiles["characters"]["twin"].value > report.profiles["characters"]["other_twin"].value
    assert report.panels["twin"].lower_case > 0.9
    assert report.panels["person"].lower_case > 0.9
    assert report.panels["base"].lower_case < 0.7
    assert report.ended is not None
    assert report.ended.value > 0.9
    assert report.foreign == 0
    assert report.leakage is not None
    assert report.leakage_base is not None
    assert report.leakage_base.n == len(report.secrets) == 6
    assert 0 < report.identifiers["any"].value < 1


def test_the_json_has_the_promised_shape_and_comes_back(report: Report) -> None:
    data = json.loads(json.dumps(report.to_json()))
    assert set(data["loss"]) == {"base", "few_shot", "twin", "other_twin"}
    assert {"floor", "twin", "ceiling"} <= set(data["style"])
    assert {"twin", "person"} == set(data["copying"])
    for figure in (*data["loss"].values(), data["choice"], *data["style"].values(), *data["copying"].values()):
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert {"value", "low", "high"} <= set(data["leakage"])
    again = Report.from_json(data)
    assert again.to_json() == report.to_json()
    assert again.samples == report.samples


@pytest.mark.parametrize("broken", [{}, {"version": 7}, {"version": 1, "speaker": "x"}])
def test_a_broken_report_says_what_to_do(broken: dict[str, object]) -> None:
    with pytest.raises(DataError, match="anew"):
        Report.from_json(broken)


def test_the_quick_measuring_reports_progress_and_leaves_the_rest_unmeasured(examples: list[Example]) -> None:
    base, twin = trained(examples, on="nobody"), trained(examples, on="Ida")
    seen: list[Progress] = []
    subjects = Subjects(base.model("Somebody"), twin.model("Ida"))
    report = measure(examples, subjects, extent=Extent(scored=20, replies=20), seed=1, watch=seen.append)
    assert report.replies == 20
    assert report.choice is None
    assert report.to_json()["choice"] is None
    assert report.to_json()["style"]["twin"] is None
    assert not report.full
    assert [one.done for one in seen] == sorted(one.done for one in seen)
    assert seen[-1].done == seen[-1].total


def test_the_same_seed_measures_the_same(examples: list[Example]) -> None:
    base, twin = trained(examples, on="nobody"), trained(examples, on="Ida")
    subjects = Subjects(base.model("Somebody"), twin.model("Ida"))
    once, again = (measure(examples, subjects, extent=Extent(scored=20, replies=20), seed=3) for _ in range(2))
    assert once == again


def test_a_twin_that_never_ends_and_writes_in_other_scripts_is_seen(examples: list[Example]) -> None:
    broken = Model(trained(examples, on="nobody").score, lambda turns, seed: Sampled(("нет 不",), ended=False))
    report = measure(examples, Subjects(broken, broken), extent=Extent(scored=10, replies=20))
    assert report.ended is not None
    assert report.ended.value == 0
    assert report.foreign == 20


def test_nothing_held_out_is_an_error(examples: list[Example]) -> None:
    training = [example for example in examples if example.split is Split.TRAIN]
    letters = trained(examples, on="Ida").model("Ida")
    with pytest.raises(DataError, match="held out"):
        measure(training, Subjects(letters, letters))
