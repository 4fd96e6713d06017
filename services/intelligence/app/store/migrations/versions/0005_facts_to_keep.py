"""What users asked to be remembered, until the memory service has it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table. SQLite commits it by itself, so a start that was cut short may have left it."""
    op.create_table(
        "facts_to_keep",
        sa.Column("prompt_id", sa.String(36), sa.ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("local_only", sa.Boolean, nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Drop it, with what it holds."""
    op.drop_table("facts_to_keep")
