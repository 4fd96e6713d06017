"""Preferences."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table. SQLite commits it by itself, so a start that was cut short may have left it."""
    op.create_table(
        "preferences",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("provider_order", sa.JSON(none_as_null=True)),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Drop it, with what it holds."""
    op.drop_table("preferences")
