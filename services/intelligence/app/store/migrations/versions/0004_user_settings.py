"""What a user has said about the cloud."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "user_settings",
        sa.Column("user_id", sa.String(36), primary_key=True),
        sa.Column("cloud_allowed", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
