"""The memory service's tables."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0003"
"""The revision of ``migrations/versions`` that this code works with."""

metadata = MetaData()

# One row for each user who ever set something. A column that is null was never set, or set back.
preferences = Table(
    "preferences",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("provider_order", JSON(none_as_null=True)),
    Column("hedging", Boolean),
)

# What users asked to be remembered. Its words are indexed by what migration 0003 makes for each database, under names
# that begin with SEARCH. ``digest`` is the SHA-256 of the text, which may be too long for an index.
facts = Table(
    "facts",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String(36), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("local_only", Boolean, nullable=False),
    Column("session_id", String(36)),
    Column("message_id", String(36)),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("id", name="facts_id"),
    UniqueConstraint("user_id", "digest", name="facts_once"),
    Index("facts_by_user", "user_id", "created_at", "id"),
)

SEARCH = "facts_search"
