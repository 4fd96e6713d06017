"""What is stored of an answer while it is made."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from services.intelligence.app.domain.events import TextDelta
from services.intelligence.app.services.answers.keeper import KEEP_PARTIAL_EVERY_SEC
from services.intelligence.app.services.answers.turn import SEAM_LINE
from services.intelligence.app.services.orchestrator.walk import Midstream
from tests.intelligence.conversation.world import COMMIT_SEC, Chat
from tests.intelligence.orchestrator.schedules import VISIT, Fleet
from tests.support.scripted import EndsBare, Hangs, Pause, Script
from tests.support.virtual_time import run

KEPT_WITHIN = KEEP_PARTIAL_EVERY_SEC + COMMIT_SEC + 0.001
BEGINNING = "A circuit breaker watches the calls to one provider."
OTHER = "A circuit breaker watches the calls of everyone."
FLEET = Fleet(
    ollama=[(TextDelta(BEGINNING), Pause(2), EndsBare())],
    gemini=[(TextDelta(OTHER), Hangs())],
    openai=[],
    checks={},
    midstream="continue",
    hedge_delay=None,
    threshold=3,
    circuits={},
    request=30.0,
    cold=False,
    load_seconds=0.0,
    loaded_seconds=0.0,
    steps=[],
)


async def stored_after(seconds: float, fleet: Fleet, template: sqlite3.Connection, *, rewinds: bool) -> str:
    """What is durable of the answer so many seconds after its message was taken."""
    chat = Chat(fleet, template, lambda _visit: False)
    VISIT.set(0)
    turn = await chat.ask("What is it?", None, local_only=False, endpoint="stream", rewinds=rewinds)
    await asyncio.sleep(seconds)
    text = chat.stored()[turn.message_id].text
    await chat.conversations.close()
    await chat.writer.aclose()
    return text


def test_words_are_kept_within_a_second_though_no_more_come(template: sqlite3.Connection) -> None:
    hangs: Script = (TextDelta(BEGINNING), Hangs())
    fleet = replace(FLEET, ollama=[hangs])
    assert run(stored_after(KEPT_WITHIN, fleet, template, rewinds=True)) == BEGINNING


@pytest.mark.parametrize(
    ("midstream", "rewinds", "text"),
    [
        ("continue", True, OTHER),
        ("continue", False, BEGINNING + SEAM_LINE + OTHER),
        ("restart", True, OTHER),
        ("restart", False, BEGINNING + SEAM_LINE + OTHER),
    ],
)
def test_so_is_what_takes_their_place(
    midstream: Midstream, rewinds: bool, text: str, template: sqlite3.Connection
) -> None:
    fleet = replace(FLEET, midstream=midstream)
    assert run(stored_after(2 + KEPT_WITHIN, fleet, template, rewinds=rewinds)) == text


def test_so_is_that_they_are_to_be_forgotten(template: sqlite3.Connection) -> None:
    silent: Script = (Hangs(),)
    fleet = replace(FLEET, midstream="restart", gemini=[silent])
    assert run(stored_after(2 + KEPT_WITHIN, fleet, template, rewinds=True)) == ""
