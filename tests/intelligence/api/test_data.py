"""A user's data can be taken along whole, and deleted for good."""

import asyncio
import json
from typing import Any

import pytest

from services.intelligence.app.services import exporting
from services.intelligence.app.services.exporting import FORMS, exported
from services.intelligence.app.store.user_data import UserData
from tests.support.databases import BOTH, ON_SQLITE
from tests.support.fakes import Gate, answer, cut, status

from .world import OTHER_USER, PATIENCE, USER, Client, World

pytestmark = BOTH

EXPORT = "/api/chat/export"
ENTRY = ["id", "parent_id", "created_at", "local_only", "input_text", "output_text", "status", "tokens_used"]
ENTRY += ["latency_ms", "provider", "model", "locality", "route"]


async def spoken(client: Client) -> tuple[str, str]:
    """Two sessions with a few messages."""
    first = (await client.message("One?")).body["session_id"]
    await client.message("Two?", session_id=first, prefer="cloud")
    second = await client.session(title="Kept here", local_only=True)
    await client.message("Three?\n# no title", session_id=second)
    return first, second


async def test_an_export_holds_every_session_and_message_with_its_route(world: World) -> None:
    client = await world.serve()
    first, second = await spoken(client)
    await client.as_user(OTHER_USER).message("Somebody else's.")
    answered = await client.call("GET", EXPORT)

    assert answered.status == 200
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["content-disposition"] == 'attachment; filename="novacore-export.json"'
    body = answered.body
    assert body["user_id"] == USER
    assert [session["id"] for session in body["sessions"]] == [first, second]
    assert [session["local_only"] for session in body["sessions"]] == [False, True]
    messages = [message for session in body["sessions"] for message in session["messages"]]
    assert [message["input_text"] for message in messages] == ["One?", "Two?", "Three?\n# no title"]
    assert [message["locality"] for message in messages] == ["local", "cloud", "local"]
    assert list(messages[0]) == ENTRY
    for message in messages:
        told = await client.route(message["id"])
        assert message["route"] == {name: told[name] for name in message["route"]}
        assert message["route"]["attempts"]
    assert b"Somebody else" not in answered.raw


async def test_an_export_of_nothing_is_a_whole_document(world: World) -> None:
    client = await world.serve()
    assert (await client.call("GET", EXPORT)).body["sessions"] == []
    empty = await client.session()
    assert (await client.call("GET", EXPORT)).body["sessions"][0]["messages"] == []
    markdown = await client.call("GET", f"{EXPORT}?format=markdown")
    assert f"Session `{empty}`, active" in markdown.raw.decode()


async def test_markdown_says_of_every_answer_who_gave_it_and_why(world: World) -> None:
    world.ollama.add(cut(0), cut(0))
    client = await world.serve()
    session_id = (await client.message("One?")).body["session_id"]
    await client.message("Two?\r\n# a heading", session_id=session_id, local_only=True)
    answered = await client.call("GET", f"{EXPORT}?format=markdown")
    text = answered.raw.decode()

    assert answered.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "\n## One?\n" in text
    assert "\n> Gemini speaking.\n" in text
    assert "\n- Answered by gemini, model gemini-2.5-flash, cloud; complete;" in text
    assert "\n- Also asked: ollama (" in text
    assert "\n- Sent to the cloud: gemini.\n" in text
    assert ", stays local\n\n> Two?\n> # a heading\n" in text
    assert "\n- Not asked: gemini (local_only), openai (local_only).\n" in text
    assert text.endswith("- Nothing was sent to a cloud.\n")


async def test_one_session_can_be_exported_by_its_owner_alone(world: World) -> None:
    client = await world.serve()
    first, _ = await spoken(client)
    path = f"/api/chat/sessions/{first}/export"

    assert [session["id"] for session in (await client.call("GET", path)).body["sessions"]] == [first]
    named = (await client.call("GET", f"{path}?format=markdown")).headers["content-disposition"]
    assert named == f'attachment; filename="novacore-session-{first}.md"'
    assert (await client.as_user(OTHER_USER).call("GET", path)).status == 404
    assert (await client.call("GET", f"{path}?format=pdf")).status == 422


async def test_an_export_is_read_page_by_page_and_told_before_it_is_read_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "SESSIONS_AT_A_TIME", 1)
    monkeypatch.setattr(exporting, "PROMPTS_AT_A_TIME", 1)
    client = await world.serve()
    await spoken(client)
    whole = (await client.call("GET", EXPORT)).body
    assert [len(session["messages"]) for session in whole["sessions"]] == [2, 1]

    class Counted(UserData):
        read = 0

        async def _page(self, *args: Any) -> Any:
            self.read += 1
            return await super()._page(*args)

    engine = world.made.database.engine()
    data = Counted(engine)
    pieces = exported(data, FORMS["json"], USER, 0)
    try:
        for _ in range(3):
            await anext(pieces)
        assert data.read == 2
        rest = [piece async for piece in pieces]
        assert rest[-1] == "]}\n"
    finally:
        await engine.dispose()


async def test_deleting_everything_leaves_nothing_in_lists_or_files_but_the_ledger_s_sums(world: World) -> None:
    world.ollama.add(answer("The answer is xylophone."))
    client = await world.serve()
    keyed = client.having({"Idempotency-Key": "quetzal-key"})
    first = (await keyed.message("What about a wombat? " + "and so on " * 2000)).body["session_id"]
    await client.message("Remember that my zebra is striped.", session_id=first, local_only=True)
    kept = (await client.as_user(OTHER_USER).message("An ocelot?")).body["session_id"]
    message_id = (await client.prompts(first))[0]["id"]
    for word in (b"wombat", b"xylophone", b"quetzal-key", b"zebra", b"ocelot"):
        assert word in world.made.stored()

    gone = await client.call("DELETE", "/api/chat/data")
    assert gone.status == 200
    assert (gone.body["sessions"], gone.body["messages"]) == (1, 2)
    assert "ledger" in gone.body["kept"]
    left = world.made.stored()
    for word in (b"wombat", b"xylophone", b"quetzal-key", b"zebra", first.encode()):
        assert word not in left
    assert b"ocelot" in left
    assert (await client.call("GET", "/api/chat/sessions")).body["total"] == 0
    assert (await client.call("GET", f"/api/chat/history/{first}")).status == 404
    assert (await client.call("GET", f"/api/chat/stream/{message_id}")).status == 404
    assert len(await client.as_user(OTHER_USER).prompts(kept)) == 1
    with world.beside() as connection:
        assert connection.execute("SELECT count(*) FROM ledger WHERE user_id = ?", (USER,)).fetchone() == (2,)
    assert (await client.call("DELETE", "/api/chat/data")).body["sessions"] == 0


async def test_deleting_one_session_leaves_nothing_of_it_in_the_files(world: World) -> None:
    client = await world.serve()
    keyed = client.having({"Idempotency-Key": "key"})
    session_id = (await keyed.message("What about a wombat?")).body["session_id"]
    message_id = (await client.prompts(session_id))[0]["id"]
    assert (await client.call("DELETE", f"/api/chat/sessions/{session_id}")).status == 204
    assert b"wombat" not in world.made.stored()
    assert (await client.call("GET", f"/api/chat/stream/{message_id}")).status == 404


@pytest.mark.parametrize("keyed", [False, True])
async def test_deleting_everything_cuts_off_what_is_being_answered(world: World, keyed: bool) -> None:
    gate = Gate()
    world.ollama.add(answer("One two three", gate=gate))
    client = await world.serve()
    asking = client.having({"Idempotency-Key": "key"}) if keyed else client
    async with asking.stream("What about a wombat?") as stream:
        gate.release(1)
        await stream.text("One")
        message_id = json.loads(stream.events[0].data)["message_id"]
        async with asyncio.timeout(PATIENCE):
            gone = await client.call("DELETE", "/api/chat/data")
        assert gone.body["messages"] == 1
        assert json.loads((await stream.rest())[-1].data)["done"] is True
    assert b"wombat" not in world.made.stored()
    assert (await client.call("GET", f"/api/chat/stream/{message_id}")).status == 404


async def test_deleting_everything_keeps_the_user_s_word_on_the_cloud(world: World) -> None:
    world.ollama.default = status(500)
    client = await world.serve()
    with world.beside() as connection:
        connection.execute("INSERT INTO user_settings VALUES (?, FALSE, 0)", (USER,))
    await client.call("DELETE", "/api/chat/data")
    await client.message("Hello?")
    assert world.gemini.connections == world.openai.connections == 0


@ON_SQLITE
async def test_a_database_is_opened_so_that_what_is_deleted_is_overwritten(world: World) -> None:
    engine = world.made.database.engine()
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("PRAGMA secure_delete")).scalar_one() == 1
    await engine.dispose()


async def test_deleting_everything_leaves_others_what_is_theirs(world: World) -> None:
    client = await world.serve()
    first = await client.session()
    for _ in range(2):
        await client.message("Mine.", session_id=first)
    other = client.as_user(OTHER_USER)
    theirs = (await other.message("Not mine.")).body["session_id"]
    gone = await client.call("DELETE", "/api/chat/data")
    assert (gone.body["sessions"], gone.body["messages"]) == (1, 2)
    assert (await client.call("GET", EXPORT)).body["sessions"] == []
    assert len(await other.prompts(theirs)) == 1


@ON_SQLITE
async def test_deleting_one_of_many_sessions_leaves_nothing_of_it_in_the_index(world: World) -> None:
    client = await world.serve()
    ids = [(await client.message(f"The wombat{number} sleeps.")).body["session_id"] for number in range(20)]
    assert (await client.call("DELETE", f"/api/chat/sessions/{ids[7]}")).status == 204
    left = world.made.stored()
    assert b"wombat7" not in left
    assert (await client.call("GET", "/api/chat/sessions?q=wombat7")).body["total"] == 0
    assert (await client.call("GET", "/api/chat/sessions?q=wombat8")).body["total"] == 1
    with world.database() as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, prompts_search, row)")
        terms = {row[0] for row in connection.execute("SELECT term FROM temp.vocabulary")}
    assert "wombat7" not in terms
    assert "wombat8" in terms
