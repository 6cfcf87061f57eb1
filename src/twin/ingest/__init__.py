"""Exports become messages: one module per platform, recognised by content.

`read(paths)` gives a `Reading`; iterating it gives every message and fills its reports.
"""

from twin.ingest.export import DateOrder, Options, Report
from twin.ingest.reading import Reading, Skipped, read

__all__ = ["DateOrder", "Options", "Reading", "Report", "Skipped", "read"]
