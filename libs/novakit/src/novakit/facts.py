"""Facts as they cross a socket: what a user wants remembered, and what is."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

FACTS_PATH = "/api/memory/facts"
FACT_CHARS = 1000
"""The longest fact."""


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
