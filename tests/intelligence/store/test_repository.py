"""Sessions and prompts for the ordinary routes."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator

import pytest

from services.intelligence.app.store.repository import BadCursorError, ChatRepository
from tests.support.databases import BOTH, MadeDatabase, Portable

pytestmark = BOTH
USER, OTHER = "user-1", "user-2"


@pytest.fixture
async def repository(database: MadeDatabase) -> AsyncIterator[ChatRepository]:
    engine = database.database.engine()
    yield ChatRepository(engine)
    await engine.dispose()


async def made(repository: ChatRepository, *sessions: tuple[str, int], user: str = USER, title: str = "t") -> None:
    for session_id, at in sessions:
        await repository.create_session(session_id, user, title, at, local_only=False)


async def ids(repository: ChatRepository, limit: int, query: str | None = None) -> list[list[str]]:
    """The ids of every page."""
    pages: list[list[str]] = []
    cursor: str | None = None
    for _ in range(9):
        page = await repository.list_sessions(USER, limit=limit, cursor=cursor, query=query)
        pages.append([row["id"] for row in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            return pages
    raise AssertionError("the pages do not end")


def asked(connection: Portable, session: str, *prompts: tuple[str, int], user: str = USER) -> None:
    """Store prompts, each the child of the one before."""
    parent = None
    connection.execute("BEGIN")
    for prompt, at in prompts:
        connection.execute(
            "INSERT INTO prompts (id, session_id, parent_id, user_id, input_text, output_text, local_only,"
            " status, tokens_used, latency_ms, created_at) VALUES (?, ?, ?, ?, '', '', FALSE, 'complete', 0, 0, ?)",
            (prompt, session, parent, user, at),
        )
        parent = prompt
    connection.execute("COMMIT")


async def test_a_new_session_is_given_back_as_it_is_stored(repository: ChatRepository) -> None:
    row = await repository.create_session("a", USER, "Trip", 5, local_only=True)
    assert dict(row) == {
        "id": "a",
        "user_id": USER,
        "title": "Trip",
        "folded_title": "trip",
        "status": "active",
        "local_only": True,
        "model_name": None,
        "created_at": 5,
        "updated_at": 5,
        "ended_at": None,
    }
    assert await repository.session("a", USER) == row


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
async def test_pages_have_every_session_once_also_over_equal_times(repository: ChatRepository, limit: int) -> None:
    await made(repository, ("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 2), ("f", 3))
    pages = await ids(repository, limit)
    assert [session for page in pages for session in page] == ["f", "e", "d", "c", "b", "a"]
    assert all(len(page) == limit for page in pages[:-1])
    assert pages[-1]


async def test_no_session_is_one_empty_page(repository: ChatRepository) -> None:
    page = await repository.list_sessions(USER, limit=5, cursor=None, query=None)
    assert (page.rows, page.total, page.next_cursor) == ([], 0, None)


async def test_the_total_counts_all_that_match_on_every_page(repository: ChatRepository) -> None:
    await made(repository, ("a", 1), ("b", 2), ("c", 3))
    await made(repository, ("x", 4), user=OTHER)
    await made(repository, ("d", 4), title="other")
    first = await repository.list_sessions(USER, limit=2, cursor=None, query="t")
    second = await repository.list_sessions(USER, limit=2, cursor=first.next_cursor, query="t")
    assert (first.total, second.total) == (4, 4)
    only = await repository.list_sessions(USER, limit=2, cursor=None, query="OTHER")
    assert (only.total, [row["id"] for row in only.rows]) == (1, ["d"])


@pytest.mark.parametrize(
    ("query", "found"),
    [("STRASSE", True), ("straße", True), ("ÄÖ", True), ("100%", True), ("100_", False), ("%", True), ("/", False)],
)
async def test_titles_are_searched_as_text_whatever_their_case(
    repository: ChatRepository, query: str, found: bool
) -> None:
    await made(repository, ("a", 1), title="Straße äö 100%")
    assert await ids(repository, 5, query) == [["a"] if found else []]


async def test_a_new_title_is_found_and_the_old_one_is_not(repository: ChatRepository) -> None:
    await made(repository, ("a", 1), title="Straße")
    await repository.change_session("a", USER, {"title": "ΣΊΣΥΦΟΣ"})
    assert await ids(repository, 5, "σίσυφος") == [["a"]]
    assert await ids(repository, 5, "strasse") == [[]]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "é",
        urlsafe_b64encode(b"x:a").decode(),
        urlsafe_b64encode(b"-1:a").decode(),
        urlsafe_b64encode(b"9223372036854775808:a").decode(),
        urlsafe_b64encode(b"\xff").decode(),
    ],
)
async def test_a_cursor_that_no_list_has_given_is_refused(repository: ChatRepository, cursor: str) -> None:
    with pytest.raises(BadCursorError):
        await repository.list_sessions(USER, limit=5, cursor=cursor, query=None)


async def test_another_users_rows_are_not_there(repository: ChatRepository, connection: Portable) -> None:
    await made(repository, ("a", 1))
    asked(connection, "a", ("p", 1))
    assert await repository.session("a", OTHER) is None
    assert await repository.prompt("p", OTHER) is None
    assert await repository.change_session("a", OTHER, {"title": "mine"}) is None
    assert not await repository.delete_session("a", OTHER)
    assert (await repository.list_sessions(OTHER, limit=5, cursor=None, query=None)).total == 0
    kept = await repository.session("a", USER)
    assert kept is not None
    assert kept["title"] == "t"
    prompt = await repository.prompt("p", USER)
    assert prompt is not None


async def test_a_change_touches_what_it_names(repository: ChatRepository) -> None:
    await made(repository, ("a", 1), ("b", 1))
    changed = await repository.change_session("a", USER, {"local_only": True})
    assert changed is not None
    assert (changed["title"], changed["local_only"], changed["updated_at"]) == ("t", True, 1)
    other = await repository.session("b", USER)
    assert other is not None
    assert other["local_only"] is False
    assert await repository.change_session("nowhere", USER, {"title": "x"}) is None


async def test_prompts_come_oldest_first_and_by_id_at_equal_times(
    repository: ChatRepository, connection: Portable
) -> None:
    await made(repository, ("a", 1), ("b", 1))
    asked(connection, "a", ("p3", 2), ("p2", 2), ("p1", 3), ("p0", 1))
    asked(connection, "b", ("q", 1))
    assert [row["id"] for row in await repository.prompts_of("a")] == ["p0", "p2", "p3", "p1"]


async def test_deleting_a_session_takes_its_prompts_along_and_no_others(
    repository: ChatRepository, connection: Portable
) -> None:
    await made(repository, ("a", 1), ("b", 1))
    asked(connection, "a", *((f"p{number}", number) for number in range(1500)))
    asked(connection, "b", ("q1", 1), ("q2", 2))
    assert await repository.delete_session("a", USER)
    assert await repository.prompts_of("a") == []
    assert [row["parent_id"] for row in await repository.prompts_of("b")] == [None, "q1"]
    assert not await repository.delete_session("a", USER)


async def test_a_database_that_answers_can_be_told(repository: ChatRepository) -> None:
    await repository.ping()


async def found(repository: ChatRepository, query: str, user: str = USER) -> list[str]:
    """The ids of the sessions that match."""
    page = await repository.list_sessions(user, limit=9, cursor=None, query=query)
    assert page.total == len(page.rows)
    return [row["id"] for row in page.rows]


def say(
    connection: Portable, prompt: str, session: str, said: str, status: str = "complete", user: str = USER
) -> None:
    connection.execute(
        "INSERT INTO prompts (id, session_id, user_id, input_text, output_text, local_only, status, tokens_used,"
        " latency_ms, created_at) VALUES (?, ?, ?, ?, '', FALSE, ?, 0, 0, 1)",
        (prompt, session, user, said, status),
    )


def answered(connection: Portable, prompt: str, text: str, status: str) -> None:
    connection.execute("UPDATE prompts SET output_text = ?, status = ? WHERE id = ?", (text, status, prompt))


async def test_an_answer_is_found_when_it_has_ended_and_as_it_is_now(
    repository: ChatRepository, database: MadeDatabase
) -> None:
    await made(repository, ("a", 1), ("b", 2))
    with database.beside() as connection:
        say(connection, "p", "a", "Which river?", status="running")
        say(connection, "q", "b", "Which mountain?")
        assert await found(repository, "river") == []
        answered(connection, "p", "The Danube and", "interrupted")
        assert await found(repository, "danube") == await found(repository, "which riv dan") == ["a"]
        answered(connection, "p", "The Danube and", "running")
        assert await found(repository, "danube") == []
        answered(connection, "p", "The Rhine", "complete")
        assert (await found(repository, "danube"), await found(repository, "rhine")) == ([], ["a"])
        answered(connection, "p", "The Elbe", "complete")
        assert (await found(repository, "rhine"), await found(repository, "elbe")) == ([], ["a"])
        assert await found(repository, "which") == ["b", "a"]


async def test_what_is_searched_is_the_users_own_and_is_gone_with_its_session(
    repository: ChatRepository, database: MadeDatabase
) -> None:
    await made(repository, ("a", 1), ("b", 2))
    await made(repository, ("c", 3), user=OTHER)
    with database.beside() as connection:
        for prompt, session, user in (("p", "a", USER), ("q", "b", USER), ("r", "c", OTHER)):
            say(connection, prompt, session, "The password is swordfish.", user=user)
    assert await found(repository, "swordfish") == ["b", "a"]
    await repository.delete_session("b", USER)
    assert await found(repository, "swordfish") == ["a"]
    assert await found(repository, "swordfish", OTHER) == ["c"]


async def test_very_long_and_very_odd_texts_are_stored_and_searched(
    repository: ChatRepository, database: MadeDatabase
) -> None:
    await made(repository, ("a", 1))
    with database.beside() as connection:
        say(connection, "p", "a", "first " + "x" * 30_000, status="running")
        words = " ".join(f"w{number:x}" for number in range(300_000))
        answered(connection, "p", f"{words} ' \" * & | ! ( ) : \\ ", "complete")
    for query in ("first", "w0 w1f", "'", "a & b | !c", "w0:*", '"', "NEAR(w0 w1)", "w0) OR (x"):
        assert set(await found(repository, query)) <= {"a"}, query
    assert await found(repository, "first w1f") == ["a"]
