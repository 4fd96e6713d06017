"""Ends that cannot be stored, ends of other processes, and answers that are gone on with, each in virtual time."""

import asyncio
import json
import sqlite3
from typing import Any

import pytest
from fastapi import FastAPI
from novakit import sse

from services.intelligence.app.services.answers.event_log import HEARTBEAT_SEC
from services.intelligence.app.services.answers.replay import WHOLE_ANEW
from tests.intelligence.conversation.service import SESSIONS, Fault
from tests.intelligence.conversation.stage import Stage, playing
from tests.intelligence.conversation.world import USER
from tests.support.virtual_time import run

ASKED = {"message": "secret1x", "session_id": SESSIONS[0]}
SAID, WHOLE = "Heard secret1x and", "Heard secret1x and secret1x again."


def stored(stage: Stage) -> Any:
    """(id, status, text) of the newest message."""
    return stage.service.writer.connection.execute(
        "SELECT id, status, output_text FROM prompts ORDER BY created_at DESC"
    ).fetchone()


def text_of(raw: bytes) -> str:
    """What a reader who shows everything has on show."""
    events = sse.Decoder().feed(raw)
    return "".join(json.loads(event.data).get("content", "") for event in events if event.name == "message")


def ids_of(raw: bytes) -> list[int]:
    return [int(event.id or 0) for event in sse.Decoder().feed(raw)]


def cannot_store_ends(stage: Stage, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full the next so many times that an end is stored."""
    run_job, left = stage.service.writer.run, [times]

    async def run_or_fail(job: Any) -> Any:
        if "Endings" in getattr(job, "func", job).__qualname__ and left[0]:
            left[0] -= 1
            raise sqlite3.OperationalError("disk full")
        return await run_job(job)

    monkeypatch.setattr(stage.service.writer, "run", run_or_fail)


class TestAnEndThatCannotBeStored:
    def test_is_stored_once_the_database_is_back(
        self, app: FastAPI, template: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = Stage(app, template, {}, "ollama")

        async def play() -> None:
            async with playing(stage):
                cannot_store_ends(stage, 4, monkeypatch)
                status, _ = await stage.service.call("POST", "/api/chat/message", ASKED, idempotency_key="k")
                assert (status, stored(stage)[1]) == (500, "running")
                await asyncio.sleep(400)
                assert stored(stage)[1:] == ("complete", WHOLE)
                ledger = stage.service.writer.connection.execute("SELECT count(*) FROM ledger").fetchone()
                assert ledger == (1,)
                status, body = await stage.service.call("POST", "/api/chat/message", ASKED, idempotency_key="k")
                assert (status, json.loads(body)["response"]) == (200, WHOLE)

        run(play())

    def test_is_meanwhile_told_as_broken_off_and_nobody_waits_for_it(
        self, app: FastAPI, template: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stage = Stage(app, template, {}, "ollama")

        async def play() -> None:
            async with playing(stage):
                cannot_store_ends(stage, 99, monkeypatch)
                await stage.service.call("POST", "/api/chat/message", ASKED, idempotency_key="k")
                # Its turn is not known by heart any more.
                await asyncio.sleep(301)
                async with asyncio.timeout(1):
                    _, told = await stage.service.call("GET", f"/api/chat/stream/{stored(stage)[0]}")
                    status, _ = await stage.service.call("POST", "/api/chat/message", ASKED, idempotency_key="k")
                assert b"broke off" in told
                assert status == 503

        run(play())

    @pytest.mark.parametrize("then", ["answers", "slow"])
    def test_takes_nothing_from_whoever_goes_on_with_it(
        self, app: FastAPI, template: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, then: Fault
    ) -> None:
        stage = Stage(app, template, {"ollama": ["breaks", "fails", then]}, "ollama")

        async def play() -> None:
            async with playing(stage):
                cannot_store_ends(stage, 1, monkeypatch)
                await stage.service.call("POST", "/api/chat/stream", ASKED)
                message_id = stored(stage)[0]
                await stage.service.parts.conversations.stop(message_id, USER)
                await stage.service.call("POST", f"/api/chat/messages/{message_id}/continue")
                whole = stored(stage)
                assert whole[1] == "complete"
                await asyncio.sleep(400)
                assert stored(stage) == whole
                attempts = stage.service.writer.connection.execute("SELECT attempt FROM ledger ORDER BY 1").fetchall()
                assert attempts == [(1,), (1,), (2,)]

        run(play())


class TestAnAnswerOfAnotherProcess:
    def test_shows_its_followers_that_somebody_is_there(self, app: FastAPI, template: sqlite3.Connection) -> None:
        stage = Stage(app, template, {}, "ollama")

        async def play() -> None:
            async with playing(stage):
                await stage.service.call("POST", "/api/chat/stream", ASKED)
                message_id = stored(stage)[0]
                await stage.service.writer.run(
                    lambda connection: connection.execute("UPDATE prompts SET status = 'running', instance_id = 'b'")
                )
                _, told = await stage.service.call(
                    "GET", f"/api/chat/stream/{message_id}", leaves=3 * HEARTBEAT_SEC + 1
                )
                assert told.count(sse.HEARTBEAT) == 4
                following = asyncio.ensure_future(stage.service.call("GET", f"/api/chat/stream/{message_id}"))
                await asyncio.sleep(1)
                await stage.service.writer.run(
                    lambda connection: connection.execute("UPDATE prompts SET status = 'complete'")
                )
                _, told = await following
                assert (told.startswith(sse.HEARTBEAT), text_of(told)) == (True, WHOLE)

        run(play())

    @pytest.mark.parametrize("path", ["message", "stream"])
    def test_is_not_waited_for_by_a_client_that_has_left(
        self, app: FastAPI, template: sqlite3.Connection, path: str
    ) -> None:
        stage = Stage(app, template, {}, "ollama")

        async def play() -> None:
            async with playing(stage):
                url = f"/api/chat/{path}"
                await stage.service.call("POST", url, ASKED, idempotency_key="k")
                await asyncio.sleep(301)
                await stage.service.writer.run(
                    lambda connection: connection.execute("UPDATE prompts SET status = 'running', instance_id = 'b'")
                )
                async with asyncio.timeout(6):
                    await stage.service.call("POST", url, ASKED, idempotency_key="k", leaves=5)

        run(play())


class TestAnAnswerThatIsGoneOnWith:
    """Its first part came under a key, from a model that broke; the second comes slowly."""

    @pytest.mark.parametrize("version", ["1", "2"])
    def test_is_told_from_its_start_to_whoever_has_nothing_of_it(
        self, app: FastAPI, template: sqlite3.Connection, version: str
    ) -> None:
        stage = Stage(app, template, {"ollama": ["breaks", "fails", "slow"]}, "ollama")

        async def play() -> None:
            async with playing(stage):
                going_on, message_id, _ = await self._begin(stage, version)
                follower = stage.service.call("GET", f"/api/chat/stream/{message_id}", last_event_id="0")
                again = stage.service.call("POST", "/api/chat/stream", ASKED, idempotency_key="k")
                (_, own), (_, followed), (_, repeated) = await asyncio.gather(going_on, follower, again)
                whole = stored(stage)[2]
                assert whole.startswith(SAID)
                assert text_of(followed) == text_of(repeated) == whole
                assert text_of(own) == whole.removeprefix(SAID)
                assert (b"event: replace" in own) == (version == "2")

        run(play())

    @pytest.mark.parametrize("after", [4.0, 60.0])
    def test_is_told_anew_to_whoever_knows_its_first_stream_wherever_that_was(
        self, app: FastAPI, template: sqlite3.Connection, after: float
    ) -> None:
        stage = Stage(app, template, {"ollama": ["breaks", "fails", "slow"]}, "ollama")

        async def play() -> None:
            async with playing(stage):
                going_on, message_id, ids = await self._begin(stage, "1")
                await asyncio.sleep(after)
                for place in ids:
                    _, followed = await stage.service.call(
                        "GET", f"/api/chat/stream/{message_id}", last_event_id=str(place)
                    )
                    whole = stored(stage)[2]
                    assert text_of(followed) == WHOLE_ANEW + whole
                    assert min(ids_of(followed)) > place
                    assert json.loads(sse.Decoder().feed(followed)[-1].data)["done"] is True
                await going_on

        run(play())

    async def _begin(self, stage: Stage, version: str) -> tuple["asyncio.Future[Any]", str, list[int]]:
        """The answer that goes on, its message, and the ids of its first stream."""
        _, first = await stage.service.call("POST", "/api/chat/stream", ASKED, idempotency_key="k")
        message_id, status, text = stored(stage)
        assert (status, text) == ("interrupted", SAID)
        await asyncio.sleep(400)
        path = f"/api/chat/messages/{message_id}/continue"
        going_on = asyncio.ensure_future(
            stage.service.call("POST", path, idempotency_key="x", x_novacore_stream=version)
        )
        await asyncio.sleep(0.5)
        return going_on, message_id, ids_of(first)


class TestAMessageOfAQuota:
    @pytest.mark.parametrize(("leaves", "counted"), [(0.5, 1), (2.5, 1)])
    def test_is_counted_once_whether_its_answer_came_at_once_or_was_gone_on_with(
        self, app: FastAPI, template: sqlite3.Connection, leaves: float, counted: int
    ) -> None:
        """Its reader leaves before the first word, or after it."""
        stage = Stage(app, template, {"ollama": ["slow"]}, "ollama", QUOTA_USER_MESSAGES_PER_DAY="1")

        async def play() -> None:
            async with playing(stage):
                await stage.service.call("POST", "/api/chat/stream", ASKED, leaves=leaves)
                await asyncio.sleep(1)
                status, _ = await stage.service.call("POST", f"/api/chat/messages/{stored(stage)[0]}/continue")
                assert (status, stored(stage)[1]) == (200, "complete")
                used = stage.service.writer.connection.execute("SELECT used FROM quota_usage").fetchall()
                assert used == [(counted,)]
                assert (await stage.service.call("POST", "/api/chat/stream", ASKED))[0] == 429

        run(play())
