"""Who counts as alive, and what of the others' reaches a process."""

import pytest

from services.intelligence.app.store import instances, turns
from services.intelligence.app.store.instances import LEASE_MICROS
from services.intelligence.app.store.privacy import allow_cloud
from services.intelligence.app.store.turns import NewPrompt
from services.intelligence.app.store.unfinished import NotUnfinishedError, reopen
from tests.support.databases import BOTH, Portable

pytestmark = BOTH
NOW = 1_700_000_000_000_000


def ask(connection: Portable, prompt: str, instance: str | None) -> None:
    new = NewPrompt(
        prompt_id=prompt,
        user_id="u",
        text=prompt,
        local_only=False,
        at=NOW,
        new_session_id=f"session of {prompt}",
        instance_id=instance,
    )
    turns.begin(connection, new)


def status(connection: Portable, prompt: str) -> str:
    return str(connection.execute("SELECT status FROM prompts WHERE id = ?", (prompt,)).fetchone()[0])


def test_what_a_dead_process_left_running_is_interrupted_with_what_was_said(connection: Portable) -> None:
    instances.beat(connection, "dead", NOW)
    instances.beat(connection, "alive", NOW + 1)
    for prompt, instance in (("its own", "dead"), ("another's", "alive"), ("nobody's", None)):
        ask(connection, prompt, instance)
    turns.keep_partial(connection, "its own", "half", "dead")
    assert instances.mark_orphans(connection, NOW) == 1
    assert instances.mark_orphans(connection, NOW + LEASE_MICROS) == 1
    assert [status(connection, prompt) for prompt in ("its own", "another's", "nobody's")] == [
        "interrupted",
        "running",
        "interrupted",
    ]
    assert connection.execute("SELECT output_text FROM prompts WHERE id = 'its own'").fetchone()[0] == "half"


def test_a_process_that_ends_leaves_nothing_running(connection: Portable) -> None:
    instances.beat(connection, "a", NOW)
    instances.beat(connection, "a", NOW + 5)
    ask(connection, "p", "a")
    instances.leave(connection, "a")
    assert instances.mark_orphans(connection, NOW + 6) == 1


def test_where_one_process_serves_at_a_time_all_others_are_dead(connection: Portable) -> None:
    instances.beat(connection, "before", NOW)
    ask(connection, "p", "before")
    instances.leave_all(connection)
    instances.beat(connection, "now", NOW)
    assert instances.mark_orphans(connection, NOW) == 1


def test_a_process_hears_of_the_locks_that_were_set_elsewhere(connection: Portable) -> None:
    ask(connection, "free", "a")
    ask(connection, "locked", "a")
    ask(connection, "another's", "b")
    connection.execute("UPDATE sessions SET local_only = TRUE WHERE id = 'session of locked'")
    assert instances.running(connection, "a") == {"free": frozenset(), "locked": {"session"}}
    allow_cloud(connection, "u", NOW, allowed=False)
    assert instances.running(connection, "a") == {"free": {"user"}, "locked": {"session", "user"}}


def test_an_answer_that_somebody_stops_is_no_longer_its_processs_to_give(connection: Portable) -> None:
    ask(connection, "p", "a")
    instances.stop(connection, "p", "another user")
    assert "p" in instances.running(connection, "a")
    instances.stop(connection, "p", "u")
    assert instances.running(connection, "a") == {}
    assert status(connection, "p") == "stopped"


def test_an_answer_is_gone_on_with_once_and_by_one_process(connection: Portable) -> None:
    ask(connection, "p", "a")
    instances.mark_orphans(connection, NOW)
    reopen(connection, "p", "u", "b")
    assert instances.running(connection, "b") == {"p": frozenset()}
    with pytest.raises(NotUnfinishedError):
        reopen(connection, "p", "u", "c")
