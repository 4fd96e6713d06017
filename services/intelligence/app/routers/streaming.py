"""What the chat endpoints of the hot path share: answering with a stream, and telling of what is raised."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import ceil

from novakit import logs, sse
from novakit.asgi import ClientLeftError, client_watched, header, respond_problem, until_client_leaves
from novakit.database.outage import unavailable
from novakit.problem import CRASHED, Problem
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Message, Receive, Scope, Send

from ..services.answers import replay
from ..services.answers.drain import DrainingError
from ..services.answers.elsewhere import Abroad
from ..services.answers.event_log import HEARTBEAT_SEC
from ..services.answers.turn import Turn
from ..services.quotas.users import UserOverQuotaError
from ..store.jobs import StoreLostError
from ..store.keys import KeyReusedError
from ..store.turns import EndedPrompt, ParentMissingError, SessionEndedError, SessionMissingError
from ..store.unfinished import NotUnfinishedError, PromptMissingError

STREAM_VERSION_HEADER = b"x-novacore-stream"
"""``2``: the reader knows the events ``replace`` and ``reset``."""
LAST_EVENT_HEADER = b"last-event-id"
MOST_EVENTS = 2**53
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]

log = logs.get("store")

Answering = Callable[[Scope, Receive, Send], Awaitable[None]]


async def answer(answering: Answering, method: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Let ``answering`` answer a request of this method, and tell of every problem; raises what else goes wrong."""
    if scope["method"] != method:
        problem = Problem(405, f"This path takes {method} only.", headers={"Allow": method})
        await respond_problem(send, problem)
        return
    begun = False

    async def sending(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        with told_as_problems():
            await answering(scope, receive, sending)
    except Problem as problem:
        if begun:
            raise
        await respond_problem(send, problem)
    except ClientLeftError:
        return
    except Exception:
        if not begun:
            await respond_problem(send, Problem(500, CRASHED))
        raise


def rewinds(scope: Scope) -> bool:
    """Whether the reader of the stream can take back what it has shown."""
    return header(scope, STREAM_VERSION_HEADER) == "2"


def last_event_id(scope: Scope) -> int:
    """How many events the reader has; raises Problem 422."""
    text = header(scope, LAST_EVENT_HEADER)
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MOST_EVENTS)):
        raise Problem(422, "Last-Event-ID is not the id of an event: a whole number, or 0 for all of them.")
    return int(text)


async def tell(
    found: Turn | EndedPrompt | Abroad, scope: Scope, receive: Receive, send: Send, *, place: int, opens: bool = False
) -> None:
    """Answer with the rest of this answer's stream, for a reader that has it up to the id ``place``.

    ``opens``: the reader goes on with the answer, and has what was said before on show.
    """
    await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
    if isinstance(found, Abroad):
        found = await _wait(found, receive, send)
    if isinstance(found, EndedPrompt):
        await _write(send, replay.stream(found, place=place, rewinds=rewinds(scope)))
    else:
        await _follow(found, scope, receive, send, place=place, opens=opens)
    await send({"type": "http.response.body", "body": b""})


async def _follow(turn: Turn, scope: Scope, receive: Receive, send: Send, *, place: int, opens: bool = False) -> None:
    has = place
    if opens:
        opening, has = turn.opening
        await _write(send, opening)
    elif not turn.has(place):
        # It has read another stream of this answer; where that was, is not known.
        if turn.outcome is not None:
            await _write(send, replay.stream(turn.outcome, place=place, rewinds=rewinds(scope)))
            return
        has = turn.last_id
        if turn.text:
            await _write(send, replay.anew(turn.text, frame_id=has, rewinds=rewinds(scope)))
    reader = turn.reader(has, asyncio.get_running_loop().call_later)

    def left() -> None:
        reader.leave()
        turn.leave()

    turn.join()
    with client_watched(receive, left):
        async for chunk in reader.read():
            await _write(send, chunk)
    if turn.endpoint == "message" and turn.outcome is not None:
        # Its words were told to nobody on the way: whoever asked for it gets them whole.
        await _write(send, replay.stream(turn.outcome, place=place, rewinds=rewinds(scope)))


async def over(found: Abroad, receive: Receive) -> EndedPrompt:
    """How an answer ends that another process gives; raises ClientLeftError."""
    ended: list[EndedPrompt] = []

    async def wait() -> None:
        ended.append(await found.over())

    if not await until_client_leaves(receive, wait()):
        raise ClientLeftError
    return ended[0]


async def _wait(found: Abroad, receive: Receive, send: Send) -> EndedPrompt:
    """The same for a stream, which shows that somebody is there."""

    async def beat() -> None:
        while True:
            await _write(send, sse.HEARTBEAT)
            await asyncio.sleep(HEARTBEAT_SEC)

    beating = asyncio.ensure_future(beat())
    try:
        return await over(found, receive)
    finally:
        beating.cancel()


async def _write(send: Send, chunk: bytes) -> None:
    await send({"type": "http.response.body", "body": chunk, "more_body": True})


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise a Problem in place of what the conversations raise."""
    try:
        yield
    except SessionMissingError:
        raise Problem(404, "There is no such session.") from None
    except SessionEndedError:
        raise Problem(409, "This session has ended; start a new one.") from None
    except ParentMissingError:
        raise Problem(404, "parent_id names no message of this session.") from None
    except PromptMissingError:
        raise Problem(404, "There is no such message.") from None
    except NotUnfinishedError as error:
        raise Problem(409, _why_not(error)) from None
    except KeyReusedError:
        raise Problem(422, "This Idempotency-Key was given to another body; a new message needs a new key.") from None
    except UserOverQuotaError as over:
        raise over_quota(over) from None
    except (SQLAlchemyError, StoreLostError) as error:
        raise unavailable(error, log) from None
    except DrainingError:
        raise Problem(503, "NovaCore is stopping; try again in a moment.", headers={"Retry-After": "2"}) from None


def over_quota(over: UserOverQuotaError) -> Problem:
    """Says which quota, how much of it is used, and when it begins anew."""
    detail = f"You have used {over.used} of the {over.limit} {over.unit} that you have a day"
    if over.used < over.limit:
        detail += ", and this one would take more than is left"
    return Problem(
        429, f"{detail}; the count begins anew at {over.resets_at}.", headers={"Retry-After": str(ceil(over.seconds))}
    )


def _why_not(error: NotUnfinishedError) -> str:
    if error.status == "running":
        return "This answer is still running; GET /api/chat/stream/{message_id} follows it."
    return f"This answer did not break off (its status is {error.status}): there is nothing to go on with."
