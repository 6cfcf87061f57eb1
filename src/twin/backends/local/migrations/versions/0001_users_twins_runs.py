"""Users, twins and runs."""

import sqlalchemy as sa
from alembic import op

from twin.backends.local.database import Instant

revision = "0001"
down_revision = None


def _row_number() -> sa.Column[int]:
    # SQLite numbers rows by itself only in a column of exactly this type.
    return sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "users",
        _row_number(),
        sa.Column("id", sa.Text, nullable=False, index=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "twins",
        _row_number(),
        sa.Column("id", sa.Text, nullable=False, index=True),
        sa.Column("owner", sa.Text, nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("speakers", sa.JSON, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "runs",
        _row_number(),
        sa.Column("id", sa.Text, nullable=False, index=True),
        sa.Column("twin_id", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("stage", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in ("runs", "twins", "users"):
        op.drop_table(table)
