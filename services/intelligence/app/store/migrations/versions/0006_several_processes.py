"""Processes that serve from one database, and titles that every database can search whatever their case."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table and the columns, and fold the titles that there are."""
    op.create_table(
        "instances",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    op.add_column("prompts", sa.Column("instance_id", sa.String(36)))
    if op.get_bind().dialect.name == "postgresql":
        # On SQLite they are looked for once, at a start, which is not worth what an index costs each message.
        op.create_index("prompts_running", "prompts", ["instance_id"], postgresql_where=sa.text("status = 'running'"))
    op.add_column("sessions", sa.Column("folded_title", sa.Text, nullable=False, server_default=""))
    sessions = sa.table("sessions", sa.column("id"), sa.column("title"), sa.column("folded_title"))
    connection = op.get_bind()
    for session_id, title in connection.execute(sa.select(sessions.c.id, sessions.c.title)).all():
        folded = sessions.update().where(sessions.c.id == session_id).values(folded_title=title.casefold())
        connection.execute(folded)
