"""What the events of chat completions may hold."""

import json

import pytest

from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta, Usage

from .frames import decode, event, failure, openai, openai_decoder


def test_usage_is_taken_from_wherever_it_comes_and_the_last_counts() -> None:
    early, late = {"prompt_tokens": 1, "completion_tokens": 1}, {"prompt_tokens": 9, "completion_tokens": 4}
    detailed = late | {
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    finished = decode(
        openai_decoder(),
        openai({"content": "a"}, usage=early),
        openai(finish="stop", usage=None),
        event({"choices": [], "usage": detailed}),
        b"data: [DONE]\n\n",
    )[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(9, 4, 2, 3, 5)


def test_a_usage_that_makes_no_sense_costs_neither_text_nor_the_usage_before() -> None:
    good = {"prompt_tokens": 1, "completion_tokens": 1}
    deltas = decode(
        openai_decoder(), openai({"content": "a"}, usage=good), openai({"content": "b"}, "stop", usage="many")
    )
    assert deltas[:2] == [TextDelta("a"), TextDelta("b")]
    assert isinstance(deltas[-1], Finished)
    assert (deltas[-1].usage, deltas[-1].skipped_frames) == (Usage(1, 1), 0)


def test_done_without_a_finish_reason_is_truncated() -> None:
    assert failure(openai_decoder(), openai({"content": "a"}), b"data: [DONE]\n\n").reason == "truncated"


def test_a_stream_is_over_at_done_and_whole_from_the_finish_reason() -> None:
    decoder = openai_decoder()
    decoder.feed(openai({"content": "a"}))
    assert (decoder.whole, decoder.over) == (False, False)
    decoder.feed(openai(finish="stop"))
    assert (decoder.whole, decoder.over) == (True, False)
    decoder.feed(b"data: [DONE]\n\n")
    assert decoder.over


def test_a_refusal_is_refused_after_the_text_before_it_and_in_its_words() -> None:
    decoder = openai_decoder()
    frames = openai({"content": "Well, "}) + openai({"refusal": "I will "}) + openai({"refusal": "not."})
    assert decoder.feed(frames) == [TextDelta("Well, ")]
    assert decoder.feed(openai(finish="stop")) == decoder.close() == []
    assert decoder.failure is not None
    assert (decoder.failure.reason, decoder.failure.said) == ("refused", "I will not.")
    assert "not." not in decoder.failure.detail


def test_a_content_filter_is_blocked_with_and_without_text() -> None:
    assert failure(openai_decoder(), openai(finish="content_filter")).reason == "blocked"
    assert failure(openai_decoder(), openai({"content": "a"}), openai(finish="content_filter")).reason == "blocked"


def test_a_length_without_content_is_empty() -> None:
    assert (
        failure(openai_decoder(), openai({"role": "assistant", "content": ""}), openai(finish="length")).reason
        == "empty"
    )


@pytest.mark.parametrize(
    ("given", "ours"), [("stop", "stop"), ("length", "length"), ("tool_calls", "other"), ("new", "other")]
)
def test_every_finish_reason_has_a_meaning(given: str, ours: str) -> None:
    finished = decode(openai_decoder(), openai({"content": "a"}), openai(finish=given))[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.raw_reason) == (ours, given)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_reasoning_goes_by_either_name(field: str) -> None:
    deltas = decode(openai_decoder(), openai({"content": "", field: "hm"}), openai({"content": "a"}, "stop"))
    assert deltas[:2] == [ReasoningDelta("hm"), TextDelta("a")]


def test_comments_named_events_and_chunks_without_choices_are_passed_over() -> None:
    body = (
        b": OPENROUTER PROCESSING\n\nevent: chunk\n" + event({"choices": []}) + event({"choices": None}) + event({})
    )
    assert decode(openai_decoder(), body, openai({"content": "a"}, "stop"))[0] == TextDelta("a")


def test_only_the_first_of_several_choices_is_heard() -> None:
    two = event({"choices": [{"index": 1, "delta": {"content": "x"}}, {"index": 0, "delta": {"content": "a"}}]})
    assert decode(openai_decoder(), two, openai(finish="stop"))[0] == TextDelta("a")


def test_an_error_beside_choices_is_an_error() -> None:
    assert failure(openai_decoder(), openai({"content": "a"}, "stop", error="gone")).detail == "gone"


def test_a_whole_completion_in_place_of_a_stream_is_an_answer() -> None:
    whole = {"model": "m", "choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]}
    assert decode(openai_decoder(), json.dumps(whole, indent=2).encode()) == [
        TextDelta("a"),
        Finished("stop", "stop", None, "m"),
    ]


def test_a_whole_error_in_place_of_a_stream_is_an_error() -> None:
    for indent in (None, 2):
        whole = json.dumps({"error": {"message": "broke"}}, indent=indent).encode()
        assert failure(openai_decoder(), whole).detail == "broke"
