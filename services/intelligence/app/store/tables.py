"""The tables. Times are integer microseconds since 1970 UTC; ids are UUIDs as text."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

HEAD = "0007"
"""The revision of ``migrations/versions`` that this code works with."""

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("user_id", String(36), nullable=False),
    Column("title", Text, nullable=False),
    # The title as str.casefold() has it, to search in: what lower() knows differs with the database and its locale.
    Column("folded_title", Text, nullable=False, server_default=""),
    Column("status", String(16), nullable=False),
    Column("local_only", Boolean, nullable=False),
    Column("model_name", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("sessions_by_user", "user_id", "updated_at", "id"),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("session_id", String(36), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", String(36), ForeignKey("prompts.id", ondelete="CASCADE")),
    Column("user_id", String(36), nullable=False),
    Column("input_text", Text, nullable=False),
    Column("output_text", Text, nullable=False),
    Column("local_only", Boolean, nullable=False),
    Column("status", String(16), nullable=False),
    Column("tokens_used", Integer, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("provider", Text),
    Column("model", Text),
    Column("locality", String(8)),
    Column("route", Text),
    # The process that answers it, or did.
    Column("instance_id", String(36)),
    Index("prompts_by_session", "session_id", "created_at", "id"),
    Index("prompts_by_parent", "parent_id"),
    # On PostgreSQL the migrations make one more, prompts_running, of those few alone: a condition that is given here
    # for PostgreSQL would load its dialect into every process. The index of words is each database's own: search.py.
)

instances = Table(
    "instances",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("route", String(16), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("prompt_id", String(36), ForeignKey("prompts.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("idempotency_keys_by_age", "created_at"),
    Index("idempotency_keys_by_prompt", "prompt_id"),
)

facts_to_keep = Table(
    "facts_to_keep",
    metadata,
    Column("prompt_id", String(36), ForeignKey("prompts.id", ondelete="CASCADE"), primary_key=True),
    Column("text", Text, nullable=False),
    Column("local_only", Boolean, nullable=False),
)

quota_usage = Table(
    "quota_usage",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("subject", String(80), primary_key=True),
    Column("unit", String(16), primary_key=True),
    Column("used", BigInteger, nullable=False),
)

quota_holds = Table(
    "quota_holds",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("day", String(10), nullable=False),
    Column("subject", String(80), primary_key=True),
    Column("unit", String(16), primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("quota_holds_by_subject", "day", "subject", "unit"),
    Index("quota_holds_by_end", "until"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", String(64), nullable=False),
    Column("message_id", String(36)),
    Column("user_id", String(36), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("locality", String(8), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", String(32)),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("nano_usd", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Index("ledger_by_day", "day", "user_id"),
    Index("ledger_by_user", "user_id", "day"),
)

# One row for each user who has ever said something of it.
user_settings = Table(
    "user_settings",
    metadata,
    Column("user_id", String(36), primary_key=True),
    Column("cloud_allowed", Boolean, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)
