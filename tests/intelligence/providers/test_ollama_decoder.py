"""What Ollama's lines may hold."""

from typing import Any

import pytest

from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta, Usage

from .frames import decode, line, ollama, ollama_decoder


def test_thinking_is_reasoning_and_order_is_kept() -> None:
    body = [
        ollama(),
        line(message={"content": "", "thinking": "hm"}),
        line(message={"content": "a", "thinking": "so"}),
        line(message={"content": "b"}, done=True, done_reason="length", model="m:1b"),
    ]
    assert decode(ollama_decoder(), b"".join(body)) == [
        ReasoningDelta("hmso"),
        TextDelta("ab"),
        Finished("length", "length", None, "m:1b"),
    ]


@pytest.mark.parametrize(
    ("stats", "usage"),
    [
        ({}, None),
        ({"eval_count": 5}, Usage(None, 5)),
        ({"prompt_eval_count": 0, "eval_count": 5}, Usage(0, 5)),
        ({"prompt_eval_count": 7, "eval_count": 5}, Usage(7, 5)),
    ],
)
def test_counts_that_are_absent_are_unknown(stats: dict[str, int], usage: Usage | None) -> None:
    finished = decode(ollama_decoder(), ollama("a"), line(done=True, done_reason="stop", **stats))[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == usage


@pytest.mark.parametrize(
    ("stats", "busy"),
    [
        ({}, None),
        ({"total_duration": 9_000_000_000, "load_duration": 8_000_000_000}, None),
        ({"load_duration": 8_000_000_000, "prompt_eval_duration": 500_000_000, "eval_duration": 2_000_000_000}, 2.5),
        ({"eval_duration": 2_000_000_000}, 2.0),
        ({"prompt_eval_duration": None, "eval_duration": 1_500_000_000}, 1.5),
        ({"eval_duration": -1}, None),
        ({"eval_duration": "long"}, None),
    ],
)
def test_busy_is_reading_and_writing_without_loading(stats: dict[str, Any], busy: float | None) -> None:
    finished = decode(ollama_decoder(), ollama("a"), line(done=True, done_reason="stop", **stats))[-1]
    assert isinstance(finished, Finished)
    assert finished.busy_seconds == busy


@pytest.mark.parametrize("name", ["prompt_eval_count", "eval_count", "eval_duration"])
def test_a_number_that_makes_no_sense_costs_no_answer(name: str) -> None:
    last = line(done=True, done_reason="stop", model="m:1b", **{name: "many"})
    assert decode(ollama_decoder(), ollama("a"), last) == [TextDelta("a"), Finished("stop", "stop", None, "m:1b")]


@pytest.mark.parametrize(
    ("given", "ours"), [("stop", "stop"), ("length", "length"), ("unload", "other"), ("", "other")]
)
def test_every_done_reason_has_a_meaning(given: str, ours: str) -> None:
    finished = decode(ollama_decoder(), ollama("a"), line(done=True, done_reason=given))[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.raw_reason) == (ours, given or None)


def test_a_null_is_as_good_as_a_field_left_out() -> None:
    body = line(message={"content": "a", "thinking": None}, done=False, done_reason=None) + line(
        message={"content": None}, done=True, done_reason=None, eval_count=None
    )
    assert decode(ollama_decoder(), body) == [TextDelta("a"), Finished("other", None, None, None)]


def test_nothing_after_the_done_line_is_read() -> None:
    body = ollama("a") + line(done=True, done_reason="stop") + line(error="too late")
    assert isinstance(decode(ollama_decoder(), body)[-1], Finished)
