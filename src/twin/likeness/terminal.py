"""The report in a terminal."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel as Box
from rich.table import Table
from rich.text import Text

from twin.likeness.report import Report, Sample
from twin.likeness.sentences import NOT_REDACTED, SPEAKERS, TOO_LITTLE, verdicts
from twin.likeness.style import NUMBERS

_WIDTH = 24


def show(report: Report, console: Console, *, samples: int = 3) -> None:
    """Print a report: the figures with what they mean, the style panel, some replies."""
    console.print(render(report, samples=samples))


def render(report: Report, *, samples: int = 3) -> RenderableType:
    """The report as something that rich prints."""
    parts: list[RenderableType] = [_verdicts(report)]
    if scale := _scale(report):
        parts.append(scale)
    if "person" in report.panels and "twin" in report.panels:
        parts.append(_panel(report))
    parts += [_sample(sample, report.speaker) for sample in report.samples[:samples]]
    if report.account and not report.account.redacted:
        parts.append(Text(NOT_REDACTED, style="yellow"))
    if not report.full:
        parts.append(Text("twin report NAME --full measures choice, style and secrets as well.", style="dim"))
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts))


def _verdicts(report: Report) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", ratio=1)
    for verdict in verdicts(report):
        unsure = verdict.figure == TOO_LITTLE
        table.add_row(verdict.title, Text(verdict.figure, style="yellow" if unsure else "cyan"), Text(verdict.sentence))
    return table


def _scale(report: Report) -> Table | None:
    """Where each voice stands between the others and the person."""
    positions = [(name, figure) for name, figure in report.position.items() if figure.known]
    if not positions:
        return None
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    for name, figure in sorted(positions, key=lambda item: -item[1].value):
        at = round(min(1.0, max(0.0, figure.value)) * (_WIDTH - 1))
        bar = (
            Text("─" * at, style="dim")
            + Text("●", style="cyan" if name == "twin" else "")
            + Text("─" * (_WIDTH - 1 - at), style="dim")
        )
        table.add_row(SPEAKERS[name], Text("others ", style="dim") + bar + Text(f" {report.speaker}", style="dim"), "")
    return table


def _panel(report: Report) -> Table:
    speakers = [name for name in ("person", "twin", "base") if name in report.panels]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("How it is written")
    for name in speakers:
        table.add_column(Text(report.speaker if name == "person" else SPEAKERS[name]), justify="right")
    rows = [(title, lambda of, a=attribute, f=form: f.format(getattr(of, a))) for attribute, title, form in NUMBERS]
    rows += [
        ("Emoji", lambda of: " ".join(of.favourite_emoji[:3])),
        ("Begins with", lambda of: ", ".join(list(of.openers)[:3])),
        ("Languages", lambda of: ", ".join(of.languages)),
    ]
    for title, write in rows:
        table.add_row(title, *(Text(write(report.panels[name]) or "–") for name in speakers))
    return table


def _sample(sample: Sample, speaker: str) -> Box:
    lines = Text()
    for name, text in sample.before[-2:]:
        lines.append(f"{name}: {text}\n", style="dim")
    for title, messages, style in ((speaker, sample.real, ""), ("the twin", sample.twin, "cyan")):
        for at, message in enumerate(messages or ("–",)):
            lines.append(f"{title if at == 0 else '':>12}  ", style="bold")
            lines.append(f"{message}\n", style=style)
    lines.rstrip()
    return Box(lines, border_style="dim", padding=(0, 1))
