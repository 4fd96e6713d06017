"""The gateway's tables. Times are seconds since 1970; hashes are SHA-256 in hexadecimal."""

from sqlalchemy import Column, Float, ForeignKey, MetaData, String, Table

HEAD = "0001"
"""The revision that these tables are at."""

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
)

# A revoked key keeps its row: it is how a bootstrap key that was revoked is known again at the next start.
credentials = Table(
    "credentials",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(80), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("first_seen_at", Float, nullable=False),
    Column("used_at", Float),
)
