"""Reports for people and for programs."""

from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from babel import Locale
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from twin.domain.messages import Message
from twin.ingest.export import Report
from twin.ingest.reading import Reading

_LISTED = 8
_ORDERS = {
    "dmy": "day, month, year",
    "mdy": "month, day, year",
    "ymd": "year, month, day",
    "ydm": "year, day, month",
    "myd": "month, year, day",
}


def message_json(message: Message) -> dict[str, str | None]:
    """A message as `twin parse --messages --json` prints it."""
    return {
        "platform": message.platform,
        "chat": message.chat,
        "sender": message.sender,
        "sent_at": message.sent_at.isoformat() if message.sent_at else None,
        "kind": message.kind.value,
        "text": message.text,
        "reply_to": message.reply_to,
    }


def report_json(report: Report) -> dict[str, object]:
    """A report as `twin parse --json` prints it; counts are objects, the largest first."""
    return {
        "files": report.files,
        "platform": report.platform,
        "dialect": report.dialect,
        "locale": report.locale,
        "messages": report.kinds.total(),
        "kinds": {kind.value: count for kind, count in report.kinds.most_common()},
        "chats": dict(report.chats.most_common()),
        "senders": dict(report.senders.most_common()),
        "written_by_sender": dict(report.written_by_sender.most_common()),
        "first": report.first.isoformat() if report.first else None,
        "last": report.last.isoformat() if report.last else None,
        "date_order": report.date_order.value if report.date_order else None,
        "date_order_confidence": report.date_order_confidence,
        "date_order_evidence": report.date_order_evidence,
        "time_zone": report.time_zone,
        "owner": report.owner,
        "owner_id": report.owner_id,
        "owner_evidence": report.owner_evidence,
        "unmatched": report.unmatched,
        "unmatched_count": report.unmatched_count,
        "warnings": report.warnings,
    }


def print_reports(reading: Reading, *, to: TextIO) -> None:
    """One table per export, then the files that were skipped. In a pipe it is 80 columns wide, without colours."""
    console = Console(file=to, width=None if to.isatty() else 80, highlight=False)
    for report in reading.reports:
        console.print(report_table(report))
    if reading.skipped:
        table = _table("Not read")
        for skipped in reading.skipped[:20]:
            table.add_row("", escape(skipped.reason))
        if len(reading.skipped) > 20:
            table.add_row("", f"and {len(reading.skipped) - 20:,} more files")
        console.print(table)


def report_table(report: Report) -> Table:
    """What was read from one export, for a person."""
    first, *more = report.files or [""]
    table = _table(first + (f" and {len(more):,} more" if more else ""))
    for label, value in _rows(report):
        table.add_row(label, escape(value))
    return table


def _table(title: str) -> Table:
    table = Table(title=escape(title), title_justify="left", title_style="bold", show_header=False, expand=True)
    table.add_column(style="dim", no_wrap=True, width=10)
    table.add_column(ratio=1, overflow="fold")
    return table


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    yield "platform", ", ".join(filter(None, (report.platform, report.dialect, _language(report.locale))))
    kinds = Counter({kind.value: count for kind, count in report.kinds.items()})
    yield "messages", f"{report.kinds.total():,}: {_counts(kinds)}" if kinds else "none"
    if len(report.chats) > 1:
        yield "chats", f"{len(report.chats):,}: {_counts(report.chats)}"
    if report.first and report.last:
        yield "period", f"{report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M}"
    if report.time_zone:
        yield "clock", report.time_zone
    if report.date_order:
        sure = f"{report.date_order_confidence:.0%} sure: " if report.date_order_confidence is not None else ""
        yield "dates", f"{_ORDERS[report.date_order.value]} ({sure}{report.date_order_evidence or ''})"
    if report.senders:
        yield "senders", _counts(report.senders)
    if report.owner:
        yield "owner", f"{report.owner}" + (f" ({report.owner_evidence})" if report.owner_evidence else "")
    if report.unmatched_count:
        lines = ", ".join(map(str, report.unmatched[:_LISTED]))
        yield (
            "unmatched",
            f"{report.unmatched_count:,}: number {lines}" + (" …" if report.unmatched_count > _LISTED else ""),
        )
    for warning in report.warnings:
        yield "warning", warning


def _counts(counts: Counter[str]) -> str:
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(_LISTED))
    return listed + (f" and {len(counts) - _LISTED:,} more" if len(counts) > _LISTED else "")


def _language(locale: str | None) -> str | None:
    return Locale.parse(locale).english_name if locale else None
