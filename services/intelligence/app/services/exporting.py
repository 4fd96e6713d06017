"""A user's conversations as one document, written piece by piece: however long it is, a page of it is in memory."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import msgspec
from sqlalchemy import RowMapping

from ..store.user_data import UserData
from .answers.resuming import stored_route
from .stored_route import StoredRoute

Format = Literal["json", "markdown"]
SESSIONS_AT_A_TIME = 100
PROMPTS_AT_A_TIME = 20
"""A message may be long, and an answer longer."""

_SESSION = ("id", "title", "status", "local_only", "model_name", "created_at", "ended_at")
_MESSAGE = (
    *("id", "parent_id", "created_at", "local_only", "input_text", "output_text", "status"),
    *("tokens_used", "latency_ms", "provider", "model", "locality"),
)
_TIMES = frozenset({"created_at", "ended_at"})


class Form(Protocol):
    """How each piece is written. ``first``: it is the first one of its kind at its place."""

    media_type: str
    suffix: str

    def opening(self, user_id: str, at: int) -> str:
        """Before all sessions; ``at`` is microseconds since 1970 UTC."""
        ...

    def session(self, row: RowMapping, *, first: bool) -> str:
        """Before a session's messages."""
        ...

    def message(self, row: RowMapping, *, first: bool) -> str:
        """A message with its answer."""
        ...

    def session_end(self) -> str:
        """After a session's messages."""
        ...

    def closing(self) -> str:
        """After all sessions."""
        ...


async def exported(
    data: UserData, form: Form, user_id: str, at: int, session: RowMapping | None = None
) -> AsyncIterator[str]:
    """The document's pieces: all of a user's sessions, or this one alone."""
    yield form.opening(user_id, at)
    first = True
    async for row in _sessions(data, user_id, session):
        yield form.session(row, first=first)
        first = False
        last: RowMapping | None = None
        while page := await data.prompts_after(row["id"], last, PROMPTS_AT_A_TIME):
            yield "".join(
                form.message(prompt, first=last is None and place == 0) for place, prompt in enumerate(page)
            )
            last = page[-1]
        yield form.session_end()
    yield form.closing()


async def _sessions(data: UserData, user_id: str, session: RowMapping | None) -> AsyncIterator[RowMapping]:
    if session is not None:
        yield session
        return
    last: RowMapping | None = None
    while page := await data.sessions_after(user_id, last, SESSIONS_AT_A_TIME):
        for row in page:
            yield row
        last = page[-1]


class Json:
    """One object; each message with the route of its answer as ``GET …/messages/{id}/route`` tells it."""

    media_type = "application/json"
    suffix = "json"

    def opening(self, user_id: str, at: int) -> str:
        """The head of the object."""
        return f'{{"user_id":{_json(user_id)},"exported_at":{_json(_time(at))},"sessions":['

    def session(self, row: RowMapping, *, first: bool) -> str:
        """The session's fields, and the head of its messages."""
        fields = _json(_picked(row, _SESSION))
        return f'{"" if first else ","}\n{fields[:-1]},"messages":['

    def message(self, row: RowMapping, *, first: bool) -> str:
        """The message's fields and its route."""
        fields = {**_picked(row, _MESSAGE), "route": stored_route(row["route"] or "")}
        return ("\n" if first else ",\n") + _json(fields)

    def session_end(self) -> str:
        """The end of a session."""
        return "]}"

    def closing(self) -> str:
        """The end of the object."""
        return "]}\n"


class Markdown:
    """For people: what was said as quotations, and under each answer where it came from and why."""

    media_type = "text/markdown; charset=utf-8"
    suffix = "md"

    def opening(self, user_id: str, at: int) -> str:
        """The title."""
        return f"# NovaCore conversations\n\nUser `{user_id}`, exported at {_time(at)}.\n"

    def session(self, row: RowMapping, *, first: bool) -> str:  # noqa: ARG002 (all are written alike)
        """Its title, and what is known of it."""
        title = " ".join(row["title"].split()) or "Without a title"
        lock = ", locked to local" if row["local_only"] else ""
        return f"\n## {title}\n\nSession `{row['id']}`, {row['status']}{lock}, begun at {_time(row['created_at'])}.\n"

    def message(self, row: RowMapping, *, first: bool) -> str:  # noqa: ARG002 (all are written alike)
        """The message, the answer, and its provenance."""
        mark = ", stays local" if row["local_only"] else ""
        asked = f"\n### You, {_time(row['created_at'])}{mark}\n\n{_quoted(row['input_text'])}\n"
        answered = f"\n### Answer\n\n{_quoted(row['output_text'])}\n" if row["output_text"] else ""
        return f"{asked}{answered}\n" + "\n".join(f"- {line}" for line in provenance(row)) + "\n"

    def session_end(self) -> str:
        """Nothing: the next title says it."""
        return ""

    def closing(self) -> str:
        """Nothing."""
        return ""


FORMS: Mapping[Format, Form] = {"json": Json(), "markdown": Markdown()}


def provenance(row: RowMapping) -> Iterator[str]:
    """Who answered, what went before and why, and whether anything was sent to a cloud; a sentence each."""
    route = stored_route(row["route"] or "")
    if row["provider"] is None:
        yield f"Answered by no model ({row['status']})."
    else:
        whose = f"{row['provider']}, model {row['model'] or 'unknown'}, {row['locality']}"
        spent = f"{row['tokens_used']} tokens, {row['latency_ms'] / 1000:.1f} s"
        yield f"Answered by {whose}; {row['status']}; {spent}."
    for call in route.attempts:
        if call.outcome != "succeeded":
            yield f"Also asked: {call.provider} ({call.reason or call.outcome or 'broken off'})."
    for handoff in route.handoffs:
        yield (
            f"From character {handoff.at} on by {handoff.target}, "
            f"because {handoff.source} did not go on ({handoff.reason})."
        )
    if route.skipped:
        yield f"Not asked: {', '.join(f'{skip.provider} ({skip.reason})' for skip in route.skipped)}."
    yield _sent(route)


def _sent(route: StoredRoute) -> str:
    clouds = dict.fromkeys(call.provider for call in route.attempts if call.sent and call.locality == "cloud")
    return f"Sent to the cloud: {', '.join(clouds)}." if clouds else "Nothing was sent to a cloud."


def _picked(row: RowMapping, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _time(row[name]) if name in _TIMES and row[name] is not None else row[name] for name in names}


def _quoted(text: str) -> str:
    # As a quotation no text of a person's or a model's looks like a part of the document.
    return "\n".join(f"> {line}".rstrip() for line in text.replace("\r\n", "\n").split("\n"))


def _time(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
