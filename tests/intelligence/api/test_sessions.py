"""Sessions, history, routes and stop, field for field."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from novakit.ids import is_uuid

from tests.support.databases import BOTH, ON_SQLITE
from tests.support.fakes import Gate, answer, status

from .world import OTHER_USER, PATIENCE, USER, World

pytestmark = BOTH
SESSION = ["id", "user_id", "title", "status", "local_only", "model_name", "created_at", "ended_at"]
PROMPT = [
    "id",
    "parent_id",
    "session_id",
    "user_id",
    "input_text",
    "output_text",
    "tokens_used",
    "latency_ms",
    "created_at",
    "provider",
    "model",
    "locality",
    "status",
]
ATTEMPT = [
    "attempt",
    "provider",
    "model",
    "locality",
    "sent",
    "started_ms",
    "outcome",
    "reason",
    "first_token_ms",
    "ended_ms",
    "input_tokens",
    "output_tokens",
    "estimated",
    "cost_usd",
    "prompt_cut",
]


def is_utc(text: str) -> bool:
    return datetime.fromisoformat(text).utcoffset() == timedelta(0)


async def test_a_new_session_is_201_with_these_fields(world: World) -> None:
    client = await world.serve()
    made = await client.call("POST", "/api/chat/sessions", {"title": "Trip", "local_only": True})
    assert made.status == 201
    session: dict[str, Any] = made.body
    assert list(session) == SESSION
    assert is_uuid(session.pop("id"))
    assert is_utc(session.pop("created_at"))
    assert session == {
        "user_id": USER,
        "title": "Trip",
        "status": "active",
        "local_only": True,
        "model_name": None,
        "ended_at": None,
    }


async def test_a_session_without_a_title_gets_one_from_its_first_message_and_keeps_it(world: World) -> None:
    client = await world.serve()
    session_id = await client.session(title="  ")
    for text in ("First words", "Second words"):
        await client.message(text, session_id=session_id)
    [session] = (await client.call("GET", "/api/chat/sessions")).body["sessions"]
    assert (session["title"], session["model_name"]) == ("First words", "llama3.2:latest")


async def test_sessions_are_listed_by_their_last_use_page_by_page(world: World) -> None:
    client = await world.serve()
    ids = [await client.session(title=f"Number {number}") for number in range(5)]
    await client.message("Hi", session_id=ids[1])
    seen: list[str] = []
    query = "?limit=2"
    while query:
        page = (await client.call("GET", f"/api/chat/sessions{query}")).body
        assert list(page) == ["sessions", "total", "next_cursor"]
        assert page["total"] == 5
        seen += [session["id"] for session in page["sessions"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == [ids[1], ids[4], ids[3], ids[2], ids[0]]


async def test_sessions_are_found_by_their_title(world: World) -> None:
    client = await world.serve()
    wanted = await client.session(title="100% Über_Trip")
    await client.session(title="100 percent")
    for query in ("100%25", "%C3%BCber_t", "_TRIP"):
        page = (await client.call("GET", f"/api/chat/sessions?q={query}")).body
        assert ([session["id"] for session in page["sessions"]], page["total"]) == ([wanted], 1), query


async def test_sessions_are_found_by_what_was_said_in_them(world: World) -> None:
    world.ollama.add(answer("The lighthouse keeper's name was Ölaf."))
    client = await world.serve()
    wanted = (await client.message("Who lived there?")).body["session_id"]
    await client.message("And now something else entirely")
    for query in ("lighthouse", "LIGHT%20keep", "%C3%B6laf", "who%20%C3%B6la"):
        page = (await client.call("GET", f"/api/chat/sessions?q={query}")).body
        assert ([session["id"] for session in page["sessions"]], page["total"]) == ([wanted], 1), query
    for query in ("house", "lighthouse%20entirely", "%22%2A", "nobody"):
        assert (await client.call("GET", f"/api/chat/sessions?q={query}")).body["total"] == 0, query
    assert (await client.as_user(OTHER_USER).call("GET", "/api/chat/sessions?q=lighthouse")).body["total"] == 0


async def test_a_session_is_renamed_locked_ended_and_deleted(world: World) -> None:
    client = await world.serve()
    session_id = await client.session()
    path = f"/api/chat/sessions/{session_id}"
    assert (await client.call("PATCH", path, {"title": "New"})).body["title"] == "New"
    assert (await client.call("PATCH", path, {"local_only": True})).body["local_only"] is True
    ended = (await client.call("POST", f"{path}/end")).body
    assert list(ended) == SESSION
    assert (ended["title"], ended["status"], is_utc(ended["ended_at"])) == ("New", "ended", True)
    assert (await client.call("POST", f"{path}/end")).body["ended_at"] == ended["ended_at"]
    gone = await client.call("DELETE", path)
    assert (gone.status, gone.raw) == (204, b"")
    assert (await client.call("GET", f"/api/chat/history/{session_id}")).status == 404


async def test_history_has_every_message_oldest_first(world: World) -> None:
    client = await world.serve()
    session_id = (await client.message("First")).body["session_id"]
    await client.message("Second", session_id=session_id, prefer="cloud")
    history = (await client.call("GET", f"/api/chat/history/{session_id}")).body
    assert list(history) == ["session_id", "prompts", "total"]
    assert (history["session_id"], history["total"]) == (session_id, 2)
    assert [list(prompt) for prompt in history["prompts"]] == [PROMPT, PROMPT]
    first, second = history["prompts"]
    assert is_utc(first["created_at"])
    assert first["created_at"] < second["created_at"]
    known = {name: second[name] for name in PROMPT if name not in {"id", "created_at", "latency_ms"}}
    assert known == {
        "parent_id": first["id"],
        "session_id": session_id,
        "user_id": USER,
        "input_text": "Second",
        "output_text": "Gemini speaking.",
        "tokens_used": 15,
        "provider": "gemini",
        "model": "gemini-2.5-flash",
        "locality": "cloud",
        "status": "complete",
    }


async def test_the_route_of_an_answer_tells_every_attempt_and_who_was_not_asked(world: World) -> None:
    world.ollama.default = status(400, {"error": "no"})
    world.gemini.add(status(503), status(503))
    await world.ollama.refuse()
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="9")
    session_id = (await client.message()).body["session_id"]
    [prompt] = await client.prompts(session_id)
    route = await client.route(prompt["id"])
    assert list(route) == ["message_id", "status", "attempts", "skipped", "handoffs", "cost_usd", "rule"]
    assert (route["message_id"], route["status"], route["skipped"]) == (prompt["id"], "complete", [])
    assert [list(attempt) for attempt in route["attempts"]] == [ATTEMPT] * 4
    assert [
        (attempt["attempt"], attempt["provider"], attempt["outcome"], attempt["reason"], attempt["sent"])
        for attempt in route["attempts"]
    ] == [
        (1, "ollama", "failed", "connect_refused", False),
        (2, "gemini", "failed", "overloaded", True),
        (3, "gemini", "failed", "overloaded", True),
        (4, "openai", "succeeded", None, True),
    ]
    last = route["attempts"][-1]
    assert 0 <= last["started_ms"] <= last["first_token_ms"] <= last["ended_ms"]
    assert route["cost_usd"] is None


async def test_the_route_of_a_local_answer_costs_nothing_and_names_who_has_no_key(world: World) -> None:
    client = await world.serve(GEMINI_API_KEY="replace-me", CLOUD_ENABLED="false")
    session_id = (await client.message()).body["session_id"]
    [prompt] = await client.prompts(session_id)
    route = await client.route(prompt["id"])
    assert route["cost_usd"] == 0
    assert route["skipped"] == [
        {"provider": "openai", "model": "gpt-4.1", "locality": "cloud", "reason": "cloud_disabled"},
        {"provider": "gemini", "model": "gemini-2.5-flash", "locality": "cloud", "reason": "not_configured"},
    ]


async def test_the_route_of_a_running_answer_can_be_read(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("At last.", gate=gate))
    client = await world.serve()
    async with client.stream() as stream:
        start = await stream.until("start")
        await world.ollama.received()
        route = await client.route(start["message_id"])
        assert (route["status"], route["attempts"][0]["outcome"]) == ("running", None)
        assert (
            await client.as_user(OTHER_USER).call("GET", f"/api/chat/messages/{start['message_id']}/route")
        ).status == 404
        gate.open()
        await stream.rest()


async def test_deleting_a_session_ends_its_running_answers(world: World) -> None:
    world.ollama.add(answer("Never heard.", gate=Gate()))
    client = await world.serve()
    session_id = await client.session()
    async with client.stream(session_id=session_id) as stream:
        asked = await world.ollama.received()
        assert (await client.call("DELETE", f"/api/chat/sessions/{session_id}")).status == 204
        async with asyncio.timeout(PATIENCE):
            await asked.gone.wait()
        await stream.rest()
    assert world.made.rows("SELECT count(*) FROM prompts") == [(0,)]


@ON_SQLITE
async def test_a_session_with_thousands_of_messages_can_be_deleted(world: World) -> None:
    client = await world.serve()
    session_id = await client.session()
    with world.database() as connection:
        rows = [(f"{number:036d}", session_id, f"{number - 1:036d}" if number else None) for number in range(3000)]
        connection.executemany(
            "INSERT INTO prompts (id, session_id, parent_id, user_id, input_text, output_text, local_only, status,"
            " tokens_used, latency_ms, created_at) VALUES (?, ?, ?, '', '', '', 0, 'complete', 0, 0, 0)",
            rows,
        )
        connection.execute("UPDATE prompts SET user_id = ?", (USER,))
    assert (await client.call("DELETE", f"/api/chat/sessions/{session_id}")).status == 204
    with world.database() as connection:
        assert connection.execute("SELECT count(*) FROM prompts").fetchone() == (0,)
