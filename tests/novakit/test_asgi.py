"""Helpers for endpoints that speak ASGI themselves."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from novakit.asgi import (
    ClientLeftError,
    client_watched,
    header,
    read_body,
    respond,
    respond_problem,
    until_client_leaves,
)
from novakit.problem import Problem
from starlette.types import Message, Receive

GONE: Message = {"type": "http.disconnect"}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def receiving(*messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


class Sent:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)


def test_a_header_is_found_by_its_lower_case_name() -> None:
    scope: dict[str, Any] = {"headers": [(b"x-user-id", b"one"), (b"x-user-id", b"two"), (b"x-raw", b"\xe9")]}
    assert header(scope, b"x-user-id") == "one"
    assert header(scope, b"x-raw") == "\xe9"
    assert header(scope, b"x-other") is None


async def test_a_body_is_put_together() -> None:
    assert await read_body(receiving(part(b"whole")), 5) == b"whole"
    assert (
        await read_body(receiving(part(b"in ", more=True), part(b"", more=True), part(b"parts")), 99) == b"in parts"
    )
    assert await read_body(receiving({"type": "http.request"}), 0) == b""


async def test_a_body_past_the_limit_is_413_before_the_rest_has_come() -> None:
    with pytest.raises(Problem) as refused:
        await read_body(receiving(part(b"123", more=True), part(b"456", more=True)), 5)
    assert (refused.value.status, refused.value.detail) == (413, "The request body is larger than 5 bytes.")
    assert await read_body(receiving(part(b"123", more=True), part(b"45")), 5) == b"12345"


async def test_a_client_that_leaves_within_its_body_is_told_apart() -> None:
    with pytest.raises(ClientLeftError):
        await read_body(receiving(part(b"123", more=True), GONE), 5)


async def test_a_whole_answer_has_its_length_and_its_type() -> None:
    sent = Sent()
    await respond(sent, b"{}", headers=[(b"x-a", b"b")])
    assert sent.messages == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"application/json"), (b"content-length", b"2"), (b"x-a", b"b")],
        },
        {"type": "http.response.body", "body": b"{}"},
    ]


async def test_an_error_is_sent_as_a_problem_document_with_its_headers() -> None:
    sent = Sent()
    problem = Problem(429, "Wait.", headers={"Retry-After": "7"})
    await respond_problem(sent, problem)
    start, body = sent.messages
    assert start["status"] == 429
    assert (b"content-type", b"application/problem+json") in start["headers"]
    assert (b"retry-after", b"7") in start["headers"]
    assert body["body"] == problem.body()


async def test_work_that_ends_while_the_client_waits_says_so() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("it")

    assert await until_client_leaves(receiving(), work()) is True
    assert done == ["it"]


class Endless:
    """Work that goes on until it is cancelled."""

    def __init__(self, at_the_end: Callable[[], None] = lambda: None) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False
        self._at_the_end = at_the_end

    async def run(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True
            self._at_the_end()


async def test_work_is_cancelled_when_the_client_leaves() -> None:
    work = Endless()

    async def receive() -> Message:
        await work.begun.wait()
        return GONE

    assert await until_client_leaves(receive, work.run()) is False
    assert work.cancelled


async def test_what_else_the_client_says_is_passed_over() -> None:
    work = Endless()
    assert await until_client_leaves(receiving(part(b""), part(b"", more=True), GONE), work.run()) is False
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_work_that_fails_fails_its_caller() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await until_client_leaves(receiving(), work())


async def test_work_that_fails_while_it_is_cancelled_fails_its_caller() -> None:
    def fail() -> None:
        raise ValueError("broken")

    work = Endless(fail)

    async def receive() -> Message:
        await work.begun.wait()
        return GONE

    with pytest.raises(ValueError, match="broken"):
        await until_client_leaves(receive, work.run())


async def test_work_is_cancelled_with_its_caller() -> None:
    work = Endless()
    caller = asyncio.create_task(until_client_leaves(receiving(), work.run()))
    await work.begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.cancelled


async def test_a_client_that_leaves_is_told_of_once() -> None:
    left = asyncio.Event()
    calls: list[str] = []

    def leave() -> None:
        calls.append("left")
        left.set()

    with client_watched(receiving(part(b""), GONE), leave):
        await left.wait()
    await asyncio.sleep(0)
    assert calls == ["left"]


async def test_a_client_that_stays_is_not_watched_beyond_the_work() -> None:
    calls: list[str] = []
    with client_watched(receiving(), lambda: calls.append("left")):
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert calls == []
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
