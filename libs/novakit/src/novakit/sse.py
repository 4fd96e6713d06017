"""Server-sent events: frames out, events in. Pure: bytes and values, no sockets.

The format is the WHATWG HTML standard's, section "Server-sent events".
"""

from dataclasses import dataclass

HEARTBEAT = b":\n\n"
MAX_EVENT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name ("message" where the stream gives none), its data, and its id where it had one."""

    data: str
    name: str = "message"
    id: str | None = None


class EventTooLargeError(ValueError):
    """One event grew past MAX_EVENT_BYTES."""


def encode(data: bytes, *, event_id: int, name: str | None = None) -> bytes:
    """One frame. ``data`` must hold no line end, as JSON that was encoded without indentation does not."""
    if name is None:
        return b"id: %d\ndata: %b\n\n" % (event_id, data)
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (event_id, name.encode(), data)


class LineSplitter:
    r"""Cuts a byte stream into lines at ``\n``, ``\r\n`` and ``\r`` alone, wherever the reads fall.

    ``str.splitlines`` would also cut at U+2028 and U+0085, which model answers contain.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their ends."""
        if self._after_cr and chunk:
            self._after_cr = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        data = self._rest + chunk
        if len(data) > MAX_EVENT_BYTES:
            raise EventTooLargeError(f"a line is longer than {MAX_EVENT_BYTES} bytes")
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = data.split(b"\n")
        return self._without_mark(lines)

    def close(self) -> list[bytes]:
        """The last line, where the stream ended without a line end."""
        rest, self._rest = self._rest, b""
        return self._without_mark([rest] if rest else [])

    def _without_mark(self, lines: list[bytes]) -> list[bytes]:
        if self._first and lines:
            self._first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        return lines


class Decoder:
    """Turns the bytes of a stream into its events, incrementally.

    Lines that are no server-sent-event fields are dropped; ``items`` and ``last_items`` tell them as well, in their
    place among the events: some providers append a bare JSON error to an otherwise good stream.
    """

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._data: list[bytes] = []
        self._size = 0
        self._name = "message"
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that this chunk completes."""
        return [item for item in self.items(chunk) if isinstance(item, Event)]

    def close(self) -> list[Event]:
        """The last event, where the stream ended before the blank line that should close it."""
        return [item for item in self.last_items() if isinstance(item, Event)]

    def items(self, chunk: bytes) -> list[Event | bytes]:
        """The events that this chunk completes, and the lines that are no field."""
        return self._take(self._lines.feed(chunk))

    def last_items(self) -> list[Event | bytes]:
        """The same at the end of the stream."""
        return self._take([*self._lines.close(), b""])

    def _take(self, lines: list[bytes]) -> list[Event | bytes]:
        events: list[Event | bytes] = []
        for line in lines:
            if line:
                if not self._field(line):
                    events.append(line)
            elif self._data:
                events.append(Event(b"\n".join(self._data).decode("utf-8", "replace"), self._name, self._id))
                self._data, self._size, self._name = [], 0, "message"
            else:
                self._name = "message"
        return events

    def _field(self, line: bytes) -> bool:
        """Take one field in; false for a line that is none."""
        field, colon, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data" and (colon or line == b"data"):
            self._size += len(value)
            if self._size > MAX_EVENT_BYTES:
                raise EventTooLargeError(f"an event is longer than {MAX_EVENT_BYTES} bytes")
            self._data.append(value)
        elif field == b"event" and colon:
            self._name = value.decode("utf-8", "replace") or "message"
        elif field == b"id" and colon:
            self._id = value.decode("utf-8", "replace")
        else:
            return bool(colon) and field in {b"", b"retry"}
        return True
