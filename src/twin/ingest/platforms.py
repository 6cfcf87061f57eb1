"""The platforms, in the order in which they are asked.

The stricter a platform's mark, the earlier it stands: databases and JSON before text with dates, text with dates
before `Name: text`, and prose, which takes any text, last. Modules are imported when the first upload is read.
"""

from importlib import import_module
from typing import cast

from twin.ingest.export import Platform

PLATFORMS = (
    "telegram",
    "telegram_html",
    "messenger",
    "messenger_html",
    "assistants",
    "slack",
    "twitter",
    "google_chat",
    "google_voice",
    "discord",
    "discord_package",
    "imessage",
    "imessage_text",
    "mail",
    "signal",
    "sms",
    "line",
    "kakaotalk",
    "wechat",
    "qq",
    "reddit",
    "viber",
    "spreadsheet",
    "subtitles",
    "whatsapp",
    "transcript",
    "documents",
)


def platforms() -> list[Platform]:
    """The modules named above."""
    return [cast(Platform, import_module(f"twin.ingest.{name}")) for name in PLATFORMS]
