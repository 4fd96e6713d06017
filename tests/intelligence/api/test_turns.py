"""A turn inside the process: cut before it began, crashed, watched by a slow clock, one of many."""

import asyncio
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.intelligence.app.config import Settings
from services.intelligence.app.main import create_app
from services.intelligence.app.services.answers import event_log, keeper
from services.intelligence.app.services.answers.beginning import Question
from services.intelligence.app.services.answers.turn import Turn
from services.intelligence.app.services.llm_router import ProviderOrchestrator
from services.intelligence.app.services.parts import Parts
from services.intelligence.app.store import turns
from tests.support.fakes import Gate, answer

from .world import PATIENCE, USER, World, data_of, text_of

QUESTION = Question(
    user_id=USER,
    request_id="request-1",
    text="Hello?",
    session_id=None,
    parent_id=None,
    local_only=False,
    prefer=None,
    endpoint="stream",
)


@asynccontextmanager
async def running(world: World, **settings: str) -> AsyncIterator[Parts]:
    """The service's parts, without a socket in front of them."""
    app = create_app(Settings.load(world.environ(**settings)))
    async with asyncio.timeout(PATIENCE), app.router.lifespan_context(app):
        parts: Parts = app.state.parts
        yield parts


async def begin(parts: Parts) -> Turn:
    begun = await parts.conversations.begin(QUESTION)
    assert isinstance(begun, Turn)
    return begun


def rows(world: World) -> list[tuple[str, str]]:
    """(status, answer) of all messages."""
    with world.database() as connection:
        return connection.execute("SELECT status, output_text FROM prompts").fetchall()


async def test_a_turn_that_is_cut_before_its_first_step_asks_nobody_and_is_stored(world: World) -> None:
    async with running(world) as parts:
        begun = await begin(parts)
        begun.cut("stopped")
        begun.cut("interrupted")
        await begun.over()
        assert begun.outcome is not None
        assert begun.outcome.status == "stopped"
    assert world.ollama.chats == []
    assert rows(world) == [("stopped", "")]


async def test_ending_the_service_ends_its_turns_and_stores_them(world: World) -> None:
    gate = Gate()
    world.ollama.default = answer("One two", gate=gate)
    async with running(world, LLM_PROVIDER_CONCURRENCY="ollama:3") as parts:
        for _ in range(3):
            await begin(parts)
        asked = await world.ollama.received(3)
    async with asyncio.timeout(PATIENCE):
        await asked.gone.wait()
    assert rows(world) == [("interrupted", "")] * 3


async def test_a_turn_that_has_ended_cannot_be_cut(world: World) -> None:
    async with running(world) as parts:
        begun = await begin(parts)
        await begun.over()
        begun.cut("stopped")
    assert rows(world) == [("complete", "Ollama speaking.")]


async def test_a_crash_of_ours_ends_the_turn_and_tells_nothing_of_its_words(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(*_args: Any, **_kwargs: Any) -> None:
        raise ValueError("what a person wrote")

    client = await world.serve()
    monkeypatch.setattr(ProviderOrchestrator, "generate_streaming_response", crash)
    events = await client.events()
    assert data_of(events[-1]) == {
        "error": "Something broke on our side. What was said so far is kept.",
        "done": True,
    }
    answered = await client.message()
    assert answered.status == 500
    assert rows(world) == [("failed", ""), ("failed", "")]
    out = capsys.readouterr().out
    failed = [line for line in map(json.loads, out.splitlines()) if line["event"] == "turn_failed"]
    assert [(line["error"], line["at"].endswith(" crash")) for line in failed] == [("ValueError", True)] * 2
    assert "person" not in out


async def test_a_partial_that_cannot_be_kept_costs_no_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = threading.Event()

    def broken(_connection: sqlite3.Connection, _prompt_id: str, _text: str, _instance_id: str) -> None:
        tried.set()
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(turns, "keep_partial", broken)
    monkeypatch.setattr(keeper, "KEEP_PARTIAL_EVERY_SEC", 0.01)
    gate = Gate()
    world.ollama.add(answer("One two", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        gate.release()
        await stream.text("One")
        assert await asyncio.to_thread(tried.wait, PATIENCE)
        gate.open()
        assert text_of(await stream.rest()) == "One two"
    assert rows(world) == [("complete", "One two")]
    assert '"partial_not_stored"' in capsys.readouterr().out


async def test_silence_is_filled_with_heartbeats(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "HEARTBEAT_SEC", 0.02)
    gate = Gate()
    world.ollama.add(answer("One", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        await stream.until("route", state="connecting")
        await stream.comments(4)
        gate.open()
        assert text_of(await stream.rest()) == "One"


def test_a_heartbeat_is_due_every_15_seconds() -> None:
    assert event_log.HEARTBEAT_SEC == 15


async def test_many_turns_at_once_are_all_answered_and_stored(world: World) -> None:
    client = await world.serve()
    session_id = await client.session()
    asked = [client.message(f"In one {number}", session_id=session_id) for number in range(20)]
    asked += [client.message(f"Alone {number}") for number in range(20)]
    answers = await asyncio.gather(*asked)
    assert {(answered.status, answered.body["response"]) for answered in answers} == {(200, "Ollama speaking.")}
    sessions = Counter(answered.body["session_id"] for answered in answers)
    assert (sessions[session_id], len(sessions)) == (20, 21)
    prompts = await client.prompts(session_id)
    assert sorted(prompt["input_text"] for prompt in prompts) == sorted(f"In one {number}" for number in range(20))
    assert {prompt["status"] for prompt in prompts} == {"complete"}
    parents = [prompt["parent_id"] for prompt in prompts]
    assert parents == [None, *(prompt["id"] for prompt in prompts[:-1])]
