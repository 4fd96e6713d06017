"""Facts as they are asked for and told."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

FACT_CHARS = 1000
"""The longest fact."""
MOST_FACTS = 1000
"""How many facts are kept for one user."""
QUERY_CHARS = 200
RECALL_CHARS = 4000
MOST_RECALLED = 50


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a NUL character")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=FACT_CHARS),
    Field(json_schema_extra={"pattern": r"^[^\x00]*\S[^\x00]*$"}),
    AfterValidator(_storable),
]


class NewFact(BaseModel):
    """What a user wants remembered. ``local_only``: it never goes to a cloud provider."""

    model_config = ConfigDict(extra="forbid")

    text: Text
    local_only: StrictBool = False


class LearntFact(NewFact):
    """The same, told in a chat: where, and when (microseconds since 1970 UTC)."""

    session_id: UUID
    message_id: UUID
    told_at: int = Field(ge=0, lt=2**63)


class Place(BaseModel):
    """A message in a chat."""

    session_id: UUID
    message_id: UUID


class Fact(BaseModel):
    """One remembered fact; ``told_in`` is null where it was not told in a chat."""

    id: UUID
    text: str
    local_only: bool
    told_in: Place | None
    created_at: datetime


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
