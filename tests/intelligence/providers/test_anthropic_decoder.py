"""What the events of the Messages API may hold."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.errors import ContextTooLong, Refused
from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta, Usage

from .frames import (
    anthropic,
    anthropic_decoder,
    anthropic_end,
    anthropic_start,
    decode,
    event,
    failure,
    named,
)

FULL = {"input_tokens": 7, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 300, "output_tokens": 2}


def ended(*chunks: bytes) -> Finished:
    finished = decode(anthropic_decoder(), *chunks)[-1]
    assert isinstance(finished, Finished)
    return finished


def delta(kind: str, **fields: Any) -> bytes:
    return named("content_block_delta", index=0, delta={"type": kind, **fields})


def test_the_three_counts_of_input_are_added_up() -> None:
    assert ended(anthropic_start(**FULL), anthropic("a"), anthropic_end(usage={"output_tokens": 9})).usage == Usage(
        input_tokens=327, output_tokens=9, cached_tokens=300, cache_write_tokens=20
    )


def test_each_count_is_the_last_that_was_reported() -> None:
    later = {"input_tokens": 8, "cache_read_input_tokens": None, "output_tokens": 5}
    last = {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 4}}
    finished = ended(
        anthropic_start(**FULL),
        anthropic("a"),
        named("message_delta", delta={"stop_reason": None}, usage=later),
        anthropic_end(usage=last),
    )
    assert finished.usage == Usage(328, 12, 4, 300, 20)


def test_an_interrupted_answer_has_the_input_of_its_start_and_no_made_up_output() -> None:
    decoder = anthropic_decoder()
    assert decoder.reported() is None
    decoder.feed(anthropic_start(**FULL) + anthropic("a"))
    assert decoder.reported() == Usage(327, None, None, 300, 20)


def test_counts_that_are_missing_are_unknown() -> None:
    assert ended(anthropic("a"), anthropic_end()).usage is None
    assert ended(anthropic("a"), anthropic_end(usage={"output_tokens": 3})).usage == Usage(None, 3)


@pytest.mark.parametrize("usage", ["many", {"output_tokens": "many"}, [], None, {}])
def test_a_usage_that_makes_no_sense_costs_neither_text_nor_the_usage_before(usage: Any) -> None:
    finished = ended(anthropic_start(**FULL), anthropic("a"), anthropic_end(usage=usage))
    assert (finished.usage, finished.skipped_frames) == (Usage(327, None, None, 300, 20), 0)


def test_a_block_may_begin_with_its_text() -> None:
    thought = named(
        "content_block_start", index=0, content_block={"type": "thinking", "thinking": "hm", "signature": ""}
    )
    said = named("content_block_start", index=1, content_block={"type": "text", "text": "Well"})
    deltas = decode(anthropic_decoder(), thought, said, anthropic(", yes."), anthropic_end())
    assert deltas[:3] == [ReasoningDelta("hm"), TextDelta("Well"), TextDelta(", yes.")]


def test_thinking_is_reasoning() -> None:
    deltas = decode(anthropic_decoder(), delta("thinking_delta", thinking="hm"), anthropic("a"), anthropic_end())
    assert deltas[:2] == [ReasoningDelta("hm"), TextDelta("a")]


@pytest.mark.parametrize(
    "other",
    [
        named("ping"),
        named("brand_new", delta={"type": "text_delta", "text": "x"}),
        named("content_block_stop", index=0),
        named("content_block_start", index=0, content_block={"type": "redacted_thinking", "data": "x"}),
        named(
            "content_block_start", index=0, content_block={"type": "tool_use", "id": "x", "name": "x", "input": {}}
        ),
        delta("signature_delta", signature="x"),
        delta("input_json_delta", partial_json="{"),
        delta("citations_delta", citation={"type": "char_location"}),
        delta("brand_new_delta", text="x"),
        b": a comment\n\n",
    ],
)
def test_what_is_neither_text_nor_thought_is_passed_over(other: bytes) -> None:
    deltas = decode(anthropic_decoder(), other, anthropic("a"), other, anthropic_end())
    assert deltas == [TextDelta("a"), Finished("stop", "end_turn", None, None, 0)]


def test_an_event_is_told_by_its_data_and_not_by_its_name() -> None:
    bare = event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}})
    misnamed = b"event: ping\n" + event({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    assert decode(anthropic_decoder(), bare, misnamed)[0] == TextDelta("a")


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "other"),
        ("tool_use", "other"),
        ("brand_new", "other"),
    ],
)
def test_every_stop_reason_has_a_meaning(given: str, ours: str) -> None:
    finished = ended(anthropic_start(), anthropic("a"), anthropic_end(given))
    assert (finished.reason, finished.raw_reason, finished.model) == (ours, given, "m")


def test_a_context_that_is_full_before_the_first_word_is_too_long() -> None:
    error = failure(anthropic_decoder(), anthropic_start(), anthropic_end("model_context_window_exceeded"))
    assert isinstance(error, ContextTooLong)


@pytest.mark.parametrize("said", [b"", anthropic("Well, "), delta("thinking_delta", thinking="hm")])
def test_a_refusal_is_blocked_with_and_without_text(said: bytes) -> None:
    decoder = anthropic_decoder()
    error = failure(decoder, anthropic_start(**FULL), said, anthropic_end("refusal", usage={"output_tokens": 4}))
    assert isinstance(error, Refused)
    assert error.reason == "blocked"
    assert decoder.reported() == Usage(327, 4, None, 300, 20)


@pytest.mark.parametrize(
    ("details", "detail"),
    [
        (
            {"type": "refusal", "category": "bio", "explanation": "it speaks of the prompt"},
            "the answer was blocked (bio)",
        ),
        ({"type": "refusal", "category": "it speaks of the prompt"}, "the answer was blocked (unnamed)"),
        ({"type": "refusal", "category": None}, "the answer was blocked"),
        (None, "the answer was blocked"),
        ("text", "the answer was blocked"),
    ],
)
def test_a_refusal_names_its_category_and_quotes_nothing(details: Any, detail: str) -> None:
    refusal = named("message_delta", delta={"stop_reason": "refusal", "stop_details": details})
    assert failure(anthropic_decoder(), refusal).detail == detail


def test_a_stop_reason_makes_an_answer_whole_and_message_stop_ends_its_stream() -> None:
    decoder = anthropic_decoder()
    decoder.feed(anthropic("a") + named("message_delta", delta={"stop_reason": None}))
    assert (decoder.whole, decoder.over) == (False, False)
    decoder.feed(named("message_delta", delta={"stop_reason": "end_turn"}))
    assert (decoder.whole, decoder.over) == (True, False)
    decoder.feed(named("message_stop"))
    assert decoder.over


def test_a_message_that_stopped_without_a_reason_is_still_whole() -> None:
    assert ended(anthropic("a"), named("message_stop")) == Finished("other", None, None, None, 0)


@pytest.mark.parametrize("last", [b"", named("content_block_stop", index=0), named("message_delta", delta={})])
def test_an_answer_that_neither_stopped_nor_said_why_is_truncated(last: bytes) -> None:
    assert failure(anthropic_decoder(), anthropic_start(), anthropic("a"), last).reason == "truncated"


def test_an_answer_of_thoughts_alone_is_empty() -> None:
    thought = delta("thinking_delta", thinking="hm")
    assert failure(anthropic_decoder(), thought, anthropic_end("max_tokens")).reason == "empty"


@pytest.mark.parametrize(
    "frame",
    [
        named("error", error={"type": "overloaded_error", "message": "Overloaded", "details": None}, request_id="r"),
        event({"error": {"type": "overloaded_error", "message": "Overloaded"}}),
        event({"type": "error", "error": "Overloaded"}),
        json.dumps({"type": "error", "error": {"type": "x", "message": "Overloaded"}}, indent=2).encode() + b"\n",
    ],
)
def test_an_error_ends_the_answer_after_the_text_before_it(frame: bytes) -> None:
    decoder = anthropic_decoder()
    assert decoder.feed(anthropic_start(**FULL) + anthropic("Well") + frame) == [TextDelta("Well")]
    assert decoder.failure is not None
    assert decoder.failure.detail == "Overloaded"
    assert decoder.reported() == Usage(327, None, None, 300, 20)


def test_an_error_that_says_nothing_is_one_all_the_same() -> None:
    assert failure(anthropic_decoder(), anthropic("a"), named("error", error=None)).reason == "server_error"


def test_a_whole_message_in_place_of_a_stream_is_an_answer() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]
    whole = {"type": "message", "model": "m", "content": blocks, "stop_reason": "end_turn", "usage": FULL}
    for indent in (None, 2):
        assert decode(anthropic_decoder(), json.dumps(whole, indent=indent).encode()) == [
            ReasoningDelta("hm"),
            TextDelta("a"),
            Finished("stop", "end_turn", Usage(327, 2, None, 300, 20), "m"),
        ]
