"""An index of the words of messages and their answers. An answer that runs is in it when it has ended."""

from alembic import op

revision = "0007"
down_revision = "0006"

_TEXTS = "input_text || ' ' || output_text"
_ADD = """
        INSERT INTO searchable (prompt_id, session_id, user_id) VALUES (new.id, new.session_id, new.user_id);
        INSERT INTO prompts_search (rowid, said)
            SELECT number, new.input_text || ' ' || new.output_text FROM searchable WHERE prompt_id = new.id;
"""
# The index holds no texts, so it is told what was in it.
_REMOVE = """
        INSERT INTO prompts_search (prompts_search, rowid, said)
            SELECT 'delete', number, old.input_text || ' ' || old.output_text
            FROM searchable WHERE prompt_id = old.id;
        DELETE FROM searchable WHERE prompt_id = old.id;
"""
# A prompt has no number of its own that would stay the same when somebody runs VACUUM.
_SQLITE = (
    """
    CREATE TABLE searchable (
        number INTEGER PRIMARY KEY, prompt_id TEXT NOT NULL UNIQUE, session_id TEXT NOT NULL, user_id TEXT NOT NULL
    )
    """,
    "CREATE VIRTUAL TABLE prompts_search USING fts5(said, content='', tokenize='unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER searchable_added AFTER INSERT ON prompts WHEN new.status <> 'running' BEGIN {_ADD} END",
    f"""
    CREATE TRIGGER searchable_ended AFTER UPDATE OF status, output_text ON prompts WHEN new.status <> 'running'
    BEGIN {_ADD} END
    """,
    f"""
    CREATE TRIGGER searchable_reopened BEFORE UPDATE OF status, output_text ON prompts WHEN old.status <> 'running'
    BEGIN {_REMOVE} END
    """,
    f"CREATE TRIGGER searchable_removed BEFORE DELETE ON prompts WHEN old.status <> 'running' BEGIN {_REMOVE} END",
    """
    INSERT INTO searchable (prompt_id, session_id, user_id)
        SELECT id, session_id, user_id FROM prompts WHERE status <> 'running'
    """,
    f"""
    INSERT INTO prompts_search (rowid, said)
        SELECT number, {_TEXTS} FROM searchable JOIN prompts ON prompts.id = prompt_id
    """,  # noqa: S608 (a constant)
)
# A vector holds 1 MB at most.
_POSTGRESQL = (
    """
    CREATE INDEX prompts_search ON prompts USING gin (
        to_tsvector('simple', left(input_text, 100000) || ' ' || left(output_text, 400000))
    ) WHERE status <> 'running'
    """,
)


def upgrade() -> None:
    """Make the index of what there is, and keep it."""
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)
