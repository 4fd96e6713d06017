"""Daily quotas, what is reserved of them, and the ledger of all upstream calls."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the three tables. SQLite commits each step by itself: a start that was cut short may have left some."""
    op.create_table(
        "quota_usage",
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("unit", sa.String(16), primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "quota_holds",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("subject", sa.String(80), primary_key=True),
        sa.Column("unit", sa.String(16), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        if_not_exists=True,
    )
    op.create_index("quota_holds_by_subject", "quota_holds", ["day", "subject", "unit"], if_not_exists=True)
    op.create_index("quota_holds_by_end", "quota_holds", ["until"], if_not_exists=True)
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("message_id", sa.String(36)),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("locality", sa.String(8), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("estimated", sa.Boolean, nullable=False),
        sa.Column("nano_usd", sa.BigInteger),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        if_not_exists=True,
    )
    op.create_index("ledger_by_day", "ledger", ["day", "user_id"], if_not_exists=True)
    op.create_index("ledger_by_user", "ledger", ["user_id", "day"], if_not_exists=True)
