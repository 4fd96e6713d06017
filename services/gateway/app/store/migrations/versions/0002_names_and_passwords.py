"""Names and passwords, sign-ins with rotating tokens, invitations; keys get a scope, browser sessions end."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change the tables. Keys could do everything so far, and still can.

    The first statement changes rows, and so opens a transaction on SQLite too: all of this happens, or nothing.
    """
    op.execute("DELETE FROM credentials WHERE kind = 'browser'")
    op.drop_index("ix_credentials_user_id", "credentials")
    op.rename_table("credentials", "api_keys")
    op.add_column("api_keys", sa.Column("scope", sa.String(16), nullable=False, server_default="admin"))
    op.drop_column("api_keys", "kind")
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])

    op.add_column("users", sa.Column("name", sa.String(64)))
    op.add_column("users", sa.Column("name_key", sa.String(128)))
    op.add_column("users", sa.Column("password_hash", sa.String(255)))
    op.add_column("users", sa.Column("disabled_at", sa.Float))
    op.add_column("users", sa.Column("last_sign_in_at", sa.Float))
    op.create_index("ix_users_name_key", "users", ["name_key"], unique=True)

    op.create_table(
        "sign_ins",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("refresh_hash", sa.String(64), nullable=False),
        sa.Column("previous_hash", sa.String(64)),
        sa.Column("rotated_at", sa.Float, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("ix_sign_ins_user_id", "sign_ins", ["user_id"])
    op.create_table(
        "tickets",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(16)),
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("created_by", sa.String(36), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
    )
    op.create_index("ix_tickets_user_id", "tickets", ["user_id"])
    op.create_table(
        "known_addresses",
        sa.Column("user_id", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("address_hash", sa.String(64), primary_key=True),
        sa.Column("last_seen_at", sa.Float, nullable=False),
    )
