"""What is remembered: kept, found, told to its owner alone, and gone when it is forgotten."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from novakit.clock import FakeClock
from novakit.facts import FACT_CHARS
from novakit.identity import TOKEN_HEADER, USER_HEADER, sign

from services.memory.app.config import Settings
from services.memory.app.facts import repository
from services.memory.app.facts.schemas import QUERY_CHARS, RECALL_CHARS
from tests.support.databases import BOTH, ON_SQLITE

from .conftest import SECRET

pytestmark = BOTH

URL = "/api/memory/facts"
USER = "01890000-0000-7000-8000-000000000001"
OTHER = "01890000-0000-7000-8000-000000000002"
SESSION = "01890000-0000-7000-8000-00000000000a"
MESSAGE = "01890000-0000-7000-8000-00000000000b"


class Person:
    """Calls the service on behalf of one user."""

    def __init__(self, client: httpx.AsyncClient, clock: FakeClock, user: str = USER) -> None:
        self._client = client
        self._clock = clock
        self._user = user

    def as_user(self, user: str) -> "Person":
        return Person(self._client, self._clock, user)

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        token = sign(SECRET, issuer="intelligence", audience="memory", wall=self._clock.wall())
        headers: Mapping[str, str] = {TOKEN_HEADER: token, USER_HEADER: self._user}
        return await self._client.request(method, path, headers=headers, json=body)

    async def tell(self, text: str, **fields: Any) -> str:
        """Have it remembered; gives the fact's id."""
        self._clock.advance(1)
        made = await self.call("POST", URL, {"text": text, **fields})
        assert made.status_code in {200, 201}, made.text
        return str(made.json()["id"])

    async def facts(self, query: str = "") -> list[str]:
        """The texts of a list."""
        listed = await self.call("GET", f"{URL}{query}")
        assert listed.status_code == 200, listed.text
        return [fact["text"] for fact in listed.json()["facts"]]

    async def recall(self, text: str, limit: int = 20) -> list[str]:
        """The texts that come to mind."""
        answer = await self.call("POST", "/internal/facts/recall", {"text": text, "limit": limit})
        assert answer.status_code == 200, answer.text
        return [fact["text"] for fact in answer.json()["facts"]]


@pytest.fixture
def person(memory: httpx.AsyncClient, clock: FakeClock) -> Person:
    return Person(memory, clock)


async def test_what_is_told_is_kept_and_listed_newest_first(person: Person) -> None:
    made = await person.call("POST", URL, {"text": "  My cat is called Tom. "})
    told = made.json()

    assert made.status_code == 201
    assert UUID(told.pop("id")).version == 7
    assert told == {
        "text": "My cat is called Tom.",
        "local_only": False,
        "told_in": None,
        "created_at": "2023-11-14T22:13:20Z",
    }
    await person.tell("I live in Bremen.", local_only=True)
    listed = (await person.call("GET", URL)).json()
    assert [(fact["text"], fact["local_only"]) for fact in listed["facts"]] == [
        ("I live in Bremen.", True),
        ("My cat is called Tom.", False),
    ]
    assert (listed["total"], listed["next_cursor"]) == (2, None)


async def test_pages_follow_each_other_without_gap_or_repetition(person: Person) -> None:
    for number in range(5):
        await person.tell(f"Number {number}")
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await person.call("GET", f"{URL}?limit=2{cursor}")).json()
        seen += [fact["text"] for fact in page["facts"]]
        assert page["total"] == 5
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None

    assert seen == [f"Number {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("cursor", ["x", "%00", "MTI=", "LTE6eA==", "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA=="])
async def test_a_cursor_of_ones_own_making_is_refused_by_name(person: Person, cursor: str) -> None:
    answer = await person.call("GET", f"{URL}?cursor={cursor}")

    assert answer.status_code == 422
    assert "cursor" in answer.json()["detail"]


async def test_a_search_takes_the_beginnings_of_words_and_wants_all_of_them(person: Person) -> None:
    await person.tell("My cat is called Tom.")
    await person.tell("My CAT lives in Bremen.")

    assert await person.facts("?q=ca") == ["My CAT lives in Bremen.", "My cat is called Tom."]
    assert await person.facts("?q=cat bre") == ["My CAT lives in Bremen."]
    assert await person.facts("?q=dog") == []
    assert await person.facts("?q=!!!") == []


async def test_the_same_words_are_kept_once_and_what_was_ever_local_stays_local(person: Person) -> None:
    first = await person.call("POST", URL, {"text": "The code is 1234."})
    again = await person.call("POST", URL, {"text": "The code is 1234.", "local_only": True})
    third = await person.call("POST", URL, {"text": "The code is 1234."})

    assert [first.status_code, again.status_code, third.status_code] == [201, 200, 200]
    assert first.json()["id"] == again.json()["id"] == third.json()["id"]
    assert [made.json()["local_only"] for made in (first, again, third)] == [False, True, True]


async def test_what_was_told_in_a_chat_keeps_its_place_and_time(person: Person) -> None:
    body = {"text": "I sing.", "session_id": SESSION, "message_id": MESSAGE, "told_at": 1_600_000_000_000_000}
    made = await person.call("POST", "/internal/facts", body)

    assert made.status_code == 201
    assert made.json()["told_in"] == {"session_id": SESSION, "message_id": MESSAGE}
    assert made.json()["created_at"] == "2020-09-13T12:26:40Z"
    recalled = await person.call("POST", "/internal/facts/recall", {"text": "Do I sing?"})
    assert recalled.json() == {"facts": [{"text": "I sing.", "local_only": False, "session_id": SESSION}]}


async def test_users_do_not_meet_each_other_s_facts(person: Person) -> None:
    fact_id = await person.tell("My cat is called Tom.")
    other = person.as_user(OTHER)

    assert await other.facts() == []
    assert await other.facts("?q=cat") == []
    assert await other.recall("What is my cat called?") == []
    foreign = await other.call("DELETE", f"{URL}/{fact_id}")
    assert (foreign.status_code, foreign.headers["content-type"]) == (404, "application/problem+json")
    assert (await other.call("DELETE", URL)).json() == {"deleted": 0}
    await other.tell("My cat is called Tom.")
    assert await person.facts() == ["My cat is called Tom."]


async def test_a_question_brings_back_what_shares_its_words_best_first(person: Person) -> None:
    await person.tell("The cat eats fish.")
    await person.tell("My sister lives in Rome.")
    await person.tell("My cat is called Tom and eats in the kitchen.")

    assert await person.recall("Where does my sister live?") == ["My sister lives in Rome."]
    assert (await person.recall("What do cats eat? Fish?"))[0] == "The cat eats fish."
    assert len(await person.recall("cat", limit=1)) == 1
    assert await person.recall("What is it that you do with them?") == []


@ON_SQLITE
async def test_a_german_question_is_answered_too(person: Person) -> None:
    await person.tell("Meine Schwester wohnt in Köln.")

    assert await person.recall("In welcher Stadt lebt meine Schwester?") == ["Meine Schwester wohnt in Köln."]
    assert await person.recall("Wie ist das Wetter in Koln?") == ["Meine Schwester wohnt in Köln."]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"text": " "}, "text"),
        ({"text": "x" * (FACT_CHARS + 1)}, f"{FACT_CHARS}"),
        ({"text": "a\0b"}, "NUL"),
        ({"text": 7}, "text"),
        ({"text": "a", "local": True}, "local"),
        ({}, "text"),
    ],
)
async def test_a_fact_that_cannot_be_kept_is_refused_by_name(person: Person, body: object, named: str) -> None:
    answer = await person.call("POST", URL, body)

    assert answer.status_code == 422
    assert named in answer.json()["detail"]
    assert await person.facts() == []


async def test_half_a_character_is_refused(memory: httpx.AsyncClient, person: Person, clock: FakeClock) -> None:
    token = sign(SECRET, issuer="intelligence", audience="memory", wall=clock.wall())
    headers = {TOKEN_HEADER: token, USER_HEADER: USER, "content-type": "application/json"}
    for path in (URL, "/internal/facts/recall"):
        answer = await memory.post(path, headers=headers, content=b'{"text": "a \\ud800 b"}')
        assert answer.status_code == 422


async def test_more_than_is_kept_is_refused_with_the_number(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "MOST_FACTS", 2)
    await person.tell("One.")
    await person.tell("Two.")
    third = await person.call("POST", URL, {"text": "Three."})

    assert third.status_code == 409
    assert "delete some" in third.json()["detail"]
    await person.tell("Two.")
    await person.as_user(OTHER).tell("Three.")
    assert await person.facts() == ["Two.", "One."]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", URL), ("POST", URL), ("DELETE", URL), ("DELETE", f"{URL}/{MESSAGE}"), ("POST", "/internal/facts")],
)
async def test_facts_need_a_service_s_token(memory: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await memory.request(method, path, headers={USER_HEADER: USER})

    assert answer.status_code == 401


async def test_a_long_query_or_question_is_refused(person: Person) -> None:
    assert (await person.call("GET", f"{URL}?q={'x' * (QUERY_CHARS + 1)}")).status_code == 422
    long = {"text": "x" * (RECALL_CHARS + 1)}
    assert (await person.call("POST", "/internal/facts/recall", long)).status_code == 422


async def test_an_id_that_is_none_is_refused_and_an_unknown_one_is_not_found(person: Person) -> None:
    assert (await person.call("DELETE", f"{URL}/x")).status_code == 422
    assert (await person.call("DELETE", f"{URL}/{MESSAGE}")).status_code == 404


def everything_in(folder: Path) -> bytes:
    """Every byte of the database and of the log beside it."""
    return b"".join(file.read_bytes() for file in sorted(folder.glob("memory.db*"))).lower()


@ON_SQLITE
async def test_a_forgotten_fact_is_in_no_list_no_search_and_no_file(settings: Settings, person: Person) -> None:
    kept = await person.tell("My bicycle is green.")
    gone = await person.tell("Zanzibar was wonderfulness. " + "quetzalcoatl " * 50)
    for number in range(30):
        await person.tell(f"Filling {number}, so that the index has several pieces.")
    before = everything_in(settings.novacore_data_dir)
    assert b"zanzibar" in before
    assert b"quetzalcoatl" in before

    assert (await person.call("DELETE", f"{URL}/{gone}")).status_code == 204
    assert (await person.call("DELETE", f"{URL}/{gone}")).status_code == 404
    left = everything_in(settings.novacore_data_dir)
    for word in (b"zanzibar", b"wonderful", b"quetzalcoatl"):
        assert word not in left
    assert b"bicycle" in left
    assert await person.recall("quetzalcoatl") == []

    assert (await person.call("DELETE", URL)).json() == {"deleted": 31}
    left = everything_in(settings.novacore_data_dir)
    for word in (b"bicycl", b"filling", kept.encode()):
        assert word not in left
    assert await person.facts() == []


@ON_SQLITE
async def test_forgetting_leaves_other_people_s_facts_and_the_index_sound(settings: Settings, person: Person) -> None:
    other = person.as_user(OTHER)
    await person.tell("My bicycle is green.")
    await other.tell("My bicycle is blue.")
    await person.call("DELETE", URL)

    assert await other.recall("Which bicycle?") == ["My bicycle is blue."]
    with closing(sqlite3.connect(settings.novacore_data_dir / "memory.db")) as connection:
        connection.execute("INSERT INTO facts_search (facts_search, rank) VALUES ('integrity-check', 1)")


async def test_requests_for_facts_are_counted_by_route_and_never_by_what_they_name(
    memory: httpx.AsyncClient, person: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    fact_id = await person.tell("My bicycle is green.")
    await person.facts("?q=bicycle")
    await person.recall("bicycle")
    await person.call("DELETE", f"{URL}/{fact_id}")
    text = (await memory.get("/metrics")).text

    for route, status in (("facts", 201), ("facts", 200), ("recall", 200), ("fact", 204)):
        assert f'memory_requests_total{{route="{route}",status="{status}"}} 1.0' in text
    said = text + capsys.readouterr().out
    assert fact_id not in said
    assert "bicycle" not in said
