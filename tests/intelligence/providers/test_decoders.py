"""From frames to deltas: what holds for the streams of all providers."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.domain.events import Finished, TextDelta
from services.intelligence.app.services.providers.decoding import StreamDecoder

from .frames import (
    anthropic,
    anthropic_decoder,
    anthropic_end,
    decode,
    event,
    failure,
    gemini,
    gemini_decoder,
    line,
    ollama,
    ollama_decoder,
    openai,
    openai_decoder,
)

GOOD: dict[str, tuple[Callable[[], StreamDecoder], bytes, bytes, bytes]] = {
    "ollama": (
        ollama_decoder,
        ollama("one"),
        ollama(" two"),
        line(message={"content": ""}, done=True, done_reason="stop"),
    ),
    "openai": (openai_decoder, openai({"content": "one"}), openai({"content": " two"}), openai(finish="stop")),
    "gemini": (
        gemini_decoder,
        gemini({"text": "one"}),
        gemini({"text": " two"}),
        gemini({"text": ""}, finish="STOP"),
    ),
    "anthropic": (anthropic_decoder, anthropic("one"), anthropic(" two"), anthropic_end()),
}
EVERY = pytest.mark.parametrize("name", GOOD)


@EVERY
def test_pieces_of_one_read_leave_as_one_delta(name: str) -> None:
    make, one, two, end = GOOD[name]
    deltas = decode(make(), one + two + end)
    assert deltas[0] == TextDelta("one two")
    assert isinstance(deltas[1], Finished)
    assert len(deltas) == 2


@EVERY
def test_pieces_of_two_reads_are_not_held_back(name: str) -> None:
    make, one, two, _end = GOOD[name]
    decoder = make()
    assert decoder.feed(one) == [TextDelta("one")]
    assert decoder.feed(two) == [TextDelta(" two")]


@EVERY
def test_an_end_without_the_terminal_mark_is_truncated(name: str) -> None:
    make, one, two, _end = GOOD[name]
    assert failure(make(), one, two).reason == "truncated"


@EVERY
def test_a_body_without_a_byte_is_truncated(name: str) -> None:
    assert failure(GOOD[name][0]()).reason == "truncated"


@EVERY
@pytest.mark.parametrize(
    "bad",
    [
        b"{not json",
        b'{"done":"perhaps","choices":3,"candidates":3}',
        b"[1,2]",
        b"null",
        b"\xff\xfe",
        b'{"x":' + b"[" * 50_000,
    ],
)
def test_one_bad_frame_in_a_good_stream_is_skipped_and_counted(name: str, bad: bytes) -> None:
    make, one, two, end = GOOD[name]
    frame = bad + b"\n" if name == "ollama" else b"data: " + bad + b"\n\n"
    *said, finished = decode(make(), one, frame, two, end)
    assert said == [TextDelta("one"), TextDelta(" two")]
    assert isinstance(finished, Finished)
    assert finished.skipped_frames == 1


@EVERY
def test_bad_frames_and_nothing_else_are_malformed(name: str) -> None:
    make, *_ = GOOD[name]
    assert failure(make(), b"<!DOCTYPE html>\n<html>\n<body>\nSign in\n</body></html>").reason == "malformed"
    assert failure(make(), b"data: {oops\n\ndata: [DONE]\n\n").reason == "malformed"


@EVERY
def test_a_frame_of_endless_size_is_malformed(name: str) -> None:
    make, *_ = GOOD[name]
    assert failure(make(), *[b"data: " + b"x" * 4_000_000] * 5).reason == "malformed"


@EVERY
def test_an_answer_without_a_word_is_empty(name: str) -> None:
    make, _one, _two, end = GOOD[name]
    assert failure(make(), end).reason == "empty"


@EVERY
def test_fields_that_nobody_knows_are_ignored(name: str) -> None:
    make, *frames = GOOD[name]
    grown = [frame.replace(b"{", b'{"brand_new": {"deep": [1, null]}, ', 1) for frame in frames]
    assert decode(make(), *grown) == decode(make(), *frames)


@EVERY
def test_a_last_frame_without_a_line_end_counts(name: str) -> None:
    make, one, two, end = GOOD[name]
    assert isinstance(decode(make(), one, two, end.rstrip())[-1], Finished)


@EVERY
def test_an_empty_error_field_is_no_error(name: str) -> None:
    make, *frames = GOOD[name]
    for nothing in (b"null", b'""', b"{}"):
        quiet = [frame.replace(b"{", b'{"error": ' + nothing + b", ", 1) for frame in frames]
        assert decode(make(), *quiet) == decode(make(), *frames)


@EVERY
def test_text_before_an_error_in_the_same_read_is_kept(name: str) -> None:
    make, one, two, _end = GOOD[name]
    error = line(error="broke") if name == "ollama" else event({"error": {"message": "broke"}})
    decoder = make()
    assert decoder.feed(one + two + error) == [TextDelta("one two")]
    assert decoder.failure is not None
    assert decoder.failure.detail == "broke"


@EVERY
@settings(deadline=None, derandomize=True, max_examples=40)
@given(data=st.data())
def test_every_way_to_cut_a_stream_gives_the_same_answer(name: str, data: st.DataObject) -> None:
    make, *_ = GOOD[name]
    texts = data.draw(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6))
    frames: dict[str, Callable[[str], bytes]] = {
        "ollama": ollama,
        "openai": lambda text: openai({"content": text}),
        "gemini": lambda text: gemini({"text": text}),
        "anthropic": anthropic,
    }
    body = b"".join(frames[name](text) for text in texts) + GOOD[name][3]
    if data.draw(st.booleans()) and name != "ollama":
        body = body.replace(b"\n", b"\r\n")
    edges = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[start:end] for start, end in zip([0, *edges], [*edges, len(body)], strict=True)]
    deltas = decode(make(), *pieces)
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == "".join(texts)
    assert isinstance(deltas[-1], Finished)


@EVERY
@settings(deadline=None, derandomize=True, max_examples=60)
@given(noise=st.binary(max_size=200), at=st.integers(0, 3))
def test_no_bytes_at_all_make_a_decoder_raise_anything_but_a_provider_error(name: str, noise: bytes, at: int) -> None:
    make, *frames = GOOD[name]
    frames.insert(at, noise)
    decoder = make()
    for frame in frames:
        if not decoder.over:
            decoder.feed(frame)
    decoder.close()
