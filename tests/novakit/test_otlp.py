"""Our bytes are read by OpenTelemetry's own classes as what was meant."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from novakit import otlp
from novakit.otlp import CLIENT, INTERNAL, SERVER

from tests.support.collector import spans_of

KINDS = {INTERNAL: "internal", SERVER: "server", CLIENT: "client"}
names = st.text(min_size=1, max_size=20)
values = st.one_of(
    st.text(max_size=300),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.tuples(st.text(max_size=9), st.text(max_size=9)),
)
attributes = st.dictionaries(names, values, max_size=5)
times = st.integers(0, 2**64 - 1)


def hexadecimal(size: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=size, max_size=size).map(bytes.hex)


EVENTS = st.lists(st.tuples(names, times, attributes), max_size=3)


@given(
    ids=st.tuples(hexadecimal(16), hexadecimal(8), st.one_of(st.just(""), hexadecimal(8))),
    name=names,
    kind=st.sampled_from(sorted(KINDS)),
    lasted=st.tuples(times, times),
    shared=attributes,
    more=attributes,
    events=EVENTS,
    failed=st.booleans(),
    resource=attributes,
)
@settings(max_examples=150, deadline=None)
def test_a_span_is_read_as_it_was_meant(
    ids: tuple[str, str, str],
    name: str,
    kind: int,
    lasted: tuple[int, int],
    shared: dict[str, Any],
    more: dict[str, Any],
    events: list[tuple[str, int, dict[str, Any]]],
    failed: bool,
    resource: dict[str, Any],
) -> None:
    span = otlp.encode_span(
        *ids,
        *lasted,
        otlp.encode_kind(name, kind, shared, failed=failed),
        otlp.encode_attributes(more),
        *[otlp.encode_event(*event) for event in events],
    )
    first, second = spans_of(otlp.encode_request(otlp.encode_resource(resource), [span, span]))

    assert first == second
    assert (first.trace_id, first.span_id, first.parent_id) == ids
    assert (first.name, first.kind) == (name, KINDS[kind])
    assert (first.start, first.end) == lasted
    assert (first.failed, first.flags) == (failed, 1)
    assert typed(first.attributes) == typed(shared | more)
    assert typed(first.resource) == typed(resource)
    assert [(event.name, event.at, typed(event.attributes)) for event in first.events] == [
        (name, at, typed(told)) for name, at, told in events
    ]


@given(
    text=st.one_of(st.text(max_size=40), st.integers(0, 20_000).map("x".__mul__)),
    number=st.floats(allow_nan=False),
    integer=st.integers(-(2**63), 2**63 - 1),
)
def test_attributes_of_one_name_are_attributes_like_others(text: str, number: float, integer: int) -> None:
    """Also of every length, which is written before the value and before what it is part of."""
    encoded = {
        "text": otlp.text_attribute("text")(text),
        "number": otlp.number_attribute("number")(number),
        "integer": otlp.integer_attribute("integer")(integer),
    }
    assert encoded == {
        name: otlp.encode_attributes({name: value})
        for name, value in (("text", text), ("number", number), ("integer", integer))
    }


def test_half_a_character_spoils_nothing() -> None:
    """Whatever a server calls its model, the other spans of the batch must arrive."""
    kind = otlp.encode_kind("chat \ud800", CLIENT, {})
    named = otlp.text_attribute("name")("\ud800")
    [read] = spans_of(otlp.encode_request(b"", [otlp.encode_span("ab" * 16, "cd" * 8, "", 1, 2, kind, named)]))
    assert (read.name, read.attributes) == ("chat ?", {"name": "?"})


def typed(found: Any) -> dict[str, tuple[type, Any]]:
    """With the types: True is not 1."""
    return {name: (type(value), value) for name, value in found.items()}
