"""A message that is marked local never leaves, whatever happens."""

import asyncio
import queue
import threading
from typing import Any

import pytest

from services.intelligence.app.services.answers.apology import LOCKED_MEANWHILE
from services.intelligence.app.services.answers.turn import SEAM_LINE
from services.intelligence.app.store import sqlite_writer as writer
from services.intelligence.app.store.repository import ChatRepository
from tests.support.databases import BOTH, ON_SQLITE
from tests.support.fakes import Gate, answer, cut, status

from .faults import FAULTS, SOON, Fault
from .world import PATIENCE, Client, World, data_of, states_of, text_of

pytestmark = BOTH

NOTHING_SENT = (
    "The cloud is not allowed for this message, and no local model could answer. Nothing was sent anywhere."
)

LOCKS = ["deployment", "user", "session", "message"]


async def locked(world: World, lock: str) -> tuple[Client, dict[str, Any]]:
    """A client, and the fields of a message under this lock."""
    client = await world.serve(**SOON, **({"CLOUD_ENABLED": "false"} if lock == "deployment" else {}))
    if lock == "user":
        # Memory is down here, which costs the rest of the call, and not this word.
        await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
    if lock == "session":
        return client, {"session_id": await client.session(local_only=True)}
    return client, {"local_only": True} if lock == "message" else {}


def nothing_reached_the_cloud(world: World) -> bool:
    return (world.gemini.connections, world.openai.connections) == (0, 0)


# Where a lock is kept is the next tests' matter.
@ON_SQLITE
@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("fault", [fault for fault, _reason in FAULTS])
async def test_under_a_lock_no_fault_of_the_local_model_opens_the_cloud(
    world: World, fault: Fault, lock: str
) -> None:
    await fault(world.ollama)
    client, fields = await locked(world, lock)
    answered = await client.message(**fields, prefer="cloud")
    assert (answered.status, answered.body["response"], answered.body["tokens_used"]) == (200, NOTHING_SENT, 0)
    events = await client.events(**fields)
    assert text_of(events) == NOTHING_SENT
    assert data_of(events[-1])["tokens_used"] == 0
    assert nothing_reached_the_cloud(world)


@pytest.mark.parametrize("lock", LOCKS)
async def test_under_a_lock_an_answer_that_breaks_is_not_taken_to_the_cloud(world: World, lock: str) -> None:
    world.ollama.default = cut(2)
    client, fields = await locked(world, lock)
    assert "error" in data_of((await client.events(**fields))[-1])
    assert (await client.message(**fields)).body["response"] == NOTHING_SENT
    assert nothing_reached_the_cloud(world)


@pytest.mark.parametrize(
    ("lock", "reason"),
    [
        ("deployment", "cloud_disabled"),
        ("user", "preference"),
        ("session", "local_only"),
        ("message", "local_only"),
    ],
)
async def test_a_lock_is_told_as_the_reason(world: World, lock: str, reason: str) -> None:
    client, fields = await locked(world, lock)
    events = await client.events(**fields)
    assert states_of(events)[:2] == [("gemini", "skipped", reason), ("openai", "skipped", reason)]
    assert text_of(events) == "Ollama speaking."
    assert nothing_reached_the_cloud(world)


async def test_a_local_model_on_another_machine_was_sent_the_prompt_and_the_apology_says_so(world: World) -> None:
    """An OpenAI-compatible server of one's own that is declared local but is not this machine."""
    world.openai.default = status(500)
    url = world.openai.url.replace("127.0.0.1", "0.0.0.0")
    client = await world.serve(OPENAI_LOCALITY="local", OPENAI_BASE_URL=url, LLM_PROVIDER_PRIORITY="openai,gemini")
    answered = await client.message(local_only=True)
    assert answered.body["response"] == NOTHING_SENT.replace("anywhere", "to the cloud")
    assert world.gemini.connections == 0


async def test_a_message_that_was_local_is_in_no_later_cloud_prompt(world: World) -> None:
    world.ollama.add(answer("whispered"))
    client = await world.serve()
    session_id = (await client.message("harmless", prefer="cloud")).body["session_id"]
    await client.message("confidential", session_id=session_id, local_only=True)
    await client.message("and now?", session_id=session_id, prefer="cloud")
    sent = world.gemini.chats[1].raw_body.decode()
    assert "harmless" in sent
    assert "and now?" in sent
    assert "confidential" not in sent
    assert "whispered" not in sent
    await client.message("locally?", session_id=session_id)
    assert "confidential" in world.ollama.chats[1].raw_body.decode()


@pytest.mark.parametrize(
    ("version", "kept"), [("1", f"They whispered of{SEAM_LINE}Gemini speaking."), ("2", "Gemini speaking.")]
)
async def test_nor_is_what_a_local_model_made_of_it_and_could_not_bring_to_an_end(
    world: World, version: str, kept: str
) -> None:
    world.ollama.add(answer("Noted."), cut(3, "They whispered of treasure."))
    client = (await world.serve(LLM_MIDSTREAM_MODE="restart")).having({"X-NovaCore-Stream": version})
    session_id = await client.session()
    await client.message("confidential", session_id=session_id, local_only=True)
    events = await client.events("and now?", session_id=session_id)
    assert any("whispered" in event.data for event in events)
    await client.message("go on", session_id=session_id, prefer="cloud")
    assert len(world.gemini.chats) == 2
    sent = world.gemini.chats[1].raw_body.decode()
    assert "whispered" not in sent
    # What holds no private word may go on being sent.
    assert ("Gemini speaking." in sent) is (version == "2")
    [_, begun_anew, _] = await client.prompts(session_id)
    assert (begun_anew["output_text"], begun_anew["provider"]) == (kept, "gemini")


async def test_nor_is_it_where_the_cloud_that_began_anew_was_stopped_and_is_asked_to_go_on(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("Noted."), cut(3, "They whispered of treasure."))
    world.gemini.add(answer("Gemini speaking.", gate=gate))
    client = await world.serve(LLM_MIDSTREAM_MODE="restart")
    session_id = await client.session()
    await client.message("confidential", session_id=session_id, local_only=True)
    async with client.stream("and now?", session_id=session_id) as stream:
        gate.release(1)
        await stream.text(f"They whispered of{SEAM_LINE}Gemini")
        message_id = data_of(stream.events[0])["message_id"]
        assert (await client.call("POST", f"/api/chat/messages/{message_id}/stop")).status == 200
        await stream.rest()
    world.ollama.default = status(400)
    async with client.following(f"/api/chat/messages/{message_id}/continue", "POST") as stream:
        assert stream.status == 200
        await stream.rest()
    assert len(world.gemini.chats) == 1
    assert world.openai.chats == []


async def test_unlocking_tells_what_becomes_sendable_and_frees_that_alone(world: World) -> None:
    world.ollama.add(answer("whispered"), answer("hidden"))
    client = await world.serve()
    session_id = await client.session(local_only=True)
    await client.message("confidential", session_id=session_id)
    await client.message("for ever private", session_id=session_id, local_only=True)
    path = f"/api/chat/sessions/{session_id}"
    told = await client.call("GET", f"{path}/lock")
    assert told.body == {"local_only": True, "sendable": {"messages": 1, "stay_local": 1}}
    unlocked = await client.call("PATCH", path, {"local_only": False})
    assert (unlocked.body["local_only"], unlocked.body["sendable"]) == (False, {"messages": 1, "stay_local": 1})
    await client.message("and now?", session_id=session_id, prefer="cloud")
    sent = world.gemini.chats[0].raw_body.decode()
    assert ("confidential" in sent, "whispered" in sent) == (True, True)
    assert ("for ever private" in sent, "hidden" in sent) == (False, False)


async def test_a_session_that_is_locked_again_sends_nothing_of_what_was_said_between(world: World) -> None:
    client = await world.serve()
    session_id = await client.session()
    await client.message("said openly", session_id=session_id, prefer="cloud")
    await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
    await client.message("and now?", session_id=session_id, prefer="cloud")
    assert len(world.gemini.chats) == 1


async def test_locking_a_session_cuts_off_its_answer_from_the_cloud(world: World) -> None:
    gate = Gate()
    world.gemini.add(answer("One two three", gate=gate))
    client = await world.serve()
    session_id = await client.session()
    async with client.stream(session_id=session_id, prefer="cloud") as stream:
        gate.release(1)
        await stream.text("One")
        asked = await world.gemini.received()
        lock = await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
        assert lock.body["local_only"] is True
        message_id = data_of(stream.events[0])["message_id"]
        assert lock.body["cut_off"] == [{"message_id": message_id, "provider": "gemini", "model": "gemini-2.5-flash"}]
        async with asyncio.timeout(PATIENCE):
            await asked.gone.wait()
        events = await stream.rest()
    assert states_of(events)[-1] == ("gemini", "cancelled", None)
    assert data_of(events[-1]) == {"error": f"{LOCKED_MEANWHILE} What was said so far is kept.", "done": True}
    [prompt] = await client.prompts(session_id)
    assert (prompt["status"], prompt["output_text"]) == ("interrupted", "One")
    assert (await client.message(session_id=session_id, prefer="cloud")).body["response"] == "Ollama speaking."
    assert len(world.gemini.chats) == 1


async def test_an_answer_that_a_lock_cuts_off_before_its_first_word_says_so_and_its_key_asks_again(
    world: World,
) -> None:
    gate = Gate()
    world.gemini.add(answer("One two three", gate=gate))
    client = (await world.serve(LLM_PROVIDER_PRIORITY="gemini,ollama")).having({"Idempotency-Key": "once"})
    session_id = await client.session()
    asking = asyncio.ensure_future(client.message(session_id=session_id))
    await world.gemini.received()
    await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
    answered = await asking
    assert (answered.status, answered.body["response"], answered.body["tokens_used"]) == (200, LOCKED_MEANWHILE, 0)
    assert [prompt["status"] for prompt in await client.prompts(session_id)] == ["fallback"]
    assert (await client.message(session_id=session_id)).body["response"] == "Ollama speaking."
    assert len(world.gemini.chats) == 1


async def test_a_plain_answer_that_a_lock_cuts_off_is_not_told_as_whole(world: World) -> None:
    gate = Gate()
    world.gemini.add(answer("One two three", gate=gate))
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,ollama")
    session_id = await client.session()
    asking = asyncio.ensure_future(client.message(session_id=session_id))
    await world.gemini.received()
    gate.release(1)
    async with asyncio.timeout(PATIENCE):
        while (await client.prompts(session_id))[0]["output_text"] != "One":
            pass
    await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
    answered = await asking
    assert answered.status == 503
    assert [prompt["status"] for prompt in await client.prompts(session_id)] == ["interrupted"]


async def test_locking_a_session_lets_its_local_answer_go_on(world: World) -> None:
    gate = Gate()
    world.ollama.add(answer("One two", gate=gate))
    client = await world.serve()
    session_id = await client.session()
    async with client.stream(session_id=session_id) as stream:
        gate.release(1)
        await stream.text("One")
        await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
        gate.open()
        assert text_of(await stream.rest()) == "One two"
    assert (await client.prompts(session_id))[0]["status"] == "complete"


async def test_a_lock_that_comes_between_two_tries_bars_the_second(world: World) -> None:
    """What was sent before is not denied: the apology does not say that nothing was."""
    world.openai.default = status(429, headers={"Retry-After-Ms": "400"})
    client = await world.serve(LLM_PROVIDER_PRIORITY="openai,gemini")
    session_id = await client.session()
    async with client.stream(session_id=session_id) as stream:
        await stream.until("route", state="failed")
        await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True})
        events = await stream.rest()
    assert states_of(events)[2:] == [("openai", "skipped", "local_only"), ("gemini", "skipped", "local_only")]
    assert [data_of(event)["sent"] for event in events if event.name == "route"] == [True, True, False, False]
    assert "sent" not in text_of(events)
    assert (len(world.openai.chats), world.gemini.connections) == (1, 0)


@ON_SQLITE
async def test_a_lock_holds_for_a_turn_that_is_stored_but_has_not_begun(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer is held back between its commit and its word to the turn; the lock is set in that moment."""
    client = await world.serve()
    session_id = await client.session()
    held: queue.Queue[None] = queue.Queue()
    release = threading.Event()
    tell = writer._tell

    def tell_later(batch: Any) -> None:
        held.put(None)
        release.wait(PATIENCE)
        tell(batch)

    changed = asyncio.Event()
    change = ChatRepository.change_session

    async def change_session(*args: Any) -> Any:
        row = await change(*args)
        changed.set()
        return row

    monkeypatch.setattr(writer, "_tell", tell_later)
    monkeypatch.setattr(ChatRepository, "change_session", change_session)
    gate = Gate()
    world.gemini.default = answer("From the cloud.", gate=gate)
    chat = asyncio.create_task(client.events(session_id=session_id, prefer="cloud"))
    await asyncio.to_thread(held.get, timeout=PATIENCE)
    lock = asyncio.create_task(client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True}))
    await changed.wait()
    release.set()
    assert (await lock).status == 200
    gate.open()
    assert "From the cloud." not in text_of(await chat)
