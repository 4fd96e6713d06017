"""Answers that broke off, and how they are taken up again. Each function runs inside a transaction."""

from dataclasses import dataclass

from ..domain.chat import ChatTurn
from .privacy import cloud_allowed
from .sql import Sql
from .turns import EndedPrompt, PromptStatus, SessionEndedError, ancestors

UNFINISHED: tuple[PromptStatus, ...] = ("interrupted", "stopped", "failed")


class PromptMissingError(Exception):
    """There is no such prompt for this user."""


class NotUnfinishedError(Exception):
    """The prompt's answer cannot be gone on with: ``status`` says how it stands."""

    def __init__(self, status: PromptStatus) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class Reopened:
    """A prompt whose answer goes on: what was stored of it, its question, and the turns before that."""

    left: EndedPrompt
    question: ChatTurn
    history: tuple[ChatTurn, ...]
    session_local_only: bool
    user_local_only: bool


def find(connection: Sql, prompt_id: str, user_id: str) -> EndedPrompt | None:
    """A user's prompt as it is stored."""
    row = connection.execute(
        "SELECT session_id, output_text, status, tokens_used, latency_ms, provider, model, locality, route"
        " FROM prompts WHERE id = ? AND user_id = ?",
        (prompt_id, user_id),
    ).fetchone()
    if row is None:
        return None
    session_id, text, status, tokens_used, latency_ms, provider, model, locality, route = row
    return EndedPrompt(
        prompt_id=prompt_id,
        session_id=session_id,
        text=text,
        status=status,
        tokens_used=tokens_used,
        latency_ms=latency_ms,
        provider=provider,
        model=model,
        locality=locality,
        route=route or "",
    )


def answering(connection: Sql, prompt_id: str) -> str | None:
    """The process that answers this prompt, or has answered it."""
    row = connection.execute("SELECT instance_id FROM prompts WHERE id = ?", (prompt_id,)).fetchone()
    return None if row is None else row[0]


def reopen(connection: Sql, prompt_id: str, user_id: str, instance_id: str | None = None) -> Reopened:
    """Mark the prompt as running again, in this process.

    Raises PromptMissingError, NotUnfinishedError, SessionEndedError.
    """
    # Of two who would go on with it at once, the second finds it running.
    connection.lock(f"prompt {prompt_id}")
    left = find(connection, prompt_id, user_id)
    if left is None:
        raise PromptMissingError
    if left.status not in UNFINISHED:
        raise NotUnfinishedError(left.status)
    asked, local_only, parent, session_status, session_local_only = connection.execute(
        "SELECT p.input_text, p.local_only, p.parent_id, s.status, s.local_only"
        " FROM prompts AS p JOIN sessions AS s ON s.id = p.session_id WHERE p.id = ?",
        (prompt_id,),
    ).fetchone()
    if session_status != "active":
        raise SessionEndedError
    connection.execute(
        "UPDATE prompts SET status = 'running', instance_id = ? WHERE id = ?", (instance_id, prompt_id)
    )
    return Reopened(
        left,
        ChatTurn("user", asked, bool(local_only)),
        ancestors(connection, parent),
        bool(session_local_only),
        not cloud_allowed(connection, user_id),
    )
