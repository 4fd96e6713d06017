"""The gateway's tables. Times are seconds since 1970; hashes are SHA-256 in hexadecimal, of passwords argon2id."""

from sqlalchemy import Column, Float, ForeignKey, MetaData, String, Table

HEAD = "0002"
"""The revision that these tables are at."""

metadata = MetaData()

# The first admin has no name and no password until they are chosen. A row is kept for good: what others store of a
# user is found by its id. ``name_key`` is the name as it is compared.
users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("name", String(64)),
    Column("name_key", String(128), unique=True, index=True),
    Column("password_hash", String(255)),
    Column("disabled_at", Float),
    Column("last_sign_in_at", Float),
)

# A revoked key keeps its row: it is how a bootstrap key that was revoked is known again at the next start.
api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", String(80), nullable=False),
    Column("scope", String(16), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
)

# One row for each sign-in, that is for each family of refresh tokens; gone when it has ended.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("refresh_hash", String(64), nullable=False),
    Column("previous_hash", String(64)),
    Column("rotated_at", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)

# Invitations (a role, no user yet) and resets of a password (a user): each works once, and is gone then.
tickets = Table(
    "tickets",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("role", String(16)),
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("created_by", String(36), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)

# Where a user has signed in from, under a keyed hash: others' wrong passwords do not keep them out there.
known_addresses = Table(
    "known_addresses",
    metadata,
    Column("user_id", String(36), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("address_hash", String(64), primary_key=True),
    Column("last_seen_at", Float, nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("first_seen_at", Float, nullable=False),
    Column("used_at", Float),
)
