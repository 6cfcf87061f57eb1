"""Which adapter said a message."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("web_messages", sa.Column("adapter", sa.Text))


def downgrade() -> None:
    op.drop_column("web_messages", "adapter")
