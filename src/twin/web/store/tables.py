"""The tables that the web app alone needs. Ids are opaque; words of chats are in columns of type text and JSON only."""

from pathlib import Path

from sqlalchemy import JSON, Boolean, Column, Integer, MetaData, Table, Text, UniqueConstraint

from twin.backends.local.database import Instant

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0002"
VERSION_TABLE = "web_version"

META = MetaData()

ACCOUNTS = Table(
    "web_accounts",
    META,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("password", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
)

UPLOADS = Table(
    "web_uploads",
    META,
    Column("id", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("files", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("survey", JSON),
    Column("created_at", Instant, nullable=False),
)

CONVERSATIONS = Table(
    "web_conversations",
    META,
    Column("id", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("owner", Text, nullable=False, index=True),
    Column("title", Text, nullable=False),
    Column("leaf", Text),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

MESSAGES = Table(
    "web_messages",
    META,
    Column("id", Text, primary_key=True),
    Column("conversation_id", Text, nullable=False, index=True),
    Column("parent", Text),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("remembered", JSON, nullable=False),
    Column("rating", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("adapter", Text),
)

CORRECTIONS = Table(
    "web_corrections",
    META,
    Column("message_id", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("turns", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),
)

SHARES = Table(
    "web_shares",
    META,
    Column("token", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("replies", Integer, nullable=False),
    Column("used", Integer, nullable=False),
)

BLIND_TESTS = Table(
    "web_blind_tests",
    META,
    Column("token", Text, primary_key=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("items", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
)

PICKS = Table(
    "web_picks",
    META,
    Column("row", Integer, primary_key=True, autoincrement=True),
    Column("token", Text, nullable=False, index=True),
    Column("item", Integer, nullable=False),
    Column("fooled", Boolean, nullable=False),
)

WAITING = Table(
    "web_waiting",
    META,
    Column("run_id", Text, nullable=False, index=True),
    Column("twin_id", Text, nullable=False, index=True),
    Column("account_id", Text, nullable=False),
    Column("language", Text, nullable=False),
    UniqueConstraint("run_id", "account_id"),
)

OF_TWINS = (UPLOADS, CORRECTIONS, SHARES, WAITING)
"""Tables whose rows go when their twin goes; conversations and blind tests have rows of their own below them."""
