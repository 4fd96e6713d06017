"""What a user asked to be remembered helps the answer, and leaves only where it may."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from novakit.database import SqliteDatabase

from services.intelligence.app.services import memory_client
from services.memory.app.main import MIGRATIONS
from services.memory.app.store.tables import HEAD
from tests.support.databases import BOTH
from tests.support.fakes import Gate, answer, cut, status

from .remembering import RealMemory, real_memory
from .test_memory import remembering
from .world import OTHER_USER, PATIENCE, USER, Client, World, text_of

TOLD = "Remember that my cat is called Tom."
ASKED = "What is my cat called?"


@pytest.fixture(scope="session")
def memory_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("memory-template") / "memory.db"
    SqliteDatabase(path).upgrade(MIGRATIONS, HEAD)
    return path


@pytest.fixture
async def memory(
    memory_database: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RealMemory]:
    # Where the deadline is not the question, a busy machine must not miss it.
    monkeypatch.setattr(memory_client, "DEADLINE_SEC", PATIENCE)
    folder = tmp_path_factory.mktemp("memory")
    shutil.copy(memory_database, folder / "memory.db")
    async with real_memory(folder) as memory:
        yield memory


@pytest.fixture
async def client(world: World, memory: RealMemory) -> Client:
    return await world.serve(MEMORY_URL=memory.url)


def to_gemini(world: World) -> str:
    """All that Gemini was ever sent."""
    return "".join(chat.raw_body.decode() for chat in world.gemini.chats)


def to_ollama(world: World) -> str:
    """What Ollama was sent last."""
    return world.ollama.chats[-1].raw_body.decode()


@BOTH
async def test_what_a_message_asks_to_be_remembered_helps_in_another_session(
    world: World, memory: RealMemory, client: Client
) -> None:
    told = await client.message(TOLD)
    assert await memory.next_learnt() == 201
    [fact] = await memory.facts()
    [prompt] = await client.prompts(told.body["session_id"])
    assert (fact["text"], fact["local_only"]) == ("my cat is called Tom.", False)
    assert fact["told_in"] == {"session_id": told.body["session_id"], "message_id": prompt["id"]}

    await client.message(ASKED)
    messages = json.loads(to_ollama(world))["messages"]
    assert [message["role"] for message in messages] == ["system", "system", "user"]
    assert messages[1]["content"].endswith("\n- my cat is called Tom.")
    await client.message(ASKED, prefer="cloud")
    assert "called Tom" in to_gemini(world)


async def test_without_use_memory_nothing_is_asked_and_nothing_kept(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.")
    del memory.paths[:]
    await client.message(TOLD, use_memory=False)
    await client.message("Remember that my dog is called Rex.")
    assert await memory.next_learnt() == 201
    await client.message(ASKED, use_memory=False)
    assert memory.paths.count("/internal/facts/recall") == 1
    assert [fact["text"] for fact in await memory.facts()] == ["my dog is called Rex.", "My cat is called Tom."]
    assert "called Tom" not in to_ollama(world)


async def test_a_budget_of_nothing_asks_for_no_facts_and_still_keeps_them(world: World, memory: RealMemory) -> None:
    client = await world.serve(MEMORY_URL=memory.url, MEMORY_TOKEN_BUDGET="0")
    await client.message(TOLD)
    assert await memory.next_learnt() == 201
    await client.message(ASKED)
    assert "/internal/facts/recall" not in memory.paths
    assert "called Tom" not in to_ollama(world)


async def test_what_would_be_given_counts_in_an_explanation_and_nothing_is_learnt_from_one(
    world: World, memory: RealMemory
) -> None:
    client = await world.serve(MEMORY_URL=memory.url, MEMORY_TOKEN_BUDGET="1000")
    for name in ("Tom", "Rex", "Kim"):
        await memory.tell(f"My cat {name} is called {name} because {'of the cat, ' * 75}")
    path, body = "/api/chat/route/explain", {"message": ASKED}
    assert (await client.call("POST", path, body)).body["classes"] == []
    assert (await client.call("POST", path, {**body, "use_memory": False})).body["classes"] == ["short"]
    await client.call("POST", path, {"message": TOLD})
    assert "/internal/facts" not in memory.paths
    assert len(await memory.facts()) == 3


async def test_another_user_s_facts_stay_with_that_user(world: World, memory: RealMemory, client: Client) -> None:
    await memory.tell("My cat is called Tom.")
    await client.as_user(OTHER_USER).message(ASKED)
    assert "called Tom" not in to_ollama(world)


async def test_a_fact_that_is_marked_local_is_told_to_local_models_alone(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    await memory.tell("My cat likes fish.")
    await client.message(ASKED, prefer="cloud")
    assert ("likes fish" in to_gemini(world), "Tom" in to_gemini(world)) == (True, False)
    await client.message(ASKED)
    assert "likes fish" in to_ollama(world)
    assert "called Tom" in to_ollama(world)


@pytest.mark.parametrize("lock", ["message", "session", "user"])
async def test_what_was_told_under_a_lock_never_leaves_also_when_the_lock_is_gone(
    world: World, memory: RealMemory, client: Client, lock: str
) -> None:
    session_id = await client.session(local_only=lock == "session")
    if lock == "user":
        await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
    await client.message(TOLD, session_id=session_id, local_only=lock == "message")
    assert await memory.next_learnt() == 201
    await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": False})
    await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": True})
    [fact] = await memory.facts()
    assert fact["local_only"] is True
    await client.message(ASKED, prefer="cloud")
    assert len(world.gemini.chats) == 1
    assert "called Tom" not in to_gemini(world)


async def test_what_a_user_adds_who_forbids_the_cloud_never_leaves_either(
    world: World, memory: RealMemory, client: Client
) -> None:
    path, fact = "/api/memory/facts", {"text": "My cat is called Tom."}
    await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
    added = await client.call("POST", path, fact)
    assert (added.status, added.body["local_only"], added.body["told_in"]) == (201, True, None)
    await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": True})
    again = await client.call("POST", path, {**fact, "local_only": False})
    assert (again.status, again.body["local_only"]) == (200, True)
    assert (await client.call("POST", path, {"text": "My dog is called Rex."})).body["local_only"] is False
    await client.message("What are my cat and my dog called?", prefer="cloud")
    assert ("called Tom" in to_gemini(world), "called Rex" in to_gemini(world)) == (False, True)


async def test_a_fact_that_cannot_be_kept_is_told(world: World, memory: RealMemory, client: Client) -> None:
    path = "/api/memory/facts"
    assert (await client.call("POST", path, {"text": " "})).status == 422
    assert (await client.call("POST", path, {"text": "x", "localonly": True})).status == 422
    memory.down = True
    assert (await client.call("POST", path, {"text": "My cat is called Tom."})).status == 502
    alone = await world.serve()
    assert (await alone.call("POST", path, {"text": "My cat is called Tom."})).status == 503


@BOTH
@pytest.mark.parametrize("change", ["locked", "deleted"])
async def test_a_fact_of_a_session_that_is_locked_now_or_gone_does_not_leave(
    world: World, memory: RealMemory, client: Client, change: str
) -> None:
    session_id = (await client.message(TOLD)).body["session_id"]
    assert await memory.next_learnt() == 201
    path = f"/api/chat/sessions/{session_id}"
    if change == "locked":
        await client.call("PATCH", path, {"local_only": True})
    else:
        await client.call("DELETE", path)
    await client.message(ASKED, prefer="cloud")
    assert "called Tom" not in to_gemini(world)
    await client.message(ASKED)
    assert "called Tom" in to_ollama(world)
    if change == "locked":
        await client.call("PATCH", path, {"local_only": False})
        await client.message(ASKED, prefer="cloud")
        assert "called Tom" in to_gemini(world)


async def test_locking_a_session_holds_its_facts_back_from_the_next_call_of_a_running_turn(
    world: World, memory: RealMemory
) -> None:
    client = await world.serve(MEMORY_URL=memory.url, LLM_PROVIDER_PRIORITY="openai,gemini")
    session_id = (await client.message(TOLD)).body["session_id"]
    assert await memory.next_learnt() == 201
    world.openai.default = status(429, headers={"Retry-After-Ms": "400"})
    async with client.stream(ASKED) as stream:
        await stream.until("route", state="failed")
        await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
        assert text_of(await stream.rest()) == "Gemini speaking."
    assert len(world.gemini.chats) == 1
    assert "called Tom" not in to_gemini(world)


async def test_an_answer_that_was_made_of_a_local_fact_is_no_history_for_a_cloud_model(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    world.ollama.add(answer("It is Tom."))
    session_id = (await client.message(ASKED)).body["session_id"]
    lock = await client.call("GET", f"/api/chat/sessions/{session_id}/lock")
    assert lock.body["sendable"] == {"messages": 0, "stay_local": 1}
    await client.message("And the dog?", session_id=session_id, prefer="cloud")
    assert len(world.gemini.chats) == 1
    assert "Tom" not in to_gemini(world)


async def test_an_answer_that_repeats_such_an_answer_is_none_either(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    world.ollama.add(answer("It is Tom."), answer("I said: Tom."))
    session_id = (await client.message(ASKED)).body["session_id"]
    await client.message("Pardon?", session_id=session_id)
    await client.message("And the dog?", session_id=session_id, prefer="cloud")
    assert len(world.gemini.chats) == 1
    assert "Tom" not in to_gemini(world)


async def test_an_answer_of_the_cloud_s_was_made_without_it_and_stays_history(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    session_id = (await client.message(ASKED, prefer="cloud")).body["session_id"]
    await client.message("And the dog?", session_id=session_id, prefer="cloud")
    assert "Gemini speaking." in world.gemini.chats[1].raw_body.decode()


async def test_an_answer_that_nobody_gave_stays_history(world: World, memory: RealMemory, client: Client) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    for fake in (world.ollama, world.gemini, world.openai):
        fake.add(*[status(400)] * 3)
    session_id = (await client.message(ASKED)).body["session_id"]
    lock = await client.call("GET", f"/api/chat/sessions/{session_id}/lock")
    assert lock.body["sendable"] == {"messages": 1, "stay_local": 0}


async def test_an_answer_that_broke_after_a_local_fact_is_gone_on_with_by_no_cloud(
    world: World, memory: RealMemory, client: Client
) -> None:
    await memory.tell("My cat is called Tom.", local_only=True)
    world.ollama.add(cut(2, "It is Tom, of course."))
    events = await client.events(ASKED)
    assert world.gemini.chats == []
    message_id = json.loads(events[0].data)["message_id"]
    async with client.following(f"/api/chat/messages/{message_id}/continue", "POST") as stream:
        await stream.rest()
    assert world.gemini.chats == []
    assert world.openai.chats == []


async def test_a_killed_process_leaves_what_it_said_of_a_local_fact_marked(
    world: World, memory: RealMemory, client: Client
) -> None:
    """Its mark is stored before anyone is asked."""
    await memory.tell("My cat is called Tom.", local_only=True)
    gate = Gate()
    world.ollama.add(answer("It is Tom.", gate=gate))
    async with client.stream(ASKED) as stream:
        await stream.until("start")
        with world.database() as connection:
            assert connection.execute("SELECT local_only FROM prompts").fetchall() == [(1,)]
        gate.open()
        await stream.rest()


async def test_what_is_told_while_memory_is_down_is_kept_until_it_is_back(
    world: World, memory: RealMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    client = await world.serve(MEMORY_URL=memory.url)
    memory.down = True
    assert (await client.message(TOLD)).body["response"] == "Ollama speaking."
    assert await memory.next_learnt() == 503
    memory.down = False
    assert await memory.facts() == []
    await client.message("Remember that my dog is called Rex.")
    assert [await memory.next_learnt(), await memory.next_learnt()] == [201, 201]
    assert [fact["text"] for fact in await memory.facts()] == ["my dog is called Rex.", "my cat is called Tom."]
    out = capsys.readouterr().out
    assert '"event":"fact_not_kept"' in out
    assert "Tom" not in out
    assert "Rex" not in out


async def test_what_was_told_before_a_restart_is_brought_after_it(world: World, memory: RealMemory) -> None:
    memory.down = True
    client = await world.serve(MEMORY_URL=memory.url)
    await client.message(TOLD)
    assert await memory.next_learnt() == 503
    memory.down = False
    await world.serve(MEMORY_URL=memory.url)
    assert await memory.next_learnt() == 201


async def test_what_memory_refuses_is_not_tried_for_ever(world: World, memory: RealMemory, client: Client) -> None:
    await client.message("Remember that " + "x" * 2000)
    assert await memory.next_learnt() == 422
    await client.message(TOLD)
    assert await memory.next_learnt() == 201
    async with asyncio.timeout(PATIENCE):
        while True:
            with world.database() as connection:
                if connection.execute("SELECT * FROM facts_to_keep").fetchall() == []:
                    break
            await asyncio.sleep(0)


async def test_a_message_that_is_deleted_is_not_learnt_later(
    world: World, memory: RealMemory, client: Client
) -> None:
    memory.down = True
    session_id = (await client.message(TOLD)).body["session_id"]
    assert await memory.next_learnt() == 503
    await client.call("DELETE", f"/api/chat/sessions/{session_id}")
    memory.down = False
    await client.message("Remember that my dog is called Rex.")
    assert await memory.next_learnt() == 201
    assert [fact["text"] for fact in await memory.facts()] == ["my dog is called Rex."]


async def test_memory_is_asked_for_both_at_once_so_that_it_costs_one_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_client, "DEADLINE_SEC", PATIENCE)
    async with remembering() as slow:
        client = await world.serve(MEMORY_URL=slow.url)
        async with client.asking("/api/chat/message", {"message": ASKED}) as answered, asyncio.timeout(PATIENCE):
            while not (slow.users and slow.recalls):  # noqa: ASYNC110 (neither is answered before both have come)
                await asyncio.sleep(0)
            slow.released.set()
            assert (await answered).body["response"] == "Ollama speaking."


async def test_a_memory_that_hangs_costs_its_deadline_once(world: World) -> None:
    async with remembering() as slow:
        client = await world.serve(MEMORY_URL=slow.url)
        for _ in range(2):
            assert (await client.message(ASKED)).body["response"] == "Ollama speaking."
        assert (slow.users, slow.recalls) == ([USER], [USER])
