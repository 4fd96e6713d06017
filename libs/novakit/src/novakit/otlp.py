"""Spans as OTLP protobuf, the bytes that every OpenTelemetry collector takes over HTTP. Pure.

Field numbers: opentelemetry-proto 1, ``trace/v1/trace.proto``, ``common/v1/common.proto``, ``resource/v1``. The tests
read these bytes with the official classes. A span is put together out of fields that are encoded already, in a
microsecond; the official library's spans and their encoding cost many times that (docs/decisions/0017).
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Attributes: TypeAlias = Mapping[str, Value]

INTERNAL, SERVER, CLIENT = 1, 2, 3
"""Kinds of spans."""
_ERROR = 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MASK = (1 << 64) - 1
_MOST_BYTES = 10
"""Of a varint."""
_fixed64 = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack
_times = struct.Struct("<BQBQ").pack


def encode_span(trace_id: str, span_id: str, parent_id: str, start_ns: int, end_ns: int, *fields: bytes) -> bytes:
    """A message ``Span``: ids in hexadecimal, times in nanoseconds since 1970; one of ``fields`` is from encode_kind.

    ``parent_id`` is empty for the first of a trace.
    """
    ids = f"0a10{trace_id}1208{span_id}2208{parent_id}" if parent_id else f"0a10{trace_id}1208{span_id}"
    return b"".join((bytes.fromhex(ids), _times(0x39, start_ns, 0x41, end_ns), *fields))


def encode_kind(name: str, kind: int, attributes: Attributes, *, failed: bool = False) -> bytes:
    """What many spans share: name, kind, status and flags, and the attributes that are words of short lists.

    Whoever makes spans keeps it for each combination.
    """
    status = _FAILED if failed else b""
    return _text(5, name) + _KINDS[kind] + encode_attributes(attributes) + status + _SAMPLED


def encode_attributes(attributes: Attributes) -> bytes:
    """The field ``attributes`` of a span."""
    return b"".join(_attributes(9, attributes))


def text_attribute(name: str) -> Callable[[str], bytes]:
    """Encodes an attribute whose values differ from span to span."""
    before = lru_cache(256)(lambda size: _before(name, b"", _message(1, bytes(size)), size))

    def encode(value: str) -> bytes:
        data = value.encode("utf-8", "replace")
        return before(len(data)) + data

    return encode


def number_attribute(name: str) -> Callable[[float], bytes]:
    """The same for doubles."""
    before = _before(name, b"\x21", bytes(8), 8)
    return lambda value: before + _double(value)


def integer_attribute(name: str) -> Callable[[int], bytes]:
    """The same for integers of 64 bits."""
    before = [_before(name, b"\x18", bytes(size), size) for size in range(_MOST_BYTES + 1)]

    def encode(value: int) -> bytes:
        data = _varint(value & _MASK)
        return before[len(data)] + data

    return encode


def encode_event(name: str, at_ns: int, attributes: Attributes) -> bytes:
    """The field ``events`` of a span: something that happened within it, so many nanoseconds since 1970."""
    at = b"\x09" + _fixed64(at_ns)
    return _message(11, at + _text(2, name) + b"".join(_attributes(3, attributes)))


def encode_request(resource: bytes, spans: Iterable[bytes]) -> bytes:
    """A message ``ExportTraceServiceRequest``; ``resource`` is what ``encode_resource`` gave."""
    parts = [_SCOPE]
    for span in spans:
        parts += (_before_message(2, len(span)), span)
    # All of it is moved once: there may be hundreds of thousands of bytes.
    within = sum(map(len, parts))
    parts = [resource, _before_message(2, within), *parts]
    return b"".join((_before_message(1, sum(map(len, parts))), *parts))


def encode_resource(attributes: Attributes) -> bytes:
    """The field ``resource`` of ``ResourceSpans``: who tells this."""
    return _message(1, b"".join(_attributes(1, attributes)))


def _attributes(number: int, attributes: Attributes) -> list[bytes]:
    return [_message(number, _text(1, name) + _message(2, _value(value))) for name, value in attributes.items()]


def _before(name: str, tag: bytes, value: bytes, size: int) -> bytes:
    """An attribute of a span up to the last ``size`` bytes, which are its value's own."""
    data = _message(9, _text(1, name) + _message(2, tag + value))
    return data[: len(data) - size]


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return b"\x10" + _varint(int(value))
    if isinstance(value, int):
        return b"\x18" + _varint(value & _MASK)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    return _message(5, b"".join(_message(1, _text(1, text)) for text in value))


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode("utf-8", "replace"))


def _message(number: int, data: bytes) -> bytes:
    return _before_message(number, len(data)) + data


@lru_cache(1024)
def _before_message(number: int, size: int) -> bytes:
    return _tag(number, _BYTES) + _varint(size)


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
