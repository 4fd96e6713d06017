"""The memory service's tables."""

from sqlalchemy import JSON, Boolean, Column, MetaData, String, Table

HEAD = "0002"
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
