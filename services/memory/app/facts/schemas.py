"""Facts as they are asked for and told."""

from typing import Annotated
from uuid import UUID

from novakit.facts import Fact, NewFact
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_FACTS = 1000
"""How many facts are kept for one user."""
QUERY_CHARS = 200
RECALL_CHARS = 4000
MOST_RECALLED = 50


class LearntFact(NewFact):
    """The same, told in a chat: where, and when (microseconds since 1970 UTC)."""

    session_id: UUID
    message_id: UUID
    told_at: int = Field(ge=0, lt=2**63)


class FactList(BaseModel):
    """A page of facts, the newest first; ``total`` counts all that match."""

    facts: list[Fact]
    total: int
    next_cursor: str | None


class Deleted(BaseModel):
    """How many facts are gone."""

    deleted: int


class Question(BaseModel):
    """What facts are wanted for."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(max_length=RECALL_CHARS)]
    limit: int = Field(default=20, ge=1, le=MOST_RECALLED)


class Recalled(BaseModel):
    """A fact that may help, and the session that it was told in."""

    text: str
    local_only: bool
    session_id: UUID | None


class Recollection(BaseModel):
    """The facts that match, the best first."""

    facts: list[Recalled]
