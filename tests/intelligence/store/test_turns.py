"""What a chat turn reads and writes."""

from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn
from services.intelligence.app.store import instances, turns, unfinished
from services.intelligence.app.store.tables import metadata
from services.intelligence.app.store.turns import (
    HISTORY_TURNS,
    EndedPrompt,
    NewPrompt,
    ParentMissingError,
    PromptStatus,
    SessionEndedError,
    SessionMissingError,
    title_of,
)
from tests.support.databases import BOTH, Portable

USER, OTHER = "user-1", "user-2"


pytestmark = BOTH


class Talk:
    """Writes turns one microsecond after the other."""

    def __init__(self, connection: Portable) -> None:
        self.connection = connection
        self.at = 1_000

    def ask(
        self,
        text: str,
        *,
        session: str | None = "s",
        parent: str | None = None,
        user: str = USER,
        local_only: bool = False,
        at: int | None = None,
        instance: str | None = None,
    ) -> turns.Begun:
        """Begin a turn whose prompt's id is its text; without a session one is made, named ``s``."""
        self.at += 1
        new = NewPrompt(
            prompt_id=text,
            user_id=user,
            text=text,
            local_only=local_only,
            at=at or self.at,
            new_session_id="s",
            session_id=session,
            parent_id=parent,
            instance_id=instance,
        )
        return turns.begin(self.connection, new)

    def answer(self, prompt: str, text: str, status: PromptStatus = "complete", *, model: str | None = "m") -> None:
        """End the turn of that prompt."""
        self.end(prompt, text, status, model=model)

    def end(
        self, prompt: str, text: str, status: PromptStatus, *, model: str | None = "m", instance: str | None = None
    ) -> bool:
        """The same in a process; whether it was stored."""
        self.at += 1
        ended = EndedPrompt(
            prompt_id=prompt,
            session_id="s",
            text=text,
            status=status,
            tokens_used=7,
            latency_ms=8,
            provider="p",
            model=model,
            locality="local",
            route="{}",
        )
        return turns.end(self.connection, ended, self.at, instance)

    def row(self, table: str, key: str) -> Any:
        """One row by its id, None where there is none."""
        columns = list(metadata.tables[table].columns.keys())
        found = self.connection.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE id = ?", (key,)).fetchone()
        return None if found is None else dict(zip(columns, found, strict=True))


@pytest.fixture
def talk(connection: Portable) -> Talk:
    return Talk(connection)


def said(*texts: str) -> tuple[ChatTurn, ...]:
    """Question, answer, question …"""
    return tuple(ChatTurn("assistant" if at % 2 else "user", text) for at, text in enumerate(texts))


def test_a_first_message_makes_its_session(talk: Talk) -> None:
    begun = talk.ask("Hello there", session=None)
    assert begun == turns.Begun("s", session_local_only=False, history=())
    session = talk.row("sessions", "s")
    assert (session["user_id"], session["title"], session["status"], session["local_only"]) == (
        USER,
        "Hello there",
        "active",
        0,
    )
    assert session["created_at"] == session["updated_at"] == 1001
    prompt = talk.row("prompts", "Hello there")
    assert (prompt["session_id"], prompt["parent_id"], prompt["status"], prompt["output_text"]) == (
        "s",
        None,
        "running",
        "",
    )


def test_an_ended_turn_is_stored_whole_and_moves_its_session_up(talk: Talk) -> None:
    talk.ask("q", session=None)
    talk.answer("q", "a")
    prompt = talk.row("prompts", "q")
    assert {name: prompt[name] for name in list(prompt)[5:]} == {
        "output_text": "a",
        "local_only": 0,
        "status": "complete",
        "tokens_used": 7,
        "latency_ms": 8,
        "created_at": 1001,
        "provider": "p",
        "model": "m",
        "locality": "local",
        "route": "{}",
        "instance_id": None,
    }
    session = talk.row("sessions", "s")
    assert (session["updated_at"], session["model_name"]) == (1002, "m")


def test_an_answer_of_nobody_leaves_the_sessions_model(talk: Talk) -> None:
    talk.ask("q", session=None)
    talk.answer("q", "a")
    talk.ask("r")
    talk.answer("r", "sorry", "fallback", model=None)
    assert talk.row("sessions", "s")["model_name"] == "m"


def test_history_is_the_turns_before_oldest_first(talk: Talk) -> None:
    talk.ask("q1", session=None)
    talk.answer("q1", "a1")
    talk.ask("q2")
    talk.answer("q2", "a2")
    begun = talk.ask("q3")
    assert begun.history == said("q1", "a1", "q2", "a2")
    assert talk.row("prompts", "q3")["parent_id"] == "q2"


def test_history_follows_the_parents_of_a_branch(talk: Talk) -> None:
    talk.ask("q1", session=None)
    talk.answer("q1", "a1")
    for branch in ("left", "right"):
        assert talk.ask(branch, parent="q1").history == said("q1", "a1")
        talk.answer(branch, f"a {branch}")
    assert talk.ask("leaf", parent="left").history == said("q1", "a1", "left", "a left")
    assert talk.ask("root again", parent="q1").history == said("q1", "a1")


def test_without_a_parent_a_message_follows_the_latest_one_also_where_the_clock_was_set_back(talk: Talk) -> None:
    talk.ask("b", session=None, at=5_000_000)
    for name, at in (("a", 5_000_000), ("earlier", 4_000_000), ("much earlier", 3), ("later", 9_000_000)):
        talk.ask(name, at=at)
    order = ["b", "a", "earlier", "much earlier", "later"]
    rows = [talk.row("prompts", name) for name in order]
    assert [row["parent_id"] for row in rows] == [None, *order[:-1]]
    times = [row["created_at"] for row in rows]
    assert times == [5_000_000, 5_000_001, 5_000_002, 5_000_003, 9_000_000]


def test_history_reaches_back_only_so_far(talk: Talk) -> None:
    talk.ask("0", session=None)
    for number in range(1, HISTORY_TURNS + 5):
        talk.ask(str(number))
    history = talk.ask("last").history
    assert [turn.text for turn in history] == [str(number) for number in range(5, HISTORY_TURNS + 5)]


@pytest.mark.parametrize("status", ["stopped", "interrupted"])
def test_what_was_said_of_a_broken_answer_is_history(talk: Talk, status: PromptStatus) -> None:
    talk.ask("q1", session=None)
    talk.answer("q1", "half", status)
    assert talk.ask("q2").history == said("q1", "half")


def test_a_fallback_and_an_answer_without_words_are_no_history(talk: Talk) -> None:
    talk.ask("q1", session=None)
    talk.answer("q1", "Nobody answered.", "fallback")
    talk.ask("q2")
    talk.answer("q2", "", "failed")
    assert [(turn.role, turn.text) for turn in talk.ask("q3").history] == [("user", "q1"), ("user", "q2")]


def test_local_messages_are_marked_in_the_history_with_their_answers(talk: Talk) -> None:
    talk.ask("q1", session=None, local_only=True)
    talk.answer("q1", "a1")
    talk.ask("q2")
    assert talk.ask("q3").history == (
        ChatTurn("user", "q1", local_only=True),
        ChatTurn("assistant", "a1", local_only=True),
        ChatTurn("user", "q2"),
    )


def test_a_sessions_lock_holds_while_it_is_there_and_a_messages_own_mark_for_good(
    talk: Talk, connection: Portable
) -> None:
    talk.ask("q1", session=None)
    connection.execute("UPDATE sessions SET local_only = TRUE")
    assert talk.ask("q2").session_local_only
    talk.ask("q3", local_only=True)
    connection.execute("UPDATE sessions SET local_only = FALSE")
    begun = talk.ask("q4")
    assert not begun.session_local_only
    assert [turn.local_only for turn in begun.history] == [False, False, True]


@pytest.mark.parametrize(("session", "user"), [("nowhere", USER), ("s", OTHER)])
def test_an_unknown_session_and_another_users_are_missing(talk: Talk, session: str, user: str) -> None:
    talk.ask("q1", session=None)
    with pytest.raises(SessionMissingError):
        talk.ask("q2", session=session, user=user)
    assert talk.row("prompts", "q2") is None


def test_an_ended_session_takes_no_message(talk: Talk, connection: Portable) -> None:
    talk.ask("q1", session=None)
    connection.execute("UPDATE sessions SET status = 'ended'")
    with pytest.raises(SessionEndedError):
        talk.ask("q2")


def test_a_parent_must_be_of_the_session(talk: Talk, connection: Portable) -> None:
    talk.ask("q1", session=None)
    connection.execute(
        "INSERT INTO sessions (id, user_id, title, status, local_only, created_at, updated_at)"
        " SELECT 't', user_id, title, status, local_only, 1, 1 FROM sessions"
    )
    with pytest.raises(ParentMissingError):
        talk.ask("q2", session="t", parent="q1")
    with pytest.raises(ParentMissingError):
        talk.ask("q2", parent="nowhere")


def test_a_session_without_a_title_gets_its_first_messages_and_keeps_it(talk: Talk, connection: Portable) -> None:
    talk.ask("q1", session=None)
    connection.execute("UPDATE sessions SET title = ''")
    talk.ask("q2")
    talk.ask("q3")
    assert talk.row("sessions", "s")["title"] == "q2"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Hello", "Hello"),
        ("  a \n b\tc ", "a b c"),
        ("one two three four five six seven eight", "one two three four five six seven eight"),
        ("one two three four five six seven eight nine", "one two three four five six seven eight…"),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 59 + "…"),
        ("y" * 58 + " " + "z" * 9, "y" * 58 + "…"),
    ],
)
def test_a_title_is_the_first_words_and_never_long(text: str, title: str) -> None:
    assert title_of(text) == title
    assert len(title) <= 60


def test_a_partial_answer_is_kept_while_the_turn_runs_and_not_after(talk: Talk, connection: Portable) -> None:
    talk.ask("q1", session=None)
    turns.keep_partial(connection, "q1", "half")
    assert talk.row("prompts", "q1")["output_text"] == "half"
    talk.answer("q1", "whole")
    turns.keep_partial(connection, "q1", "half")
    assert talk.row("prompts", "q1")["output_text"] == "whole"


def test_a_process_that_is_late_takes_nothing_from_the_one_that_goes_on_with_its_answer(
    talk: Talk, connection: Portable
) -> None:
    talk.ask("one", session=None, instance="b")
    instances.stop(connection, "one", USER)
    unfinished.reopen(connection, "one", USER, "a")
    turns.keep_partial(connection, "one", "Of b", "b")
    assert not talk.end("one", "Of b", "stopped", model="b", instance="b")
    row = talk.row("prompts", "one")
    assert (row["status"], row["output_text"], talk.row("sessions", "s")["model_name"]) == ("running", "", None)
    turns.keep_partial(connection, "one", "Of", "a")
    assert talk.row("prompts", "one")["output_text"] == "Of"
    assert talk.end("one", "Of a", "complete", model="a", instance="a")
    row = talk.row("prompts", "one")
    assert (row["status"], row["output_text"], row["model"]) == ("complete", "Of a", "a")
