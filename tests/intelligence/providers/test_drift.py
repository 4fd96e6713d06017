"""Our adapters beside the pinned official clients: what both send, and which words both know."""

from dataclasses import replace
from typing import Literal, Optional

import pytest
from pydantic import BaseModel, Field

from . import recordings
from .drift import __main__ as drift
from .drift import requests, words
from .drift.difference import Difference
from .drift.pairs import pairs
from .drift.reasons import ANSWERS, ENTRIES, REQUESTS, entry_of
from .drift.report import Report, report
from .drift.requests import Pair, Sent

PAIRS = {pair.name: pair for pair in pairs()}
VOCABULARIES = {vocabulary.name: vocabulary for vocabulary in words.vocabularies()}


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_sent_is_what_the_official_client_sends_or_there_is_a_reason(name: str) -> None:
    assert [found for found in requests.compare(PAIRS[name]) if entry_of(found) is None] == []


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_word_of_the_official_client_is_known_or_there_is_a_reason(name: str) -> None:
    vocabulary = VOCABULARIES[name]
    assert vocabulary.words
    assert [found for found in words.compare(vocabulary) if entry_of(found) is None] == []


def test_each_reason_to_send_or_to_know_otherwise_is_needed() -> None:
    assert set(report([]).known) == set(ENTRIES) - set(ANSWERS)


def test_a_word_that_nobody_has_explained_is_new() -> None:
    finishes = VOCABULARIES["openai finish reason"]
    found = words.compare(replace(finishes, words=["stop", "tool_calls", "fell_asleep"]))
    assert [difference.what for difference in found if entry_of(difference) is None] == ["fell_asleep"]


def test_each_part_of_a_request_is_compared_on_its_own() -> None:
    ours = Sent("POST", "http://h/chat", {"x-key": "k", "host": "a"}, {"model": "m", "options": {"top": [1, 2]}})
    theirs = Sent("POST", "http://h/v2/chat", {"host": "b"}, {"model": "m", "options": {"top": [1, 3]}, "more": None})
    assert requests.compare(Pair("x", lambda: ours, lambda: theirs)) == [
        Difference("request/x", "body.more", "-", "null"),
        Difference("request/x", "body.options.top.1", "2", "3"),
        Difference("request/x", "header x-key", "k", "-"),
        Difference("request/x", "url", "http://h/chat", "http://h/v2/chat"),
    ]


def test_words_are_found_however_a_type_holds_them() -> None:
    class Ended(BaseModel):
        type: Literal["ended"]
        why: Optional[Literal["bored", "tired"]] = Field(None, alias="whyEnded")  # noqa: UP045 - as clients write it

    assert words.literals(Ended.model_fields["why"].annotation) == ["bored", "tired"]
    assert words.tags(Ended | None) == ["ended"]
    assert words.fields(Ended) == ["type", "whyEnded"]


def test_a_report_has_a_line_for_each_reason_and_for_each_new_difference() -> None:
    known = Difference("request/gemini/plain", "url", "a", "b")
    entry = entry_of(known)
    assert entry in REQUESTS
    assert entry is not None
    told = list(Report({entry: [known, known]}, [Difference("words/x", "y", "one", "other")]).lines())
    assert told == [
        f"  2x  request/gemini/*: url  {entry.why}",
        " NEW  words/x: y             ours is one, theirs is other",
    ]


def test_without_recordings_it_says_so_and_compares_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(recordings.VARIABLE, raising=False)
    assert drift.main() == 0
    told = capsys.readouterr().out
    assert "NOVACORE_RECORDINGS names no folder with recordings" in told
    assert told.endswith(" differences are known, 0 are new\n")


def test_a_new_difference_fails_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    new = Difference("words/x", "y", "one", "other")
    monkeypatch.setattr(drift, "report", lambda _recordings: Report({}, [new]))
    assert drift.main() == 1
    assert "NEW" in capsys.readouterr().out
