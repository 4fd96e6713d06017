"""Whether a user wants a second provider asked beside a slow first one."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column. SQLite commits it by itself, so a start that was cut short may have left it."""
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("preferences")}
    if "hedging" not in columns:
        op.add_column("preferences", sa.Column("hedging", sa.Boolean))


def downgrade() -> None:
    """Drop it, with what it holds."""
    op.drop_column("preferences", "hedging")
