"""Locks that come at moments which the laws seldom or never hit: from another process, and between two calls."""

import asyncio
import sqlite3
from typing import Any

import pytest
from fastapi import FastAPI

from services.intelligence.app.routing.facts import Fact
from services.intelligence.app.services.answers.apology import LOCKED_MEANWHILE
from services.intelligence.app.services.answers.locking import cut_off_cloud, lock_turns
from services.intelligence.app.services.memory_client import Wishes
from services.intelligence.app.store import privacy
from tests.intelligence.conversation.service import SESSIONS
from tests.intelligence.conversation.stage import Stage, playing
from tests.intelligence.conversation.world import USER
from tests.support.virtual_time import run

HEDGING = Wishes(order=(), hedging=True)


def forbids_the_cloud(connection: Any) -> None:
    privacy.allow_cloud(connection, USER, 1, allowed=False)


COMPLETION = {"model": "auto", "messages": [{"role": "user", "content": "secret1x"}]}


@pytest.mark.parametrize("stream", [True, False])
def test_a_users_word_that_another_process_stored_cuts_off_a_completion_from_the_cloud(
    app: FastAPI, template: sqlite3.Connection, stream: bool
) -> None:
    stage = Stage(app, template, {"gemini": ["breaks"]}, "gemini,openai")

    async def play() -> None:
        async with playing(stage):
            asked = asyncio.ensure_future(
                stage.service.call("POST", "/v1/chat/completions", {**COMPLETION, "stream": stream})
            )
            await asyncio.sleep(0.3)
            await stage.another_process_stores(forbids_the_cloud)
            _, told = await asked
            assert b'"cloud_forbidden"' in told
            assert (stage.wires.open, stage.told("openai")) == ([], b"")

    run(play())


def test_and_keeps_one_that_a_local_model_answers_from_the_cloud(app: FastAPI, template: sqlite3.Connection) -> None:
    stage = Stage(app, template, {"ollama": ["breaks", "fails"]}, "ollama,gemini")

    async def play() -> None:
        async with playing(stage):
            asked = asyncio.ensure_future(stage.service.call("POST", "/v1/chat/completions", COMPLETION))
            await asyncio.sleep(0.3)
            await stage.another_process_stores(forbids_the_cloud)
            await asked
            assert stage.told("ollama")
            assert stage.told("gemini") == b""

    run(play())


@pytest.mark.parametrize(
    "change", ["UPDATE sessions SET local_only = TRUE WHERE id = ?", "DELETE FROM sessions WHERE id = ?"]
)
def test_a_fact_of_a_session_that_another_process_locked_or_deleted_leaves_with_no_turn_that_runs(
    app: FastAPI, template: sqlite3.Connection, change: str
) -> None:
    fact = Fact("It is told7x.", local_only=False, session_id=SESSIONS[1])
    stage = Stage(app, template, {"ollama": ["breaks", "fails"]}, "ollama,gemini", facts=[fact])

    async def play() -> None:
        async with playing(stage):
            body = {"message": "secret1x", "session_id": SESSIONS[0]}
            asked = asyncio.ensure_future(stage.service.call("POST", "/api/chat/stream", body))
            await asyncio.sleep(0.3)
            await stage.another_process_stores(lambda connection: connection.execute(change, (SESSIONS[1],)))
            await asked
            assert b"told7x" in stage.told("ollama")
            assert b"told7x" not in stage.told("gemini")

    run(play())


@pytest.mark.parametrize("path", ["/api/chat/message", "/v1/chat/completions"])
def test_a_hedge_that_was_on_its_way_to_be_booked_when_the_lock_came_is_cut_off(
    app: FastAPI, template: sqlite3.Connection, path: str
) -> None:
    """The lock finds no call to the cloud; the next thing that the turn hears of is one."""
    stage = Stage(app, template, {"ollama": ["hangs"], "gemini": ["slow"]}, "ollama,gemini", HEDGING)

    def locks(host: str, raw: bytes) -> None:
        if host == "gemini":
            # What forbidding the cloud does once that is stored.
            parts = stage.service.parts
            parts.completions._user_locks.set(USER, locked=True)
            lock_turns(parts.running.everyone(), "user")
            cut_off_cloud(parts.drain, USER)

    async def play() -> None:
        async with playing(stage):
            body = COMPLETION if path.startswith("/v1") else {"message": "secret1x", "session_id": SESSIONS[0]}
            asked = asyncio.ensure_future(stage.service.call("POST", path, body))
            await asyncio.sleep(1)
            assert stage.wires.open == []
            _, told = await asked
            assert LOCKED_MEANWHILE.encode() in told or b'"cloud_forbidden"' in told

    stage.wires._sees = locks
    run(play())
