"""A user's data as a whole: taken along, or deleted."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem
from pydantic import BaseModel
from sqlalchemy import RowMapping

from ..services.exporting import FORMS, Format, exported
from .caller import Caller, CurrentCaller
from .sessions import NO_SESSION, micros_of, parts_of

router = APIRouter(prefix="/api/chat", tags=["data"], responses=INNER_PROBLEMS)

Wanted = Annotated[Format, Query(alias="format")]


class ExportedMessage(BaseModel):
    """One message and its answer; ``route`` is what ``GET /api/chat/messages/{id}/route`` tells of it."""

    id: UUID
    parent_id: UUID | None
    created_at: datetime
    local_only: bool
    input_text: str
    output_text: str
    status: str
    tokens_used: int
    latency_ms: int
    provider: str | None
    model: str | None
    locality: str | None
    route: dict[str, Any]


class ExportedSession(BaseModel):
    """One conversation, its messages oldest first."""

    id: UUID
    title: str
    status: str
    local_only: bool
    model_name: str | None
    created_at: datetime
    ended_at: datetime | None
    messages: list[ExportedMessage]


class Export(BaseModel):
    """A user's conversations, oldest first."""

    user_id: str
    exported_at: datetime
    sessions: list[ExportedSession]


_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {"model": Export, "content": {"text/markdown": {"schema": {"type": "string"}}}}
}


class DeletedData(BaseModel):
    """What was deleted. ``kept`` says what is not."""

    sessions: int
    messages: int
    kept: str = (
        "What was used (calls, tokens, cost, by day) stays in the ledger, without any text; so does your word on the "
        "cloud. Remembered facts are deleted by DELETE /api/memory/facts."
    )


@router.get("/export", response_class=StreamingResponse, responses=_DOCUMENT)
async def export_data(request: Request, caller: CurrentCaller, wanted: Wanted = "json") -> StreamingResponse:
    """Give all of the user's conversations, with where each answer came from and why."""
    return _document(request, caller, wanted, None)


@router.get(
    "/sessions/{session_id}/export",
    response_class=StreamingResponse,
    responses=_DOCUMENT | problems({404: NO_SESSION}),
)
async def export_session(
    session_id: UUID, request: Request, caller: CurrentCaller, wanted: Wanted = "json"
) -> StreamingResponse:
    """Give one conversation in the same way."""
    row = await parts_of(request).repository.session(str(session_id), caller.user_id)
    if row is None:
        raise Problem(404, NO_SESSION)
    return _document(request, caller, wanted, row)


@router.delete("/data")
async def delete_data(request: Request, caller: CurrentCaller) -> DeletedData:
    """Delete all of the user's conversations, for good. Answers that are being made are cut off first."""
    parts = parts_of(request)
    await parts.conversations.end_turns_of(caller.user_id)
    gone = await parts.user_data.delete(caller.user_id)
    # Those that were begun meanwhile.
    await parts.conversations.end_turns_of(caller.user_id)
    await parts.user_data.erase()
    return DeletedData(sessions=gone.sessions, messages=gone.messages)


def _document(request: Request, caller: Caller, wanted: Format, session: RowMapping | None) -> StreamingResponse:
    parts = parts_of(request)
    form = FORMS[wanted]
    name = "export" if session is None else f"session-{session['id']}"
    return StreamingResponse(
        exported(parts.user_data, form, caller.user_id, micros_of(parts), session),
        media_type=form.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="novacore-{name}.{form.suffix}"',
            "Cache-Control": "no-store",
        },
    )
