"""Accounts, uploads, conversations, corrections, shares, blind tests."""

import sqlalchemy as sa
from alembic import op

from twin.backends.local.database import Instant

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "web_accounts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False, unique=True),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("session", sa.Text, nullable=False),
        sa.Column("admin", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "web_uploads",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("survey", sa.JSON),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "web_conversations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("owner", sa.Text, nullable=False, index=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("leaf", sa.Text),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
    )
    op.create_table(
        "web_messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("conversation_id", sa.Text, nullable=False, index=True),
        sa.Column("parent", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("remembered", sa.JSON, nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "web_corrections",
        sa.Column("message_id", sa.Text, primary_key=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("turns", sa.JSON, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("used_at", Instant),
    )
    op.create_table(
        "web_shares",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("replies", sa.Integer, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
    )
    op.create_table(
        "web_blind_tests",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("items", sa.JSON, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "web_picks",
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("token", sa.Text, nullable=False, index=True),
        sa.Column("item", sa.Integer, nullable=False),
        sa.Column("fooled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "web_waiting",
        sa.Column("run_id", sa.Text, nullable=False, index=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.UniqueConstraint("run_id", "account_id"),
    )


def downgrade() -> None:
    for table in (
        "waiting",
        "picks",
        "blind_tests",
        "shares",
        "corrections",
        "messages",
        "conversations",
        "uploads",
        "accounts",
    ):
        op.drop_table(f"web_{table}")
