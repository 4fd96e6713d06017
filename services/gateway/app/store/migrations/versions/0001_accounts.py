"""Users, their credentials, and the sign-in links that were seen."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the three tables. SQLite commits each by itself, so a start that was cut short may have left one."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float),
        sa.Column("revoked_at", sa.Float),
        sa.Column("last_used_at", sa.Float),
        if_not_exists=True,
    )
    op.create_index("ix_credentials_user_id", "credentials", ["user_id"], if_not_exists=True)
    op.create_table(
        "sign_in_links",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("first_seen_at", sa.Float, nullable=False),
        sa.Column("used_at", sa.Float),
        if_not_exists=True,
    )


def downgrade() -> None:
    """Drop them, with all accounts."""
    op.drop_table("sign_in_links")
    op.drop_table("credentials")
    op.drop_table("users")
