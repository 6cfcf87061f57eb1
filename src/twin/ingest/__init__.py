"""Exports become messages: one module per platform, recognised by content.

`read(paths)` gives a `Reading`; iterating it gives every message and fills its reports. `infer_owner(reading.reports)`
then says who the person is, `find_senders` whom a name means, and `print_reports`, `report_json` and `message_json`
show what was read.
"""

from twin.ingest.export import DateOrder, Options, Report
from twin.ingest.owner import LISTED, Owner, candidates, find_senders, infer_owner, listed
from twin.ingest.reading import Reading, Skipped, read
from twin.ingest.show import message_json, print_reports, report_json, report_table

__all__ = [
    "LISTED",
    "DateOrder",
    "Options",
    "Owner",
    "Reading",
    "Report",
    "Skipped",
    "candidates",
    "find_senders",
    "infer_owner",
    "listed",
    "message_json",
    "print_reports",
    "read",
    "report_json",
    "report_table",
]
