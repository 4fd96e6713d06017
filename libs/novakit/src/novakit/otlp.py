"""Spans as OTLP protobuf, the bytes that every OpenTelemetry collector takes over HTTP. Pure.

Field numbers: opentelemetry-proto 1, ``trace/v1/trace.proto``, ``common/v1/common.proto``, ``resource/v1``. The tests
read these bytes with the official classes. Each span is encoded when it is told, which costs two microseconds; the
official library's spans and their encoding cost many times that (docs/decisions/0017).
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

import msgspec

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Attributes: TypeAlias = Mapping[str, Value]

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Kinds of spans."""
_ERROR = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_fixed64 = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack
_times = struct.Struct("<BQBQ").pack


class SpanEvent(msgspec.Struct, frozen=True, gc=False):
    """Something that happened within a span; nanoseconds since 1970."""

    name: str
    at_ns: int
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True, gc=False):
    """One finished span: ids in hexadecimal, times in nanoseconds since 1970, ``error`` its type where it failed.

    ``encoded`` are attributes that ``encode_attributes`` has seen before: most are words out of short lists, which
    whoever makes spans keeps together.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    events: Sequence[SpanEvent] = ()
    error: str = ""
    encoded: bytes = b""


def encode_span(span: Span) -> bytes:
    """A message ``Span``."""
    parent = f"2208{span.parent_id}" if span.parent_id else ""
    parts = [
        bytes.fromhex(f"0a10{span.trace_id}1208{span.span_id}{parent}"),
        _named(span.name, span.kind),
        _times(0x39, span.start_ns, 0x41, span.end_ns),
        span.encoded,
        *_attributes(9, span.attributes),
    ]
    if span.events:
        parts += [_message(11, _event(event)) for event in span.events]
    if span.error:
        parts.append(_FAILED)
    parts.append(_SAMPLED)
    return b"".join(parts)


def encode_attributes(attributes: Attributes) -> bytes:
    """The field ``attributes`` of a span."""
    return b"".join(_attributes(9, attributes))


def encode_request(resource: bytes, spans: Iterable[bytes]) -> bytes:
    """A message ``ExportTraceServiceRequest``; ``resource`` is what ``encode_resource`` gave."""
    return _message(1, resource + _message(2, _SCOPE + b"".join(_message(2, span) for span in spans)))


def encode_resource(attributes: Attributes) -> bytes:
    """The field ``resource`` of ``ResourceSpans``: who tells this."""
    return _message(1, b"".join(_attributes(1, attributes)))


def _event(event: SpanEvent) -> bytes:
    return b"\x09" + _fixed64(event.at_ns) + _text(2, event.name) + b"".join(_attributes(3, event.attributes))


def _attributes(number: int, attributes: Attributes) -> list[bytes]:
    return [_attribute(number, name, value) for name, value in attributes.items()]


def _attribute(number: int, name: str, value: Value) -> bytes:
    """One of them. What comes before the value is kept where there is little of it that differs."""
    if type(value) is str and value.isascii():
        return _before_text(number, name, len(value)) + value.encode()
    if type(value) is float:
        return _before_double(number, name) + _double(value)
    if type(value) is int:
        data = _varint(value & 0xFFFFFFFFFFFFFFFF)
        return _before_int(number, name, len(data)) + data
    return _message(number, _key(name) + _message(2, _value(value)))


@lru_cache(1024)
def _before_text(number: int, name: str, size: int) -> bytes:
    data = _message(number, _key(name) + _message(2, _message(1, bytes(size))))
    return data[: len(data) - size]


@lru_cache(256)
def _before_double(number: int, name: str) -> bytes:
    return _message(number, _key(name) + _message(2, b"\x21" + bytes(8)))[:-8]


@lru_cache(256)
def _before_int(number: int, name: str, size: int) -> bytes:
    return _message(number, _key(name) + _message(2, b"\x18" + bytes(size)))[:-size]


@lru_cache(1024)
def _named(name: str, kind: int) -> bytes:
    return _text(5, name) + _KINDS[kind]


@lru_cache(256)
def _key(name: str) -> bytes:
    return _text(1, name)


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return b"\x10" + _varint(int(value))
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFFFFFFFFFFFFFF)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    return _message(5, b"".join(_message(1, _text(1, text)) for text in value))


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode("utf-8", "replace"))


def _message(number: int, data: bytes) -> bytes:
    size = len(data)
    return _tag(number, _BYTES) + (_SMALL[size] if size < 0x80 else _varint(size)) + data


@lru_cache(64)
def _tag(number: int, kind: int) -> bytes:
    return _varint(number << 3 | kind)


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _SMALL[value]
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


_SMALL = [bytes([value]) for value in range(0x80)]
_SCOPE = _message(1, _text(1, "novacore"))
_KINDS = [b"\x30" + _varint(kind) for kind in range(4)]
_FAILED = _message(15, b"\x18" + _varint(_ERROR))
# The flags of W3C Trace Context: every span that is sent was sampled.
_SAMPLED = _tag(16, _FIXED32) + b"\x01\x00\x00\x00"
