"""Slots, the queue, and clients and processes that go away."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message

from services.local_model.app.process.janitor import EXIT_CODE

from .fake_engine import FakeEngine
from .serving import World, chat_body, world

BUSY = {"error": "server busy, please try again.  maximum pending requests exceeded"}


@pytest.fixture
async def place() -> AsyncIterator[World]:
    async with world() as place:
        place.engine.hold()
        yield place
        place.engine.let_go(100)


async def until(place: World, *, busy: int, waiting: int) -> None:
    await place.until_metric("local_model_slots_busy", busy)
    await place.until_metric("local_model_queue_waiting", waiting)


async def test_one_more_than_fit_in_slots_and_queue_is_told_that_the_server_is_busy(place: World) -> None:
    async with place.asking("first") as first, place.asking("second") as second:
        await until(place, busy=1, waiting=1)

        assert await place.chat("third") == (503, BUSY)
        place.engine.let_go(6)
        assert [(await first)[0], (await second)[0]] == [200, 200]
    await place.until_metric('local_model_requests_total{outcome="busy",route="chat"}', 1)


async def test_a_client_that_leaves_while_its_prompt_is_read_stops_the_engine_and_frees_the_slot(
    place: World,
) -> None:
    async with place.asking():
        await until(place, busy=1, waiting=0)
    await until(place, busy=0, waiting=0)

    assert place.engine.stopped == 1
    await place.until_metric('local_model_requests_total{outcome="cancelled",route="chat"}', 1)
    place.engine.let_go(3)
    assert (await place.chat())[0] == 200


async def test_a_client_that_leaves_before_its_request_is_whole_is_forgotten(place: World) -> None:
    address = place.url.rpartition("/")[2]
    host, port = address.split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'POST /api/chat HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"model": "')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await place.until_metric('local_model_requests_total{outcome="cancelled",route="chat"}', 1)

    assert place.engine.jobs == []


async def test_a_client_that_leaves_in_the_middle_of_a_stream_stops_the_engine(place: World) -> None:
    place.engine.let_go(1)
    async with place.http.post(f"{place.url}/api/chat", json=chat_body()) as answer:
        assert b"Hello" in await answer.content.readline()
        answer.close()
    await until(place, busy=0, waiting=0)

    assert place.engine.stopped == 1


async def test_a_client_that_leaves_the_queue_gives_up_its_place_at_once(place: World) -> None:
    async with place.asking("first"):
        await until(place, busy=1, waiting=0)
        async with place.asking("second"):
            await until(place, busy=1, waiting=1)
        await until(place, busy=1, waiting=0)
        async with place.asking("third") as third:
            await until(place, busy=1, waiting=1)
            place.engine.let_go(6)

            assert (await third)[0] == 200
    assert len(place.engine.jobs) == 2


async def test_a_client_that_leaves_while_the_model_loads_is_not_answered() -> None:
    engine = FakeEngine()
    engine.may_load.clear()
    async with world(engine) as place:
        async with place.asking():
            await until(place, busy=1, waiting=0)
        await until(place, busy=0, waiting=0)
        engine.may_load.set()
        await place.until_metric("local_model_loaded", 1)

        assert engine.jobs == []


async def test_a_slow_reader_does_not_keep_the_slot(place: World) -> None:
    reads = asyncio.Event()
    lines: list[bytes] = []
    requests = iter([{"type": "http.request", "body": json.dumps(chat_body()).encode()}])

    async def receive() -> Message:
        request = next(requests, None)
        return request if request is not None else await asyncio.Future()

    async def send(message: Message) -> None:
        lines.append(message.get("body", b""))
        await reads.wait()

    scope = {"type": "http", "method": "POST", "path": "/api/chat", "headers": [], "query_string": b""}
    slow = asyncio.create_task(place.app(scope, receive, send))
    place.engine.let_go(6)
    await place.until_metric("local_model_time_to_first_token_seconds_count", 1)

    assert (await place.chat("second"))[0] == 200
    assert len(lines) == 1
    reads.set()
    await slow
    assert len(lines) == 5


async def test_several_slots_work_at_once() -> None:
    async with world(local_model_slots=2, local_model_queue=0) as place:
        place.engine.hold()
        async with place.asking("first") as first, place.asking("second") as second:
            await until(place, busy=2, waiting=0)
            assert await place.chat("third") == (503, BUSY)
            place.engine.let_go(6)

            assert [(await first)[0], (await second)[0]] == [200, 200]


async def test_the_model_is_not_unloaded_under_a_running_answer(place: World) -> None:
    async with place.asking(keep_alive=0) as answer:
        await until(place, busy=1, waiting=0)
        status, unloaded = await place.post("/api/chat", {**chat_body(), "messages": [], "keep_alive": 0})
        place.clock.advance(1000)
        for _ in range(2):
            place.engine.let_go(1)
        await place.running.residency.expire()

        assert (status, unloaded["done_reason"], place.engine.loaded) == (200, "unload", True)
        place.engine.let_go(1)
        assert (await answer)[0] == 200
    await place.until_metric("local_model_loaded", 0)


async def test_when_the_service_stops_running_answers_end_with_an_error_and_nothing_new_begins(place: World) -> None:
    place.engine.let_go(1)
    async with place.http.post(f"{place.url}/api/chat", json=chat_body()) as answer:
        assert b"Hello" in await answer.content.readline()
        async with place.asking("queued") as queued:
            await until(place, busy=1, waiting=1)
            place.running.stopping.stop()

            assert await answer.content.read() == b'{"error":"the server is shutting down"}\n'
            assert await queued == (503, {"error": "the server is shutting down"})
    assert await place.chat() == (503, {"error": "the server is shutting down"})
    assert place.engine.stopped == 1


async def test_a_process_whose_engine_is_silent_for_two_minutes_ends_with_code_70() -> None:
    engine = FakeEngine()
    engine.frozen = threading.Event()
    async with world(engine) as place, place.asking() as answer:
        await until(place, busy=1, waiting=0)
        await asyncio.to_thread(_until_asked, engine)
        place.clock.advance(119)
        await place.running.janitor.tick()
        assert place.exit_codes == []
        place.clock.advance(1)
        await place.running.janitor.tick()
        assert place.exit_codes == [EXIT_CODE] == [70]
        engine.frozen.set()
        assert (await answer)[0] == 200


def _until_asked(engine: FakeEngine) -> None:
    """Wait until the engine has taken the job; its progress is marked before that."""
    while not engine.jobs:
        pass


async def test_a_process_that_makes_progress_or_has_nothing_to_do_lives_on(place: World) -> None:
    async with place.asking() as answer:
        await until(place, busy=1, waiting=0)
        for _ in range(3):
            place.clock.advance(100)
            place.engine.let_go(1)
        assert (await answer)[0] == 200
        await place.running.janitor.tick()
    place.clock.advance(10_000)
    await place.running.janitor.tick()
    assert place.exit_codes == []


async def test_the_janitor_looks_every_second() -> None:
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            raise asyncio.CancelledError

    async with world() as place:
        await place.chat(keep_alive=5)
        place.clock.advance(5)
        with pytest.raises(asyncio.CancelledError):
            await place.running.janitor.run(sleep)

        assert sleeps == [1, 1, 1]
        assert not place.engine.loaded
