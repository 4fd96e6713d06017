"""What is left after the process has died: a finished answer whole, a running one but for its last second."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from novakit import sse
from novakit.identity import sign

from services.intelligence.app.store.instances import LEASE_MICROS
from tests.support.databases import BOTH, MadeDatabase, Portable
from tests.support.fakes import FakeOllama, Gate, answer
from tests.support.services import ServiceProcess

SECRET = "test-secret-" + "s" * 32
USER = "01890000-0000-7000-8000-000000000001"
PATIENCE = 20.0


def headers() -> dict[str, str]:
    token = sign(SECRET, issuer="gateway", audience="intelligence", wall=time.time())
    return {"X-Service-Token": token, "X-User-Id": USER, "Content-Type": "application/json"}


def environ(database: MadeDatabase, ollama: FakeOllama, grace: str) -> dict[str, str]:
    return {
        "SERVICE_JWT_SECRET": SECRET,
        **database.settings(),
        "OLLAMA_URL": ollama.url,
        "LLM_PROVIDER_PRIORITY": "ollama",
        "SHUTDOWN_GRACE_SEC": grace,
    }


@asynccontextmanager
async def process(database: MadeDatabase, ollama: FakeOllama, grace: str = "0.1") -> AsyncIterator[ServiceProcess]:
    service = ServiceProcess("intelligence", environ(database, ollama, grace), database.folder / "log")
    try:
        await service.start()
        yield service
    finally:
        service.kill()


async def reading(url: str, session: aiohttp.ClientSession) -> AsyncGenerator[sse.Event]:
    """The events of a new chat as they come."""
    body = json.dumps({"message": "Count for me."})
    async with session.post(f"{url}/api/chat/stream", data=body, headers=headers()) as response:
        decoder = sse.Decoder()
        async for chunk in response.content.iter_any():
            for event in decoder.feed(chunk):
                yield event


async def history(url: str, session: aiohttp.ClientSession, session_id: str) -> list[dict[str, Any]]:
    async with session.get(f"{url}/api/chat/history/{session_id}", headers=headers()) as response:
        prompts: list[dict[str, Any]] = (await response.json())["prompts"]
        return prompts


@BOTH
async def test_an_answer_that_was_cut_by_sigkill_is_there_up_to_its_last_second(
    database: MadeDatabase, connection: Portable
) -> None:
    gate = Gate()
    async with FakeOllama([answer("one two three", gate=gate)]) as ollama, aiohttp.ClientSession() as session:
        async with process(database, ollama) as service:
            events = reading(service.url, session)
            start = json.loads((await anext(events)).data)
            gate.release(2)
            said = ""
            async with asyncio.timeout(PATIENCE):
                while said != "one two":
                    event = await anext(events)
                    said += json.loads(event.data).get("content", "") if event.name == "message" else ""
                spoken = asyncio.get_running_loop().time()
                while stored(connection)[0] != "one two":  # noqa: ASYNC110 (a database calls nobody)
                    await asyncio.sleep(0.01)
            assert asyncio.get_running_loop().time() - spoken < 1.5
            service.kill()
            with pytest.raises(aiohttp.ClientError):
                await anext(events)
        # As if it had died a while ago: on PostgreSQL it might be another's, and alive.
        connection.execute("UPDATE instances SET seen_at = seen_at - ?", (LEASE_MICROS,))
        async with process(database, ollama) as service:
            [prompt] = await history(service.url, session, start["session_id"])
    assert prompt["id"] == start["message_id"]
    assert (prompt["input_text"], prompt["output_text"], prompt["status"]) == (
        "Count for me.",
        "one two",
        "interrupted",
    )


def stored(connection: Portable) -> tuple[str, str, int]:
    """(answer, status, tokens) of the one message, as the database has them."""
    text, status, tokens = connection.execute("SELECT output_text, status, tokens_used FROM prompts").fetchone()
    return text, status, tokens


async def test_an_answer_whose_done_was_seen_outlives_sigkill_whole(
    database: MadeDatabase, connection: Portable
) -> None:
    async with (
        FakeOllama([answer("one two three")]) as ollama,
        aiohttp.ClientSession() as session,
        process(database, ollama) as service,
    ):
        events = reading(service.url, session)
        async with asyncio.timeout(PATIENCE):
            while (event := await anext(events)).name != "message" or not json.loads(event.data)["done"]:
                pass
        service.kill()
        await events.aclose()
    assert stored(connection) == ("one two three", "complete", 19)


async def test_told_to_stop_the_process_ends_its_answers_in_time_and_says_so(
    database: MadeDatabase, connection: Portable
) -> None:
    gate = Gate()
    async with (
        FakeOllama([answer("one two three", gate=gate)]) as ollama,
        aiohttp.ClientSession() as session,
        process(database, ollama) as service,
    ):
        events = reading(service.url, session)
        gate.release(1)
        async with asyncio.timeout(PATIENCE):
            while (await anext(events)).name != "message":
                pass
            stopped = asyncio.ensure_future(asyncio.to_thread(service.stop))
            *_, last = [event async for event in events]
            await stopped
    assert json.loads(last.data) == {
        "error": "The answer broke off before its end. What was said so far is kept.",
        "done": True,
    }
    assert stored(connection)[:2] == ("one", "interrupted")


async def test_told_to_stop_the_process_lets_an_answer_end_within_the_grace_and_takes_no_new_one(
    database: MadeDatabase, connection: Portable
) -> None:
    gate = Gate()
    async with (
        FakeOllama([answer("one two three", gate=gate)]) as ollama,
        aiohttp.ClientSession() as session,
        process(database, ollama, grace="10") as service,
    ):
        events = reading(service.url, session)
        gate.release(1)
        async with asyncio.timeout(PATIENCE):
            while (await anext(events)).name != "message":
                pass
            stopped = asyncio.ensure_future(asyncio.to_thread(service.stop))
            while not await refused(service.url, session):
                pass
            assert not stopped.done()
            gate.open()
            *_, last = [event async for event in events]
            await stopped
    assert json.loads(last.data)["done"] is True
    assert stored(connection)[:2] == ("one two three", "complete")


async def refused(url: str, session: aiohttp.ClientSession) -> bool:
    """Whether the service takes nobody in any more."""
    try:
        async with session.get(f"{url}/readyz") as response:
            return response.status == 503
    except aiohttp.ClientError:
        return True
