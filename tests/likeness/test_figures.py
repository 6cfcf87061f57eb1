"""Intervals hold what they promise."""

import json
import math

import numpy as np

from twin.likeness import figures
from twin.likeness.figures import Figure


def test_a_share_has_a_sound_interval_near_its_ends() -> None:
    assert figures.share(0, 20).low == 0
    assert 0.1 < figures.share(0, 20).high < 0.2
    assert figures.share(20, 20).high == 1
    assert figures.share(0, 0) == Figure(0.0, 0.0, 1.0, 0)


def test_the_bootstrap_covers_the_truth_nineteen_times_in_twenty() -> None:
    chance = np.random.default_rng(3)
    covered = 0
    for trial in range(100):
        lengths = chance.integers(5, 60, 80)
        nats = lengths * 1.3 + chance.normal(0, 8, 80)
        figure = figures.ratio(nats, lengths, seed=trial)
        covered += figure.low <= 1.3 <= figure.high
    assert 88 <= covered <= 100


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [1.0, 2.0, 5.0, 3.0]
    assert figures.mean(values, seed=4) == figures.mean(values, seed=4)
    assert figures.mean(values, seed=4).value == 2.75
    assert figures.mean(values, seed=4) != figures.mean(values, seed=5)


def test_nothing_measured_is_nothing_known() -> None:
    nothing = figures.ratio([], [], seed=1)
    assert math.isnan(nothing.value)
    assert nothing.width == math.inf


def test_figures_survive_json() -> None:
    figure = Figure(0.5, 0.25, 0.75, 9)
    assert Figure.from_json(figure.to_json()) == figure


def test_what_is_not_known_is_null_in_json() -> None:
    nothing = figures.ratio([], [], seed=1).to_json()
    assert json.dumps(nothing, allow_nan=False) == '{"value": null, "low": null, "high": null, "n": 0}'
    again = Figure.from_json(nothing)
    assert math.isnan(again.value)
    assert again.width == math.inf
