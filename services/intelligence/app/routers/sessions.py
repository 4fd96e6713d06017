"""Sessions, their history, and what became of each message."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem
from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from sqlalchemy import RowMapping

from ..domain.chat import Locality
from ..services.answers.resuming import stored_route
from ..services.parts import Parts
from ..services.stored_route import CallRecord, HandoffRecord, SkipRecord, StoredRoute
from ..store.repository import BadCursorError
from ..store.turns import PromptStatus
from .caller import CurrentCaller
from .openapi import reference

TITLE_CHARS = 200

NO_SESSION = "There is no such session."
NO_MESSAGE = "There is no such message."

router = APIRouter(prefix="/api/chat", tags=["chat"], responses=INNER_PROBLEMS)


class Session(BaseModel):
    """One conversation."""

    id: UUID
    user_id: str
    title: str
    status: Literal["active", "ended"]
    local_only: bool
    model_name: str | None
    created_at: datetime
    ended_at: datetime | None


class CutOffCall(BaseModel):
    """A call to a cloud provider that was running, and was cut off by the lock."""

    message_id: UUID
    provider: str
    model: str


class Sendable(BaseModel):
    """How many messages may go to a cloud provider once nothing but their own mark holds them back."""

    messages: int
    stay_local: int


class ChangedSession(Session):
    """The session after the change; what a lock has cut off, or what may be sent now that there is none."""

    cut_off: list[CutOffCall] = []
    sendable: Sendable | None = None


class LockState(BaseModel):
    """A session's lock, and what unlocking it would let go, or has let go."""

    local_only: bool
    sendable: Sendable


class SessionList(BaseModel):
    """A page of conversations, the most recently used first."""

    sessions: list[Session]
    total: int
    next_cursor: str | None


class NewSession(BaseModel):
    """Without a title, the first words of the first message become it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=TITLE_CHARS)] = ""
    local_only: bool = False


Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_CHARS, pattern=r"\S")]


class SessionChange(BaseModel):
    """What may be changed of a session."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        # As _changes_something has it.
        json_schema_extra={
            "anyOf": [
                {"required": ["title"], "properties": {"title": {"type": "string"}}},
                {"required": ["local_only"], "properties": {"local_only": {"type": "boolean"}}},
            ]
        },
    )

    title: Title | None = None
    local_only: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.title is None and self.local_only is None:
            raise ValueError("name what to change: title or local_only")
        return self


class Prompt(BaseModel):
    """One message and the answer to it; ``id`` is the ``message_id`` of its stream."""

    id: UUID
    parent_id: UUID | None
    session_id: UUID
    user_id: str
    input_text: str
    output_text: str
    tokens_used: int
    latency_ms: int
    created_at: datetime
    provider: str | None
    model: str | None
    locality: Locality | None
    status: PromptStatus


class History(BaseModel):
    """A session's messages, oldest first."""

    session_id: UUID
    prompts: list[Prompt]
    total: int


class Ended(BaseModel):
    """How a message's turn stands."""

    message_id: UUID
    status: PromptStatus


class MessageRoute(msgspec.Struct):
    """Where an answer came from: each call in order, and who was not asked. Null costs: no price is known.

    ``rule`` is the one of ``LLM_ROUTE_RULES`` that had a say in the order.
    """

    message_id: str
    status: PromptStatus
    attempts: list[CallRecord]
    skipped: list[SkipRecord]
    handoffs: list[HandoffRecord]
    cost_usd: float | None
    rule: str | None


def parts_of(request: Request) -> Parts:
    """What the composition root has wired."""
    parts: Parts = request.app.state.parts
    return parts


@router.post("/sessions", status_code=201)
async def create_session(body: NewSession, request: Request, caller: CurrentCaller) -> Session:
    """Begin a conversation."""
    parts = parts_of(request)
    row = await parts.repository.create_session(
        parts.new_id(), caller.user_id, body.title, micros_of(parts), local_only=body.local_only
    )
    return _session(row)


@router.get("/sessions")
async def list_sessions(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: str | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
) -> SessionList:
    """List the user's conversations; ``q`` looks into titles and, word by word, into what was said."""
    try:
        page = await parts_of(request).repository.list_sessions(caller.user_id, limit=limit, cursor=cursor, query=q)
    except BadCursorError:
        raise Problem(422, "cursor: it is not one that this list has given.") from None
    return SessionList(sessions=[_session(row) for row in page.rows], total=page.total, next_cursor=page.next_cursor)


@router.patch("/sessions/{session_id}", response_model_exclude_unset=True, responses=problems({404: NO_SESSION}))
async def change_session(
    session_id: UUID, body: SessionChange, request: Request, caller: CurrentCaller
) -> ChangedSession:
    """Rename a conversation, lock it to local, or unlock it.

    A lock cuts off what a cloud provider is answering, and names it; unlocking tells what may be sent from now on.
    """
    parts = parts_of(request)
    changes = body.model_dump(exclude_none=True)
    row = await parts.repository.change_session(str(session_id), caller.user_id, changes)
    if row is None:
        raise Problem(404, NO_SESSION)
    told: dict[str, Any] = {}
    if body.local_only:
        cut = await parts.conversations.lock(str(session_id))
        told["cut_off"] = [CutOffCall(message_id=UUID(c.message_id), provider=c.provider, model=c.model) for c in cut]
    elif body.local_only is False:
        told["sendable"] = await _sendable(parts, str(session_id))
    return ChangedSession(**_session(row).model_dump(), **told)


@router.get("/sessions/{session_id}/lock", responses=problems({404: NO_SESSION}))
async def session_lock(session_id: UUID, request: Request, caller: CurrentCaller) -> LockState:
    """Tell whether a conversation is locked, and what becomes sendable when it is not."""
    parts = parts_of(request)
    row = await parts.repository.session(str(session_id), caller.user_id)
    if row is None:
        raise Problem(404, NO_SESSION)
    return LockState(local_only=row["local_only"], sendable=await _sendable(parts, str(session_id)))


@router.delete("/sessions/{session_id}", status_code=204, responses=problems({404: NO_SESSION}))
async def delete_session(session_id: UUID, request: Request, caller: CurrentCaller) -> None:
    """Delete a conversation with all its messages, for good."""
    parts = parts_of(request)
    if not await parts.repository.delete_session(str(session_id), caller.user_id):
        raise Problem(404, NO_SESSION)
    await parts.conversations.end_turns_of(caller.user_id, str(session_id))
    await parts.user_data.erase()


@router.post("/sessions/{session_id}/end", responses=problems({404: NO_SESSION}))
async def end_session(session_id: UUID, request: Request, caller: CurrentCaller) -> Session:
    """End a conversation: it stays readable and takes no more messages."""
    parts = parts_of(request)
    row = await parts.repository.session(str(session_id), caller.user_id)
    if row is not None and row["status"] == "active":
        changes = {"status": "ended", "ended_at": micros_of(parts)}
        row = await parts.repository.change_session(str(session_id), caller.user_id, changes)
    if row is None:
        raise Problem(404, NO_SESSION)
    return _session(row)


@router.get("/history/{session_id}", responses=problems({404: NO_SESSION}))
async def history(session_id: UUID, request: Request, caller: CurrentCaller) -> History:
    """All messages of a conversation."""
    repository = parts_of(request).repository
    if await repository.session(str(session_id), caller.user_id) is None:
        raise Problem(404, NO_SESSION)
    rows = await repository.prompts_of(str(session_id))
    return History(session_id=session_id, prompts=[_prompt(row) for row in rows], total=len(rows))


@router.get(
    "/messages/{message_id}/route",
    responses={
        **problems({404: NO_MESSAGE}),
        200: {"content": {"application/json": {"schema": reference(MessageRoute)}}},
    },
)
async def message_route(message_id: UUID, request: Request, caller: CurrentCaller) -> Response:
    """Tell where an answer came from, and why."""
    parts = parts_of(request)
    turn = parts.running.get(str(message_id), caller.user_id)
    if turn is not None:
        return _route(message_id, "running", turn.route.stored())
    row = await parts.repository.prompt(str(message_id), caller.user_id)
    if row is None:
        raise Problem(404, NO_MESSAGE)
    return _route(message_id, row["status"], stored_route(row["route"] or ""))


@router.post("/messages/{message_id}/stop", responses=problems({404: NO_MESSAGE}))
async def stop_message(message_id: UUID, request: Request, caller: CurrentCaller) -> Ended:
    """End an answer now, keeping what was said; answers when that is stored."""
    parts = parts_of(request)
    await parts.conversations.stop(str(message_id), caller.user_id)
    row = await parts.repository.prompt(str(message_id), caller.user_id)
    if row is None:
        raise Problem(404, NO_MESSAGE)
    return Ended(message_id=message_id, status=row["status"])


def _route(message_id: UUID, status: PromptStatus, stored: StoredRoute) -> Response:
    route = MessageRoute(str(message_id), status, **msgspec.structs.asdict(stored))
    return Response(msgspec.json.encode(route), media_type="application/json")


async def _sendable(parts: Parts, session_id: str) -> Sendable:
    found = await parts.repository.sendable(session_id)
    return Sendable(messages=found.messages, stay_local=found.stay_local)


def _session(row: RowMapping) -> Session:
    return Session(**{**row, "created_at": _time(row["created_at"]), "ended_at": _time(row["ended_at"])})


def _prompt(row: RowMapping) -> Prompt:
    return Prompt(**{**row, "created_at": _time(row["created_at"])})


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else datetime.fromtimestamp(micros / 1_000_000, UTC)


def micros_of(parts: Parts) -> int:
    """Now, in microseconds since 1970 UTC."""
    return int(parts.clock.wall() * 1_000_000)
