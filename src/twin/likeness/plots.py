"""Plots as inline SVG, drawn in the colours of the page they stand in, readable for screen readers by their labels."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from twin.likeness.figures import Figure

WIDTH = 340
_LABEL = 122
_ROW = 30


class Row(NamedTuple):
    """A labelled figure in a dot plot. `colour` is a class of the page."""

    label: str
    figure: Figure
    colour: str
    text: str


def dots(rows: Sequence[Row], *, low: float, high: float, ends: tuple[str, str], about: str) -> str:
    """Dots with their intervals on one scale; the ends of the scale are named."""
    height = _ROW * len(rows) + 30
    left, right = _LABEL + 8, WIDTH - 36

    def x(value: float) -> float:
        part = (min(max(value, low), high) - low) / (high - low)
        return left + part * (right - left)

    parts = [
        f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="4" y2="{height - 22}"/>'
        for at in (left, (left + right) / 2, right)
    ]
    for index, row in enumerate(rows):
        y = _ROW * index + 18
        figure = row.figure
        parts += [
            f'<text class="label" x="{_LABEL}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>',
            f'<line class="range {row.colour}" x1="{x(figure.low):.1f}" x2="{x(figure.high):.1f}" y1="{y}" y2="{y}"/>',
            f'<circle class="dot {row.colour}" cx="{x(figure.value):.1f}" cy="{y}" r="5.5"/>',
            f'<text class="value" x="{WIDTH}" y="{y + 4}" text-anchor="end">{escape(row.text)}</text>',
        ]
    parts += [
        f'<text class="note" x="{left}" y="{height - 6}">{escape(ends[0])}</text>',
        f'<text class="note" x="{right}" y="{height - 6}" text-anchor="end">{escape(ends[1])}</text>',
    ]
    return _svg(height, parts, about)


def curve(rows: Sequence[dict[str, float]], *, about: str) -> str:
    """Training and held-out loss by step."""
    training = _smooth([(row["step"], row["loss"]) for row in rows if "loss" in row])
    held_out = [(row["step"], row["held_out"]) for row in rows if "held_out" in row]
    everything = [*training, *held_out]
    height, left, right, top, bottom = 190, 34, WIDTH - 8, 12, 160
    last = max(step for step, _ in everything) or 1
    low, high = min(loss for _, loss in everything), max(loss for _, loss in everything)
    room = (high - low) * 0.08 or 0.1
    low, high = low - room, high + room

    def point(step: float, loss: float) -> str:
        return f"{left + step / last * (right - left):.1f},{bottom - (loss - low) / (high - low) * (bottom - top):.1f}"

    parts: list[str] = []
    for part in (0.0, 0.5, 1.0):
        value = low + part * (high - low)
        y = bottom - part * (bottom - top)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="note" x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    if training:
        parts.append(f'<polyline class="line base" points="{" ".join(point(*p) for p in training)}"/>')
    if held_out:
        parts.append(f'<polyline class="line twin" points="{" ".join(point(*p) for p in held_out)}"/>')
        for step, loss in held_out:
            x, y = point(step, loss).split(",")
            parts.append(f'<circle class="dot twin" cx="{x}" cy="{y}" r="3.5"/>')
    parts += [
        f'<text class="note" x="{left}" y="{height - 10}">start</text>',
        f'<text class="note" x="{right}" y="{height - 10}" text-anchor="end">{last:.0f} steps</text>',
    ]
    return _svg(height, parts, about)


def strip(values: Sequence[float], *, low: float, high: float, mark: float, ends: tuple[str, str], about: str) -> str:
    """Every value as a tick on a line, with one marked place."""
    left, right, y = 12, WIDTH - 12, 30

    def x(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (right - left)

    parts = [
        f'<line class="grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"/>',
        f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="8" y2="{y + 14}"/>',
        f'<text class="note" x="{x(mark) + 5:.1f}" y="14">guessing</text>',
    ]
    parts += [f'<line class="tick twin" x1="{x(v):.1f}" x2="{x(v):.1f}" y1="{y - 8}" y2="{y + 8}"/>' for v in values]
    parts += [
        f'<text class="note" x="{left}" y="58">{escape(ends[0])}</text>',
        f'<text class="note" x="{right}" y="58" text-anchor="end">{escape(ends[1])}</text>',
    ]
    return _svg(66, parts, about)


def _smooth(points: Sequence[tuple[float, float]], most: int = 60) -> list[tuple[float, float]]:
    """Means of neighbouring points, so that the line can be read."""
    size = max(1, len(points) // most)
    groups = [points[at : at + size] for at in range(0, len(points), size)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _svg(height: int, parts: Sequence[str], about: str) -> str:
    label = escape(about, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
