"""Server-sent events, as the HTML standard has them."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from novakit import sse
from novakit.sse import Decoder, EventTooLargeError, LineSplitter


def decoded(stream: bytes, *cuts: int) -> list[sse.Event]:
    """The events of a stream that arrives in pieces."""
    edges = [0, *sorted(cuts), len(stream)]
    decoder = Decoder()
    events = [event for start, end in itertools.pairwise(edges) for event in decoder.feed(stream[start:end])]
    return events + decoder.close()


def test_a_frame_has_its_id_its_name_and_its_data() -> None:
    assert sse.encode(b'{"a":1}', event_id=7) == b'id: 7\ndata: {"a":1}\n\n'
    assert sse.encode(b"{}", event_id=8, name="route") == b"id: 8\nevent: route\ndata: {}\n\n"


def test_what_was_encoded_is_decoded() -> None:
    stream = sse.encode(b"one", event_id=1, name="start") + sse.HEARTBEAT + sse.encode(b"two", event_id=2)
    assert decoded(stream) == [sse.Event("one", "start", "1"), sse.Event("two", "message", "2")]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_every_kind_of_line_end_is_understood_wherever_the_reads_fall(end: bytes) -> None:
    lines = [b": hi", b"event: a", b"data: one", b"data: two", b"", b"data:three", b"id: 9", b"", b""]
    stream = end.join(lines)
    wanted = [sse.Event("one\ntwo", "a"), sse.Event("three", "message", "9")]
    assert decoded(stream) == wanted
    for cut in range(len(stream) + 1):
        assert decoded(stream, cut, cut) == wanted, cut
    assert decoded(stream, *range(len(stream))) == wanted


def test_line_ends_may_be_mixed() -> None:
    assert decoded(b"data: a\r\n\ndata: b\r\rdata: c\n\r\n") == [sse.Event("a"), sse.Event("b"), sse.Event("c")]


@settings(derandomize=True, deadline=None)
@given(
    st.binary(max_size=60).map(lambda data: data.replace(b"\x00", b"\r\n")), st.lists(st.integers(0, 60), max_size=5)
)
def test_lines_do_not_depend_on_where_the_reads_fall(stream: bytes, cuts: list[int]) -> None:
    whole = LineSplitter()
    wanted = whole.feed(stream) + whole.close()
    pieces = LineSplitter()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    lines = [line for start, end in itertools.pairwise(edges) for line in pieces.feed(stream[start:end])]
    assert lines + pieces.close() == wanted


def test_separators_that_are_no_line_ends_stay_in_the_data() -> None:
    text = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"
    assert decoded(f"data: {text}\n\n".encode()) == [sse.Event(text)]


def test_a_byte_order_mark_counts_at_the_very_start_alone() -> None:
    mark = b"\xef\xbb\xbf"
    stream = mark + b"data: a\n\ndata: b\n\n" + mark + b"data: c\n\n"
    for cut in range(8):
        decoder = Decoder()
        items = [*decoder.items(stream[:cut]), *decoder.items(stream[cut:])]
        assert items == [sse.Event("a"), sse.Event("b"), mark + b"data: c"]


def test_comments_and_retry_say_nothing() -> None:
    decoder = Decoder()
    assert decoder.items(b":\n\n: ping\n:data: x\nretry: 3000\n\ndata: a\n\n") == [sse.Event("a")]


def test_one_space_after_the_colon_is_taken_off() -> None:
    assert decoded(b"data:  a\n\n") == [sse.Event(" a")]
    assert decoded(b"data:a\n\n") == [sse.Event("a")]


def test_a_data_line_without_a_colon_is_an_empty_line_of_data() -> None:
    assert decoded(b"data\ndata\n\n") == [sse.Event("\n")]


def test_an_event_without_data_is_none_and_its_name_is_forgotten() -> None:
    assert decoded(b"event: a\n\ndata: b\n\n") == [sse.Event("b")]


def test_an_empty_name_means_message() -> None:
    assert decoded(b"event:\ndata: a\n\n") == [sse.Event("a", "message")]


def test_an_event_that_is_not_closed_by_a_blank_line_comes_at_the_end() -> None:
    for stream in (b"data: a\n\ndata: b", b"data: a\n\ndata: b\n", b"data: a\n\ndata: b\r"):
        assert decoded(stream) == [sse.Event("a"), sse.Event("b")]
    assert decoded(b"") == []


def test_lines_that_belong_to_no_event_are_told_in_their_place_to_those_who_ask() -> None:
    stream = b'data: a\n\n{"error": {\n"code": 503}}\ndata: b\n\nlast'
    assert Decoder().feed(stream) == [sse.Event("a"), sse.Event("b")]
    decoder = Decoder()
    assert decoder.items(stream) == [sse.Event("a"), b'{"error": {', b'"code": 503}}', sse.Event("b")]
    assert decoder.last_items() == [b"last"]


def test_bytes_that_are_no_utf_8_are_replaced_and_lose_nothing_else() -> None:
    assert decoded(b"data: a\xffb\n\n") == [sse.Event("a\ufffdb")]


@pytest.mark.parametrize(
    "piece",
    [b"x" * 10, b"data: " + b"x" * 10 + b"\n"],
    ids=["one line", "lines of data"],
)
def test_what_never_ends_is_given_up(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    with pytest.raises(EventTooLargeError, match="longer than 100 bytes"):
        decoded(piece * 20, *range(0, 20 * len(piece), len(piece)))


def test_many_events_are_not_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 100)
    decoder = Decoder()
    assert sum(len(decoder.feed(b"data: 0123456789\n\n")) for _ in range(50)) == 50
