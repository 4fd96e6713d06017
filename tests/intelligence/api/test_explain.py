"""``POST /api/chat/route/explain``: what a message would get, told without sending it."""

import asyncio
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from services.intelligence.app.routers.chat import MAX_BODY_BYTES
from services.intelligence.app.services import memory_client
from tests.support.fakes import Gate, answer

from .test_memory import remembering, says
from .world import OTHER_USER, PATIENCE, Answer, Client, World

PATH = "/api/chat/route/explain"
RULES = {"LLM_ROUTE_RULES": "long:gemini>openai, code:openai>gemini"}
CODE = "Why?\n```\nx = 1\n```"
NOBODY = "01890000-0000-7000-8000-00000000ffff"


async def explain(client: Client, text: str = "Hello?", **fields: Any) -> dict[str, Any]:
    explained = await client.call("POST", PATH, {"message": text, **fields})
    assert explained.status == 200, explained.raw
    body: dict[str, Any] = explained.body
    return body


def asked(explained: dict[str, Any]) -> list[str]:
    return [attempt["provider"] for attempt in explained["attempts"]]


def left_out(explained: dict[str, Any]) -> dict[str, str]:
    return {skip["provider"]: skip["reason"] for skip in explained["skipped"]}


async def test_it_tells_the_whole_decision(world: World) -> None:
    client = await world.serve(**RULES, GEMINI_API_KEY="replace-me", OLLAMA_MODEL="llama3.2")
    assert await explain(client, CODE) == {
        "classes": ["short", "code"],
        "rule": "code:openai>gemini",
        "order": [],
        "prefer": None,
        "locks": [],
        "attempts": [
            {
                "provider": "openai", "model": "gpt-4.1", "locality": "cloud", "on_this_machine": False,
                "last_resort": False, "busy": False, "waiting": 0, "expected_wait_ms": 0, "cold": False,
            },
            {
                "provider": "ollama", "model": "llama3.2", "locality": "local", "on_this_machine": True,
                "last_resort": False, "busy": False, "waiting": 0, "expected_wait_ms": 0, "cold": None,
            },
        ],
        "skipped": [
            {
                "provider": "gemini", "model": "gemini-2.5-flash", "locality": "cloud",
                "reason": "not_configured", "until": None,
            }
        ],
    }  # fmt: skip


def stored(world: World) -> list[tuple[str, list[Any]]]:
    with world.database() as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [(name, connection.execute(f"SELECT * FROM {name}").fetchall()) for (name,) in tables.fetchall()]


async def test_nobody_is_called_and_nothing_is_stored(world: World) -> None:
    client = await world.serve(**RULES)
    session_id = (await client.message("First")).body["session_id"]
    before, seen = stored(world), [fake.connections for fake in (world.ollama, world.gemini, world.openai)]
    asked_of_ollama = len(world.ollama.requests)
    await explain(client, CODE)
    await explain(client, CODE, session_id=session_id)
    assert stored(world) == before
    assert [fake.connections for fake in (world.ollama, world.gemini, world.openai)] == seen
    assert len(world.ollama.requests) == asked_of_ollama


@pytest.mark.parametrize("text", ["Hello?", CODE, "word " * 2000, "Привет"])
@pytest.mark.parametrize("fields", [{}, {"prefer": "cloud"}, {"prefer": "local"}, {"local_only": True}])
async def test_what_it_tells_is_what_happens(world: World, text: str, fields: dict[str, Any]) -> None:
    client = await world.serve(**RULES, LLM_PROVIDER_PRIORITY="openai,ollama,gemini")
    explained = await explain(client, text, **fields)
    session_id = (await client.message(text, **fields)).body["session_id"]
    route = await client.route((await client.prompts(session_id))[0]["id"])
    assert route["attempts"][0]["provider"] == asked(explained)[0]
    assert route["rule"] == explained["rule"]
    assert {skip["provider"]: skip["reason"] for skip in route["skipped"]} == left_out(explained)


async def test_the_conversation_counts_as_it_would_for_the_message(world: World) -> None:
    client = await world.serve(**RULES)
    session_id = (await client.message("word " * 1900)).body["session_id"]
    [first] = await client.prompts(session_id)
    await client.message("And?", session_id=session_id)
    assert (await explain(client))["classes"] == ["short"]
    assert (await explain(client, session_id=session_id))["classes"] == ["long"]
    assert (await explain(client, "word " * 120, session_id=session_id.upper(), parent_id=first["id"]))[
        "classes"
    ] == ["long"]


async def test_a_branch_has_the_history_of_its_parent_alone(world: World) -> None:
    client = await world.serve(**RULES)
    session_id = (await client.message("Root")).body["session_id"]
    [root] = await client.prompts(session_id)
    await client.message("word " * 2000, session_id=session_id)
    assert (await explain(client, session_id=session_id))["classes"] == ["long"]
    assert (await explain(client, session_id=session_id, parent_id=root["id"]))["classes"] == ["short"]


async def test_every_lock_is_named(world: World) -> None:
    client = await world.serve(**RULES)
    session_id = await client.session(local_only=True)
    assert (await explain(client, CODE, local_only=True))["locks"] == ["message"]
    explained = await explain(client, CODE, session_id=session_id, local_only=True)
    assert explained["locks"] == ["session", "message"]
    assert asked(explained) == ["ollama"]
    assert left_out(explained) == {"openai": "local_only", "gemini": "local_only"}
    assert explained["rule"] == "code:openai>gemini"


async def test_a_users_own_word_on_the_cloud_is_a_lock_like_the_others(world: World) -> None:
    client = await world.serve(**RULES)
    # Memory is down here: the word counts all the same.
    await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
    explained = await explain(client, CODE)
    assert (explained["locks"], asked(explained)) == (["user"], ["ollama"])
    assert left_out(explained) == {"openai": "preference", "gemini": "preference"}


async def test_the_lock_of_the_whole_deployment_is_named_first(world: World) -> None:
    client = await world.serve(CLOUD_ENABLED="false")
    explained = await explain(client, local_only=True)
    assert explained["locks"] == ["deployment", "message"]
    assert left_out(explained) == {"gemini": "cloud_disabled", "openai": "cloud_disabled"}


async def test_a_users_wishes_are_told_and_go_before_the_rule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_client, "DEADLINE_SEC", PATIENCE)
    async with remembering(says({"provider_order": ["gemini"]})) as memory:
        client = await world.serve(**RULES, MEMORY_URL=memory.url)
        explained = await explain(client, CODE)
        assert (explained["order"], asked(explained)) == (["gemini"], ["gemini", "openai", "ollama"])
        assert explained["rule"] == "code:openai>gemini"
        explained = await explain(client, CODE, prefer="local")
        assert (explained["prefer"], asked(explained)) == ("local", ["ollama", "gemini", "openai"])


async def test_without_failover_the_others_are_told_as_disabled(world: World) -> None:
    client = await world.serve(**RULES, LLM_FALLBACK_MODE="off")
    explained = await explain(client, CODE)
    assert asked(explained) == ["openai"]
    assert left_out(explained) == {"gemini": "disabled", "ollama": "disabled"}


async def test_a_cooldown_is_told_with_its_end_and_a_last_resort_as_one(world: World) -> None:
    await world.ollama.refuse()
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1", LLM_PROVIDER_COOLDOWN_SEC="60")
    await client.message()
    explained = await explain(client)
    assert asked(explained) == ["gemini", "openai"]
    [skip] = explained["skipped"]
    assert (skip["provider"], skip["reason"]) == ("ollama", "cooling_down")
    left = datetime.fromisoformat(skip["until"]) - datetime.now(UTC)
    assert timedelta(seconds=60 - PATIENCE) < left <= timedelta(seconds=60)
    [attempt] = (await explain(client, local_only=True))["attempts"]
    assert (attempt["provider"], attempt["last_resort"]) == ("ollama", True)


async def test_a_provider_that_is_busy_is_told_with_its_queue(world: World) -> None:
    gate = Gate()
    client = await world.serve(LLM_PROVIDER_CONCURRENCY="ollama:1")
    await client.message()
    world.ollama.default = answer("One two.", gate=gate)
    async with client.stream(local_only=True) as first, client.stream(local_only=True) as second:
        await first.until("route", state="connecting")
        await second.until("queue")
        [ollama, *others] = (await explain(client))["attempts"]
        assert (ollama["busy"], ollama["waiting"], ollama["cold"]) == (True, 1, False)
        assert ollama["expected_wait_ms"] >= 0
        assert [other["busy"] for other in others] == [False, False]
        gate.open()
        await first.rest()
        await second.rest()
    assert not (await explain(client))["attempts"][0]["busy"]


BAD: list[Any] = [
    b"",
    b"{",
    b"[]",
    b'{"message": "\xff"}',
    {},
    {"message": 3},
    {"message": " \n"},
    {"message": "x" * 101},
    {"message": "x", "more": 1},
    {"message": "x", "prefer": "near"},
    {"message": "x", "session_id": "7"},
    {"message": "x", "session_id": NOBODY, "parent_id": "7"},
    {"message": "x", "parent_id": NOBODY},
    {"message": "x", "session_id": NOBODY},
]


def told(refused: Answer) -> tuple[int, str, bytes]:
    return refused.status, refused.headers["content-type"], refused.raw


@pytest.mark.parametrize("body", BAD, ids=[str(index) for index in range(len(BAD))])
async def test_a_body_that_cannot_be_used_is_told_as_for_the_message(world: World, body: Any) -> None:
    client = await world.serve(CHAT_MAX_MESSAGE_CHARS="100")
    refused = await client.call("POST", PATH, body)
    assert refused.status in {404, 422}
    assert told(refused) == told(await client.call("POST", "/api/chat/message", body))


async def test_a_body_is_as_large_as_that_of_a_message_at_most(world: World) -> None:
    client = await world.serve()
    body = b'{"message": "x"}'.ljust(MAX_BODY_BYTES)
    assert (await client.call("POST", PATH, BytesIO(body))).status == 200
    assert (await client.call("POST", PATH, BytesIO(body + b" "))).status == 413


async def test_sessions_and_messages_that_are_not_there_are_told_as_for_the_message(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message()).body["session_id"]
    foreign = await client.as_user(OTHER_USER).session()
    ended = await client.session()
    await client.call("POST", f"/api/chat/sessions/{ended}/end")
    bodies = [
        {"message": "x", "session_id": foreign},
        {"message": "x", "session_id": ended},
        {"message": "x", "session_id": session_id, "parent_id": NOBODY},
    ]
    for body, status in zip(bodies, (404, 409, 404), strict=True):
        refused, message = await asyncio.gather(
            client.call("POST", PATH, body), client.call("POST", "/api/chat/message", body)
        )
        assert refused.status == status
        assert told(refused) == told(message)


async def test_it_is_for_callers_that_a_service_of_ours_has_let_in(world: World) -> None:
    client = await world.serve()
    refused = await client.call("POST", PATH, {"message": "x"}, headers={})
    assert told(refused) == told(await client.call("POST", "/api/chat/message", {"message": "x"}, headers={}))
    assert (await client.call("GET", PATH)).status == 405
