"""An intelligence that is killed within what it is asked: once in each transaction, at its commit, and after that.

``python -m tests.intelligence.api.dying FOLDER``: see ``tests.support.dying``; the database is
FOLDER/intelligence.db. What its clients have seen by then is in FOLDER/n/seen, a line of JSON each.
"""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from services.intelligence.app.services.answers import keeper
from services.intelligence.app.store import sqlite_writer
from services.intelligence.app.store.sql import SqliteSql
from tests.support.databases import in_folder
from tests.support.dying import Fuse, die_at_each_moment
from tests.support.fakes import Gate, answer, cut
from tests.support.services import free_port

from .world import Client, World, data_of

COUNTED = {
    "LLM_PROVIDER_PRIORITY": "ollama,gemini",
    "LLM_MIDSTREAM_MODE": "continue",
    "QUOTA_USER_MESSAGES_PER_DAY": "100",
    "QUOTA_USER_TOKENS_PER_DAY": "100000",
    "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:100000",
    "LOG_LEVEL": "error",
}
KEY = {"Idempotency-Key": "once"}
TOLD = "Remember that my cat is called Tom."
BEGUN, WHOLE = "It is", "It is Tom, of course."
COMPLETION = {"model": "gemini", "messages": [{"role": "user", "content": "Hello?"}]}
_CHANGES = ("INSERT", "UPDATE", "DELETE")


async def served(world: World) -> Client:
    """The service, counting; nobody listens where its memory should be, so what is to be remembered waits."""
    return await world.serve(**COUNTED, MEMORY_URL=f"http://127.0.0.1:{free_port()}")


async def live(folder: Path, fuse: Fuse) -> None:
    """A message that is handed on, one that breaks off and is gone on with, and a completion."""
    _watch(fuse)
    with (folder / "seen").open("ab", buffering=0) as seen:

        def saw(what: str, **more: Any) -> None:
            seen.write(json.dumps({"what": what, **more}).encode() + b"\n")

        async with World(in_folder(folder)) as world:
            client = await served(world)
            fuse.light()
            saw("handed on", id=await handed_on(world, client))
            broken = await broken_off(world, client)
            saw("broken off", id=broken)
            await gone_on_with(world, client, broken)
            saw("gone on with", id=broken)
            assert (await client.call("POST", "/v1/chat/completions", COMPLETION)).status == 200
            saw("completed")
            # What is settled beside the answer is done, too.
            await client.call("GET", "/api/usage")


async def handed_on(world: World, client: Client) -> str:
    """A message with a key, begun by the local model and ended by the cloud; what was said first is stored then."""
    gate = Gate()
    world.ollama.add(cut(2, WHOLE))
    world.gemini.add(answer(WHOLE.removeprefix(BEGUN), gate=gate))
    async with client.having(KEY).stream(TOLD) as stream:
        message_id = str((await stream.until("start"))["message_id"])
        await _partial(world, message_id)
        gate.open()
        assert data_of((await stream.rest())[-1])["done"] is True
    return message_id


async def broken_off(world: World, client: Client) -> str:
    """A message that nobody goes on with."""
    world.ollama.add(cut(2, WHOLE), cut(0), cut(0))
    events = await client.events("Who is it?", local_only=True)
    assert "error" in data_of(events[-1])
    return str(data_of(events[0])["message_id"])


async def gone_on_with(world: World, client: Client, message_id: str) -> None:
    """The same, later."""
    world.ollama.script.clear()
    world.ollama.add(answer(WHOLE.removeprefix(BEGUN)))
    async with client.following(f"/api/chat/messages/{message_id}/continue", "POST") as stream:
        assert "error" not in data_of((await stream.rest())[-1])


async def _partial(world: World, message_id: str) -> None:
    with closing(sqlite3.connect(world.made.folder / "intelligence.db")) as connection:
        stored = ""
        while stored != BEGUN:
            [stored] = connection.execute("SELECT output_text FROM prompts WHERE id = ?", (message_id,)).fetchone()
            await asyncio.sleep(0)


def _watch(fuse: Fuse) -> None:
    """Burn it in each transaction that changes something: before it does, before its commit and after that."""
    execute, tell = SqliteSql.execute, sqlite_writer._tell
    changed = False

    def watched(connection: SqliteSql, sql: str, *parameters: Any) -> sqlite3.Cursor:
        nonlocal changed
        if sql.startswith("BEGIN"):
            changed = False
        elif sql.startswith(_CHANGES) and not changed:
            changed = True
            fuse.burn()
        elif sql == "COMMIT" and changed:
            fuse.burn()
        return execute(connection, sql, *parameters)

    def told(batch: Any) -> None:
        if changed:
            fuse.burn()
        tell(batch)

    SqliteSql.execute = watched  # type: ignore[assignment,method-assign]
    sqlite_writer._tell = told
    # At once, and not after a second: each run shall have the same moments.
    keeper.KEEP_PARTIAL_EVERY_SEC = 0.0


if __name__ == "__main__":
    die_at_each_moment(Path(sys.argv[1]), "intelligence.db", live)
