"""Whenever the service is killed, at its next start no message, key, quota, reservation or ledger is half there."""

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from services.intelligence.app.store.quotas import LEASE_MICROS
from tests.support.databases import MadeDatabase, in_folder
from tests.support.dying import killed_at_each_moment

from .dying import BEGUN, KEY, TOLD, WHOLE, served
from .world import USER, Client, World, data_of, text_of


class Left:
    """What a dead process has left in its folder, read from outside."""

    def __init__(self, folder: Path) -> None:
        seen = (folder / "seen").read_text().splitlines() if (folder / "seen").exists() else []
        self.seen = {line["what"]: line.get("id") for line in map(json.loads, seen)}
        self._path = folder / "intelligence.db"

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(sql, parameters).fetchall()

    def used(self, subject: str, unit: str) -> tuple[int, int]:
        """(settled, still reserved)."""
        [(settled,)] = self.rows(
            "SELECT coalesce(sum(used), 0) FROM quota_usage WHERE subject = ? AND unit = ?", subject, unit
        )
        [(held,)] = self.rows(
            "SELECT coalesce(sum(amount), 0) FROM quota_holds WHERE subject = ? AND unit = ?", subject, unit
        )
        return settled, held

    def signature(self) -> str:
        """All that a start could tell one state from another by: what is stored, but for ids and times."""
        kept = (
            "SELECT input_text, output_text, status, local_only, tokens_used, provider, route IS NULL FROM prompts",
            "SELECT count(*) FROM sessions",
            "SELECT count(*) FROM idempotency_keys",
            "SELECT count(*) FROM facts_to_keep",
            "SELECT subject, unit, amount FROM quota_holds",
            "SELECT subject, unit, used FROM quota_usage",
            "SELECT message_id IS NULL, attempt, provider, outcome, input_tokens, output_tokens FROM ledger",
        )
        return repr([sorted(self.rows(sql), key=repr) for sql in kept] + [sorted(self.seen)])

    def ledger(self, where: str = "TRUE") -> Counter[str | None]:
        """How many calls of each message there are."""
        return Counter(message for (message,) in self.rows(f"SELECT message_id FROM ledger WHERE {where}"))


async def looked_at(client: Client, left: Left) -> dict[str, dict[str, Any]]:
    """The messages as their user finds them: each is whole in all places, or in none."""
    sessions = (await client.call("GET", "/api/chat/sessions")).body["sessions"]
    prompts = [prompt for session in sessions for prompt in await client.prompts(session["id"])]
    assert len(prompts) == len(sessions), "a session without its message"
    for prompt in prompts:
        assert prompt["status"] in {"complete", "interrupted"}
        assert WHOLE.startswith(prompt["output_text"])
        assert prompt["output_text"] == WHOLE or prompt["status"] == "interrupted"
        route = await client.route(prompt["id"])
        assert len(route["attempts"]) == left.ledger()[prompt["id"]], "the route and the ledger tell different calls"
        assert bool(prompt["tokens_used"]) == bool(left.ledger()[prompt["id"]])
    return {prompt["input_text"]: prompt for prompt in prompts}


def account_is_right(left: Left, prompts: dict[str, dict[str, Any]]) -> None:
    """What was used, what is reserved, and what the ledger has."""
    told, asked = prompts.get(TOLD), prompts.get("Who is it?")
    keys = [key for (key,) in left.rows("SELECT prompt_id FROM idempotency_keys")]
    assert keys == ([] if told is None else [told["id"]]), "the key is stored with its message"
    learnt = [prompt for (prompt,) in left.rows("SELECT prompt_id FROM facts_to_keep")]
    assert learnt == keys, "and so is what it asks to be remembered"

    [(tokens,)] = left.rows("SELECT coalesce(sum(input_tokens + output_tokens), 0) FROM ledger")
    assert left.used(f"user:{USER}", "tokens")[0] == tokens, "the user's tokens are those of the ledger"
    ended = [prompt for prompt in (told, asked) if prompt is not None and left.ledger()[prompt["id"]]]
    assert left.used(f"user:{USER}", "messages")[0] == len(ended) + (None in left.ledger())
    [(of_gemini,)] = left.rows(
        "SELECT coalesce(sum(input_tokens + output_tokens), 0) FROM ledger WHERE provider = 'gemini'"
    )
    settled, held = left.used("provider:gemini", "tokens")
    assert settled + held >= of_gemini, "a provider has used more than was ever counted"


def nothing_is_reserved_beyond_its_lease(left: Left) -> None:
    [(newest,)] = left.rows("SELECT max(created_at) FROM prompts")
    for (until,) in left.rows("SELECT until FROM quota_holds"):
        assert newest is not None
        assert until - newest <= LEASE_MICROS + 60_000_000


def nothing_is_lost_that_was_seen(left: Left, prompts: dict[str, dict[str, Any]]) -> None:
    told, asked = prompts.get(TOLD), prompts.get("Who is it?")
    if "handed on" in left.seen:
        assert told is not None
        assert (told["id"], told["status"]) == (left.seen["handed on"], "complete")
    if "broken off" in left.seen:
        assert asked is not None
        assert (asked["id"], asked["output_text"][: len(BEGUN)]) == (left.seen["broken off"], BEGUN)
    if "gone on with" in left.seen:
        assert asked is not None
        assert asked["status"] == "complete"
    if "completed" in left.seen:
        assert left.ledger()[None] == 1
        assert left.used(f"user:{USER}", "messages")[1] == 0


async def works_as_ever(world: World, client: Client, left: Left) -> None:
    """The same again: what was answered is given again, what was not is answered, and all is counted once."""
    # As if a lease had passed since.
    left.rows("UPDATE quota_holds SET until = until - ?", LEASE_MICROS)
    world.ollama.default = world.gemini.default
    events = await client.having(KEY).events(TOLD)
    assert data_of(events[-1])["done"] is True
    assert text_of(events) in {WHOLE, "Gemini speaking."}
    [(message_id,)] = left.rows("SELECT prompt_id FROM idempotency_keys")
    assert message_id == data_of(events[0])["message_id"]
    assert len(left.rows("SELECT id FROM prompts WHERE input_text = ? AND status = 'complete'", TOLD)) == 1
    quotas = {quota["unit"]: quota["used"] for quota in (await client.call("GET", "/api/usage")).body["quotas"]}
    for unit, used in quotas.items():
        assert used == left.used(f"user:{USER}", unit)[0], "what a dead process had reserved still counts"


async def test_whenever_it_is_killed_nothing_is_half_there(database: MadeDatabase) -> None:
    folders = await killed_at_each_moment("tests.intelligence.api.dying", database.folder)
    # Where the same was left, the same comes of it.
    different = {left.signature(): (folder, left) for folder, left in ((folder, Left(folder)) for folder in folders)}
    for folder, left in different.values():
        async with World(in_folder(folder)) as world:
            client = await served(world)
            prompts = await looked_at(client, left)
            account_is_right(left, prompts)
            nothing_is_reserved_beyond_its_lease(left)
            nothing_is_lost_that_was_seen(left, prompts)
            await works_as_ever(world, client, left)

    assert set(Left(folders[-1]).seen) == {"handed on", "broken off", "gone on with", "completed"}
    assert len(folders) > 30
    assert len(different) > 10
