"""What Gemini's events may hold."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.events import Finished, ReasoningDelta, TextDelta, Usage

from .frames import decode, event, failure, gemini, gemini_decoder


def test_thought_parts_are_reasoning() -> None:
    body = gemini({"text": "hm", "thought": True}, {"text": "a"}) + gemini(
        {"text": "b"}, finish="STOP", modelVersion="v"
    )
    assert decode(gemini_decoder(), body) == [
        ReasoningDelta("hm"),
        TextDelta("ab"),
        Finished("stop", "STOP", None, "v"),
    ]


def test_the_last_usage_counts_and_output_includes_thoughts() -> None:
    first = {"promptTokenCount": 3, "candidatesTokenCount": 1}
    last = first | {"candidatesTokenCount": 5, "thoughtsTokenCount": 7, "cachedContentTokenCount": 2}
    body = gemini({"text": "a"}, usageMetadata=first) + gemini({"text": "b"}, finish="STOP", usageMetadata=last)
    finished = decode(gemini_decoder(), body)[-1]
    assert isinstance(finished, Finished)
    assert finished.usage == Usage(3, 12, 7, 2)


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"promptTokenCount": 3}, Usage(3)),
        ({"promptTokenCount": 3, "thoughtsTokenCount": 4}, Usage(3, 4, 4)),
        ({"promptTokenCount": 3, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 1}, Usage(5, 1)),
        ({"promptTokenCount": "three"}, None),
    ],
)
def test_counts_that_are_absent_are_unknown(counts: dict[str, Any], usage: Usage | None) -> None:
    finished = decode(gemini_decoder(), gemini({"text": "a"}, finish="STOP", usageMetadata=counts))[-1]
    assert isinstance(finished, Finished)
    assert (finished.usage, finished.skipped_frames) == (usage, 0)


def test_a_finish_reason_in_every_event_ends_nothing_and_the_last_counts() -> None:
    body = gemini({"text": "a"}, finish="STOP") + gemini({"text": "b"}, finish="MAX_TOKENS")
    assert decode(gemini_decoder(), body) == [TextDelta("ab"), Finished("length", "MAX_TOKENS")]


@pytest.mark.parametrize(
    "finish",
    [
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "ESCALATION",
    ],
)
def test_a_safety_finish_is_blocked_with_and_without_text(finish: str) -> None:
    assert failure(gemini_decoder(), gemini(finish=finish)).reason == "blocked"
    assert failure(gemini_decoder(), gemini({"text": "a"}), gemini(finish=finish)).reason == "blocked"


@pytest.mark.parametrize(
    "last",
    [
        gemini(finish="SAFETY", usageMetadata={"promptTokenCount": 3}),
        event({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3}}),
    ],
)
def test_what_a_filter_says_counts_at_once_so_that_a_cut_after_it_makes_no_fault_of_it(last: bytes) -> None:
    decoder = gemini_decoder()
    assert decoder.feed(gemini({"text": "a"}) + last) == [TextDelta("a")]
    assert decoder.over
    assert decoder.failure is not None
    assert decoder.failure.reason == "blocked"
    assert decoder.reported() == Usage(3)


@pytest.mark.parametrize(
    ("finish", "ours"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        ("OTHER", "other"),
        ("LANGUAGE", "other"),
        ("MALFORMED_RESPONSE", "other"),
        ("A_REASON_OF_NEXT_YEAR", "other"),
    ],
)
def test_any_other_finish_with_text_is_an_answer_and_without_is_empty(finish: str, ours: str) -> None:
    finished = decode(gemini_decoder(), gemini({"text": "a"}), gemini(finish=finish))[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.raw_reason) == (ours, finish)
    assert failure(gemini_decoder(), gemini(finish=finish)).reason == "empty"


def test_a_limited_account_is_auth() -> None:
    assert failure(gemini_decoder(), gemini(finish="PUP_LIMITED_DISABLED")).reason == "auth"


@pytest.mark.parametrize("feedback", [{"blockReason": "SAFETY"}, {"blockReason": "NEW"}, {}])
@pytest.mark.parametrize("candidates", [{}, {"candidates": []}])
def test_a_prompt_without_candidates_but_with_feedback_is_blocked(feedback: Any, candidates: Any) -> None:
    assert failure(gemini_decoder(), event({**candidates, "promptFeedback": feedback})).reason == "blocked"


@pytest.mark.parametrize(
    "late",
    [
        event({"promptFeedback": {"blockReason": "OTHER"}}),
        gemini({"text": "b"}, promptFeedback={"blockReason": "PROHIBITED_CONTENT"}),
        gemini({"text": "b"}, finish="STOP", promptFeedback={"blockReason": "NEW_IN_2027"}),
    ],
)
def test_a_prompt_that_is_blocked_after_the_first_words_is_blocked(late: bytes) -> None:
    decoder = gemini_decoder()
    assert decoder.feed(gemini({"text": "a"})) == [TextDelta("a")]
    assert decoder.feed(late) == []
    assert decoder.failure is not None
    assert decoder.failure.reason == "blocked"


def test_feedback_beside_an_answer_blocks_nothing() -> None:
    body = event({"promptFeedback": {"safetyRatings": []}}) + gemini({"text": "a"}, finish="STOP")
    assert isinstance(decode(gemini_decoder(), body)[-1], Finished)


def test_no_candidates_and_no_feedback_is_empty() -> None:
    assert failure(gemini_decoder(), event({"usageMetadata": {"promptTokenCount": 3}})).reason == "empty"
    assert failure(gemini_decoder(), event({"candidates": []})).reason == "empty"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ended", [b"", b"\r\n"])
def test_a_bare_error_after_good_events_is_an_error_though_the_stream_stays_open(
    indent: int | None, ended: bytes
) -> None:
    decoder = gemini_decoder()
    bare = json.dumps({"error": {"code": 503, "message": "high demand"}}, indent=indent).encode()
    assert decoder.feed(gemini({"text": "a"}) + bare + ended) == [TextDelta("a")]
    if ended:
        assert decoder.over
    decoder.close()
    assert decoder.failure is not None
    assert (decoder.failure.detail, decoder.failure.status) == ("high demand", 503)


def test_a_bare_error_after_a_stray_line_is_still_an_error() -> None:
    error = json.dumps({"error": {"message": "high demand"}}, indent=2).encode()
    assert failure(gemini_decoder(), gemini({"text": "a"}), b"stray\n", error).detail == "high demand"


def test_line_separators_within_a_text_do_not_split_it() -> None:
    text = "one\u2028two\u2029three\u0085four"
    raw = (
        b"data: "
        + json.dumps(
            {"candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}, ensure_ascii=False
        ).encode()
    )
    assert decode(gemini_decoder(), raw + b"\r\n\r\n")[0] == TextDelta(text)
