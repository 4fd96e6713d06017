"""Helpers for endpoints that speak ASGI themselves, as the chat routes do for speed."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from .problem import MEDIA_TYPE, Problem

Headers = Iterable[tuple[bytes, bytes]]


class ClientLeftError(Exception):
    """The client went away before its request was whole."""


def header(scope: Scope, name: bytes) -> str | None:
    """One request header by its lower-case name."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


async def read_body(receive: Receive, limit: int) -> bytes:
    """The whole request body; raises Problem 413 past ``limit`` bytes, and ClientLeftError."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeftError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Problem(413, f"The request body is larger than {limit} bytes.")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def respond(
    send: Send, body: bytes, *, status: int = 200, media_type: str = "application/json", headers: Headers = ()
) -> None:
    """Send one whole answer."""
    base = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*base, *headers]})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(send: Send, problem: Problem) -> None:
    """Send an error."""
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    await respond(send, problem.body(), status=problem.status, media_type=MEDIA_TYPE, headers=headers)


async def until_client_leaves(receive: Receive, work: Coroutine[Any, Any, None]) -> bool:
    """Run ``work`` to its end, or cancel it as soon as the client is gone; says whether it ended by itself.

    The body must have been read before: nothing but ``http.disconnect`` is expected of ``receive``.
    """
    task = asyncio.ensure_future(work)
    watcher = asyncio.ensure_future(_disconnect(receive))
    try:
        await asyncio.wait((task, watcher), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    finally:
        watcher.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
    return False


@contextmanager
def client_watched(receive: Receive, left: Callable[[], None]) -> Iterator[None]:
    """Call ``left`` once the client is gone. Cheaper than ``until_client_leaves`` for work that can be told.

    The body must have been read before.
    """
    watcher = asyncio.ensure_future(_disconnect(receive))
    watcher.add_done_callback(lambda task: None if task.cancelled() else left())
    try:
        yield
    finally:
        watcher.cancel()


async def _disconnect(receive: Receive) -> None:
    message: Message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
