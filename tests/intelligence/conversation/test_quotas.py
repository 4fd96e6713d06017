"""What is reserved of quotas and given back, whenever a client leaves, by the whole service in virtual time."""

import asyncio
import sqlite3
from typing import Any

import pytest
from fastapi import FastAPI

from services.intelligence.app.config import Settings
from services.intelligence.app.main import create_app
from services.intelligence.app.services.memory_client import NO_WISHES
from tests.intelligence.conversation.service import ACT, SECRET, SESSIONS, Act, Memory, Service, Wires
from tests.intelligence.conversation.world import USER
from tests.support import log_lines
from tests.support.virtual_time import VirtualLoop, run

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "secret1x"}]}
COMPLETIONS = "/v1/chat/completions"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    # Prices are read in a thread, which knows no virtual time; what a call costs is not the question.
    monkeypatch.setattr(VirtualLoop, "run_in_executor", lambda *_call: None)
    return create_app(Settings.load({"SERVICE_JWT_SECRET": SECRET}))


def service_of(app: FastAPI, template: sqlite3.Connection, **more: str) -> Service:
    settings = Settings.load(
        {
            "SERVICE_JWT_SECRET": SECRET,
            "LLM_PROVIDER_PRIORITY": "gemini,ollama",
            "OLLAMA_URL": "http://ollama.test",
            "OLLAMA_MODEL": "m:latest",
            "OLLAMA_LOCALITY": "local",
            "GEMINI_API_KEY": "g" * 40,
            "GEMINI_API_URL": "http://gemini.test",
            "GEMINI_MODEL": "gemini-2.5-flash",
            "LOG_LEVEL": "error",
            **more,
        }
    )
    memory = Memory(NO_WISHES, [], down=False)
    return Service(app, settings, Wires({}, lambda _host, _raw: None), memory, template)


def rows(service: Service, table: str) -> list[tuple[Any, ...]]:
    return service.writer.connection.execute(f"SELECT * FROM {table}").fetchall()


LEAVING = [0.001 * number for number in range(1, 100, 3)]


async def holds_of_leavers(app: FastAPI, template: sqlite3.Connection, **quota: str) -> list[float]:
    """The moments at which a client left and something stayed reserved for it."""
    service = service_of(app, template, **quota)
    await service.begin(locked=(False, False), user_locked=False)
    ACT.set(Act(None, local_only=False))
    kept = []
    for leaves in LEAVING:
        await service.call("POST", COMPLETIONS, ASKED, leaves=leaves)
        await asyncio.sleep(5)
        if rows(service, "quota_holds"):
            kept.append(leaves)
            service.writer.connection.execute("DELETE FROM quota_holds")
    await service.end()
    return kept


@pytest.mark.parametrize(
    "quota", [{"QUOTA_USER_MESSAGES_PER_DAY": "3"}, {"QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:100000"}]
)
def test_whoever_leaves_a_completion_leaves_nothing_reserved(
    app: FastAPI, template: sqlite3.Connection, quota: dict[str, str]
) -> None:
    with log_lines.captured():
        assert run(holds_of_leavers(app, template, **quota)) == []


async def answers_after_a_long_talk(app: FastAPI, template: sqlite3.Connection) -> list[int]:
    service = service_of(
        app,
        template,
        LLM_PROVIDER_PRIORITY="ollama",
        OLLAMA_NUM_CTX="4096",
        QUOTA_USER_TOKENS_PER_DAY="20000",
    )
    await service.begin(locked=(False, False), user_locked=False)
    ACT.set(Act(0, local_only=False))
    parent = None
    for number in range(20):
        prompt_id = f"01890000-0000-7000-8000-00000000{number:04d}"
        service.writer.connection.execute(
            "INSERT INTO prompts (id, session_id, parent_id, user_id, input_text, output_text, local_only, status,"
            " tokens_used, latency_ms, created_at) VALUES (?, ?, ?, ?, ?, 'ok', 0, 'complete', 0, 0, ?)",
            (prompt_id, SESSIONS[0], parent, USER, "x" * 4000, number),
        )
        parent = prompt_id
    body = {"message": "secret2x", "session_id": SESSIONS[0]}
    statuses = [(await service.call("POST", "/api/chat/message", body))[0] for _ in range(2)]
    await service.end()
    return statuses


def test_a_long_talk_is_reserved_by_what_of_it_can_be_read(app: FastAPI, template: sqlite3.Connection) -> None:
    with log_lines.captured():
        assert run(answers_after_a_long_talk(app, template)) == [200, 200]
