"""The report as page and in the terminal: complete, safe, honest about what it does not know."""

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from twin.likeness import Account, Report
from twin.likeness.figures import Figure
from twin.likeness.models import Sampled
from twin.likeness.page import render
from twin.likeness.report import Sample
from twin.likeness.sentences import NOT_REDACTED, TOO_LITTLE, verdicts
from twin.likeness.style import panel
from twin.likeness.terminal import show

WHOLE = Report(
    speaker="Ida <b>",
    base="gemma",
    full=True,
    seed=1,
    loss={"base": Figure(1.2, 1.1, 1.3, 90), "twin": Figure(1.0, 0.9, 1.1, 90), "other_twin": Figure(1.1, 1.0, 1.2, 90)},
    gain={"base": Figure(0.16, 0.12, 0.2, 90), "other_twin": Figure(-0.01, -0.03, 0.01, 90)},
    choice=Figure(0.5, 0.42, 0.58, 150),
    style={"floor": Figure(0.1, 0.0, 0.2, 9), "twin": Figure(0.6, 0.5, 0.7, 8), "ceiling": Figure(0.9, 0.8, 1, 9)},
    position={"twin": Figure(0.62, 0.4, 0.8, 8), "base": Figure(-0.1, -0.3, 0.1, 8)},
    copying={"twin": Figure(0.015, 0.005, 0.03, 1000), "person": Figure(0.01, 0.0, 0.02, 300)},
    leakage=Figure(1.6, 1.2, 2.1, 30),
    leakage_base=Figure(1.5, 1.1, 2.0, 30),
    secrets=(0.2, 1.4, 5.0),
    identifiers={"known": Figure(0.0, 0.0, 0.004, 1000)},
    replies=1000,
    ended=Figure(0.99, 0.98, 1.0, 1000),
    panels={"person": panel([Sampled(("hey <script>", "lol"))]), "twin": panel([Sampled(("Hello & bye 😂",))])},
    samples=(Sample((("Bo", "what's <up>?"),), ("not much", "u?"), ("nm & u",)),),
    curve=tuple({"step": float(s), "loss": 3.0 - s / 50} | ({"held_out": 3.1} if s % 10 == 0 else {}) for s in range(40)),
    account=Account(100, 80, 30, {"too long": 20}, {"name": 7}),
)  # fmt: skip


class Page(HTMLParser):
    """Checks that tags nest, and collects them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "line", "circle", "polyline"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"line", "circle", "polyline"}:
            assert self.open.pop() == tag


def printed(report: Report) -> str:
    stream = io.StringIO()
    show(report, Console(file=stream, width=120))
    return stream.getvalue()


def test_the_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    text = render(WHOLE)
    page = Page(text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("svg") == 4
    assert "script" not in tags
    assert not re.search(r"(?:src|href|url|@import)\s*[=(]", text)
    assert all(attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg")
    assert {"lang": "en"} in [attributes for tag, attributes in page.tags if tag == "html"]
    assert tags.count("h1") == 1


def test_words_of_the_chat_cannot_break_the_page() -> None:
    text = render(WHOLE)
    assert "<up>" not in text
    assert "Ida <b>" not in text
    assert "&lt;up&gt;" in text


def test_every_figure_comes_with_what_it_means() -> None:
    told = {verdict.title: verdict for verdict in verdicts(WHOLE)}
    assert told["Choice"].figure == "50 % (42 to 58)"
    assert "25 %" in told["Choice"].sentence
    assert told["Style"].figure.startswith("62 of 100")
    assert told["Learned"].figure == "16 % (12 to 20)"
    assert told["Only theirs"].figure.startswith("−1.0 %")
    assert told["Copying"].figure.startswith("1.5 %")
    assert "1.4 bits" in told["Secrets"].sentence
    assert "never saw them, gives 1.5" in told["Secrets"].sentence
    assert told["Endings"].figure == "990 of 1000"


def test_it_says_where_there_is_too_little_text() -> None:
    unsure = replace(WHOLE, choice=Figure(0.5, 0.2, 0.8, 10), position={"twin": Figure(float("nan"), 0, 1, 1)})
    told = {verdict.title: verdict.figure for verdict in verdicts(unsure)}
    assert told["Choice"] == told["Style"] == TOO_LITTLE
    assert TOO_LITTLE in render(unsure)
    assert not re.search(r'"[^"]*\bnan\b[^"]*"', render(unsure))
    assert TOO_LITTLE in printed(unsure)


@pytest.mark.parametrize("missing", ["choice", "leakage", "ended"])
def test_what_was_not_measured_is_left_out(missing: str) -> None:
    without = replace(WHOLE, **{missing: None})
    assert missing not in {verdict.measure for verdict in verdicts(without)}
    Page(render(without))


def test_an_empty_report_is_still_a_page() -> None:
    Page(render(Report("Ida", "", full=False, seed=0)))
    assert "--full" in printed(Report("Ida", "", full=False, seed=0))


def test_the_terminal_shows_figures_panel_and_replies() -> None:
    text = printed(WHOLE)
    for part in ("50 % (42 to 58)", "Characters per message", "nm & u", "what's <up>?", "the twin"):
        assert part in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_brackets_in_a_name_are_no_markup() -> None:
    assert "[red]Ida[/]" in printed(replace(WHOLE, speaker="[red]Ida[/]"))


def test_it_says_that_redaction_was_switched_off() -> None:
    off = replace(WHOLE, account=Account(100, redacted=False))
    for shown in (printed, render):
        assert NOT_REDACTED in " ".join(shown(off).split())
        assert NOT_REDACTED not in " ".join(shown(WHOLE).split())
    assert Report.from_json(off.to_json()).account == off.account
