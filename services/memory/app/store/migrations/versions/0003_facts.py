"""What users asked to be remembered, and an index of its words."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# The user stands in the index too, so that a search meets nobody else's words.
_SQLITE = (
    """
    CREATE VIRTUAL TABLE IF NOT EXISTS facts_search USING fts5(user_id, text, content='facts', content_rowid='number',
        tokenize='porter unicode61 remove_diacritics 2')
    """,
    """
    CREATE TRIGGER IF NOT EXISTS facts_search_added AFTER INSERT ON facts BEGIN
        INSERT INTO facts_search (rowid, user_id, text) VALUES (new.number, new.user_id, new.text);
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS facts_search_removed AFTER DELETE ON facts BEGIN
        INSERT INTO facts_search (facts_search, rowid, user_id, text)
        VALUES ('delete', old.number, old.user_id, old.text);
    END
    """,
)
# English for its word forms, and every word as it stands for all other languages.
_POSTGRESQL = (
    """
    CREATE INDEX IF NOT EXISTS facts_search ON facts
        USING gin ((to_tsvector('english', text) || to_tsvector('simple', text)))
    """,
)


def upgrade() -> None:
    """Make the table. SQLite commits it by itself, so a start that was cut short may have left it."""
    op.create_table(
        "facts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("local_only", sa.Boolean, nullable=False),
        sa.Column("session_id", sa.String(36)),
        sa.Column("message_id", sa.String(36)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("id", name="facts_id"),
        sa.UniqueConstraint("user_id", "digest", name="facts_once"),
        if_not_exists=True,
    )
    op.create_index("facts_by_user", "facts", ["user_id", "created_at", "id"], if_not_exists=True)
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """Drop it, with what it holds."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE facts_search")
    op.drop_table("facts")
