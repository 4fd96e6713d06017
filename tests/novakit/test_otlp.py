"""Our bytes are read by OpenTelemetry's own classes as what was meant."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from novakit import otlp
from novakit.otlp import CLIENT, INTERNAL, SERVER, Span, SpanEvent

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


SPANS = st.builds(
    Span,
    trace_id=hexadecimal(16),
    span_id=hexadecimal(8),
    parent_id=st.one_of(st.just(""), hexadecimal(8)),
    name=names,
    kind=st.sampled_from(sorted(KINDS)),
    start_ns=times,
    end_ns=times,
    attributes=attributes,
    events=st.lists(st.builds(SpanEvent, names, times, attributes), max_size=3),
    error=st.sampled_from(["", "stalled"]),
)


@given(SPANS, attributes)
@settings(max_examples=150, deadline=None)
def test_a_span_is_read_as_it_was_meant(span: Span, resource: dict[str, Any]) -> None:
    body = otlp.encode_request(otlp.encode_resource(resource), [otlp.encode_span(span)] * 2)
    first, second = spans_of(body)

    assert first == second
    assert (first.trace_id, first.span_id, first.parent_id) == (span.trace_id, span.span_id, span.parent_id)
    assert (first.name, first.kind) == (span.name, KINDS[span.kind])
    assert (first.start, first.end) == (span.start_ns, span.end_ns)
    assert (first.failed, first.flags) == (bool(span.error), 1)
    assert typed(first.attributes) == typed(span.attributes)
    assert typed(first.resource) == typed(resource)
    assert [(event.name, event.at, typed(event.attributes)) for event in first.events] == [
        (event.name, event.at_ns, typed(event.attributes)) for event in span.events
    ]


def test_attributes_that_were_encoded_before_are_attributes_like_others() -> None:
    known = otlp.encode_attributes({"a": "b", "yes": True, "one": 1})
    span = Span("ab" * 16, "cd" * 8, "", "x", CLIENT, 1, 2, {"more": 0.5}, encoded=known)
    [read] = spans_of(otlp.encode_request(b"", [otlp.encode_span(span)]))
    assert typed(read.attributes) == typed({"a": "b", "yes": True, "one": 1, "more": 0.5})


def test_half_a_character_spoils_nothing() -> None:
    """Whatever a server calls its model, the other spans of the batch must arrive."""
    span = Span("ab" * 16, "cd" * 8, "", "chat \ud800", CLIENT, 1, 2, {})
    [read] = spans_of(otlp.encode_request(b"", [otlp.encode_span(span)]))
    assert read.name == "chat ?"


def typed(found: Any) -> dict[str, tuple[type, Any]]:
    """With the types: True is not 1."""
    return {name: (type(value), value) for name, value in found.items()}
