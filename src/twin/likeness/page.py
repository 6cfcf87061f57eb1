"""The report as one self-contained page: no script, no font, no picture from elsewhere; light and dark."""

import math
from collections.abc import Sequence
from html import escape

from twin.likeness import plots
from twin.likeness.leakage import ALTERNATIVES, NEVER_LEARNT
from twin.likeness.plots import Row
from twin.likeness.report import Report, Sample
from twin.likeness.sentences import NOT_REDACTED, SPEAKERS, TOO_LITTLE, verdicts
from twin.likeness.style import NUMBERS

_STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --card: #fff; --ink: #1d1c1a; --soft: #5f5b55; --rule: #e3dfd8;
  --twin: #0b62c4; --base: #77726a; --other: #a34a00; --few: #00705f; --own: #1d1c1a; --bubble: #e8f0fb; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #161513; --card: #1f1e1b; --ink: #f0ede8; --soft: #aaa49a;
  --rule: #37342f; --twin: #6db1ff; --base: #a39c91; --other: #ff9d5c; --few: #4fc7b4; --own: #f0ede8; --bubble: #1d2b3d;
  --warn: #f0bf62; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 0 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 42rem; } .soft { color: var(--soft); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: .75rem; padding: 1.25rem; margin-top: 1.25rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1.25rem 2rem; margin: 0; }
dt { font-weight: 600; } dd { margin: 0; } .figure { font-size: 1.35rem; font-variant-numeric: tabular-nums; color: var(--twin); }
.figure.unsure { font-size: 1rem; color: var(--warn); } dd.soft { font-size: .93rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: 1.5rem; }
svg { width: 100%; max-width: 27rem; height: auto; display: block; overflow: visible; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg .note { fill: var(--soft); font-size: 11px; } .grid { stroke: var(--rule); } .range { stroke-width: 3; opacity: .45; }
.range, .line, .tick { stroke: var(--c); } .dot { fill: var(--c); } .line { fill: none; stroke-width: 2; }
.tick { stroke-width: 2; opacity: .75; } .mark { stroke: var(--soft); stroke-dasharray: 3 3; }
.twin { --c: var(--twin); } .base { --c: var(--base); } .other_twin { --c: var(--other); } .few_shot { --c: var(--few); }
.person { --c: var(--own); } .floor { --c: var(--base); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; } thead th { color: var(--soft); font-weight: 500; }
tbody th { font-weight: 400; }
.sample { border-top: 1px solid var(--rule); padding: 1rem 0; } .sample:first-of-type { border-top: 0; }
.before { color: var(--soft); margin: 0 0 .5rem; padding: 0; list-style: none; }
.before li, .bubble { overflow-wrap: anywhere; white-space: pre-line; }
.bubble { background: var(--paper); border: 1px solid var(--rule); border-radius: .9rem; padding: .4rem .8rem; margin: .25rem 0;
  width: fit-content; max-width: 100%; } .reply.twin .bubble { background: var(--bubble); border-color: transparent; }
.who { font-size: .85rem; color: var(--soft); margin: 0; }
ul.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .25rem 0 0; list-style: none; font-size: .9rem; }
ul.key li::before { content: ""; display: inline-block; width: .7rem; height: .7rem; border-radius: 50%; background: var(--c);
  margin-right: .4rem; }
@media (max-width: 36rem) { main { padding: 1.25rem .75rem 3rem; } section { padding: 1rem; }
  table { font-size: .84rem; } th, td { padding: .3rem .25rem; } td { overflow-wrap: anywhere; } }
@media print { section { break-inside: avoid; } }
"""


def render(report: Report) -> str:
    """The page."""
    name = escape(report.speaker)
    parts = [_figures(report), _style_scale(report), _losses(report), _panel(report), _samples(report)]
    parts += [_leakage(report), _account(report)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>How alike is the twin of {name}?</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>How alike is the twin of {name}?</h1>"
        f'<p class="soft">Measured on {name}\'s latest words, which the twin never saw in training'
        f"{f', over {escape(report.base)}' if report.base else ''}. "
        "Bounds are 95 % intervals. This page holds words of the chat: keep it as private as the chat.</p>"
        f"{''.join(parts)}</main></body></html>\n"
    )


def _section(title: str, words: str, content: str) -> str:
    about = f'<p class="soft">{words}</p>' if words else ""
    return f"<section><h2>{title}</h2>{about}{content}</section>"


def _figures(report: Report) -> str:
    cards = [
        f'<div><dt>{escape(one.title)}</dt><dd class="figure{" unsure" if one.figure == TOO_LITTLE else ""}">'
        f'{escape(one.figure)}</dd><dd class="soft">{escape(one.sentence)}</dd></div>'
        for one in verdicts(report)
    ]
    return _section("In short", "", f"<dl>{''.join(cards)}</dl>")


def _style_scale(report: Report) -> str:
    positions = {name: figure for name, figure in report.position.items() if figure.known}
    if not positions:
        return ""
    rows = [
        Row(_called(name, report), figure, name, f"{max(0, figure.value) * 100:.0f}")
        for name, figure in sorted(positions.items(), key=lambda item: -item[1].value)
    ]
    drawing = plots.dots(
        rows,
        low=0,
        high=1,
        ends=("others in the chat", report.speaker),
        about="Style between the others and the person",
    )
    words = (
        "An authorship test, as scholars use it for disputed letters, says how often each one's replies pass as "
        f"{escape(report.speaker)}'s. The left end is how others in the chat fare, the right end {escape(report.speaker)}'s own new words."
    )
    return _section("Whose style is it?", words, drawing)


def _losses(report: Report) -> str:
    drawings: list[str] = []
    losses = {name: figure for name, figure in report.loss.items() if figure.known}
    if losses:
        high = max(figure.high for figure in losses.values())
        low = min(figure.low for figure in losses.values())
        room = (high - low) * 0.1 or 0.05
        rows = [Row(_called(n, report), f, n, f"{f.value:.2f}") for n, f in losses.items()]
        drawings.append(
            "<div>"
            + plots.dots(
                rows, low=low - room, high=high + room, ends=("less surprised", "more"), about="Surprise per character"
            )
            + "</div>"
        )
    if len(report.curve) > 2:
        key = '<ul class="key"><li class="twin">held-out words</li><li class="base">training words</li></ul>'
        drawings.append(f"<div>{plots.curve(report.curve, about='Loss by training step')}{key}</div>")
    if not drawings:
        return ""
    words = (
        f"How surprising {escape(report.speaker)}'s real replies are to each model, in nats per character: lower is better. "
        "While it trains, the surprise at words it does not learn from should fall, and not rise again."
    )
    return _section("How well does it know what comes next?", words, f'<div class="pair">{"".join(drawings)}</div>')


def _panel(report: Report) -> str:
    speakers = [name for name in ("person", "twin", "base") if name in report.panels]
    if "person" not in speakers or len(speakers) < 2:
        return ""
    head = "".join(f'<th scope="col">{escape(_called(name, report))}</th>' for name in speakers)
    rows = [
        (title, [form.format(getattr(report.panels[name], attribute)) for name in speakers])
        for attribute, title, form in NUMBERS
    ]
    rows += [
        ("Favourite emoji", [" ".join(report.panels[name].favourite_emoji[:4]) for name in speakers]),
        ("Laughs", [", ".join(report.panels[name].favourite_laughter) for name in speakers]),
        ("Begins with", [", ".join(list(report.panels[name].openers)[:4]) for name in speakers]),
        ("Ends in", [" ".join(report.panels[name].ends) for name in speakers]),
        ("Languages", [", ".join(report.panels[name].languages) for name in speakers]),
    ]
    body = "".join(_row(title, [value or "–" for value in values]) for title, values in rows)
    waits = report.answer_s
    words = f"{escape(report.speaker)} answers after {_seconds(waits)}, in the median." if waits is not None else ""
    rows = f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody>"
    return _section("How it is written", words, _table("How it is written", rows))


def _samples(report: Report) -> str:
    if not report.samples:
        return ""
    words = "The same moments, answered by both. None of them was trained on."
    return _section("Side by side", words, "".join(_sample(sample, report.speaker) for sample in report.samples))


def _sample(sample: Sample, speaker: str) -> str:
    before = "".join(f"<li>{escape(name)}: {escape(text)}</li>" for name, text in sample.before)
    replies = _reply("person", speaker, sample.real) + _reply("twin", "the twin", sample.twin)
    return f'<div class="sample"><ul class="before">{before}</ul><div class="pair">{replies}</div></div>'


def _reply(kind: str, who: str, messages: Sequence[str]) -> str:
    bubbles = "".join(f'<p class="bubble">{escape(message)}</p>' for message in messages or ("–",))
    return f'<div class="reply {kind}"><p class="who">{escape(who)}</p>{bubbles}</div>'


def _row(title: str, values: Sequence[str]) -> str:
    cells = "".join(f"<td>{escape(value)}</td>" for value in values)
    return f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'


def _leakage(report: Report) -> str:
    if not report.secrets:
        return ""
    most = math.log2(ALTERNATIVES)
    drawing = plots.strip(
        report.secrets,
        low=0,
        high=most,
        mark=NEVER_LEARNT,
        ends=("unknown", "known by heart"),
        about="Exposure in bits",
    )
    words = (
        f"Each tick is one of {len(report.secrets)} invented secrets that were put into the training once. "
        "The further right, the easier the twin gives it away."
    )
    return _section("What does it give away?", words, drawing)


def _account(report: Report) -> str:
    account = report.account
    if account is None:
        return ""
    rows = [
        ("read", account.messages),
        ("used", account.kept),
        (f"of these {report.speaker}'s", account.owner_messages),
    ]
    rows += [(f"left out: {why}", count) for why, count in sorted(account.dropped.items(), key=lambda item: -item[1])]
    rows += [
        (f"replaced: {kind}", count) for kind, count in sorted(account.replaced.items(), key=lambda item: -item[1])
    ]
    body = "".join(_row(what, [f"{count:,}"]) for what, count in rows)
    words = "Messages, and what of other people was replaced in them by invented names and numbers before training."
    words = words if account.redacted else NOT_REDACTED
    table = _table("What became of the chat", f"<tbody>{body}</tbody>")
    return _section("What became of the chat", words, table)


def _table(name: str, rows: str) -> str:
    """A table that can be scrolled sideways, with the keyboard too."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}"><table>{rows}</table></div>'


def _called(name: str, report: Report) -> str:
    return report.speaker if name in {"person", "ceiling"} else SPEAKERS[name]


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
