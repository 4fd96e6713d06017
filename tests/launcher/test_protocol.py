"""One write for all that is sent in one turn of the event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

from novacore.protocol import CoalescingTransport


class Recorder(asyncio.Transport):
    """What reaches the socket."""

    def __init__(self) -> None:
        super().__init__()
        self.did: list[Any] = []
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.did.append(bytes(data))

    def close(self) -> None:
        self.did.append("close")
        self.closing = True

    def abort(self) -> None:
        self.did.append("abort")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0


class Turn:
    """The loop's next turn, taken when the test says so."""

    def __init__(self) -> None:
        self._soon: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self._soon.append(callback)

    def take(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            callback()


def connected() -> tuple[CoalescingTransport, Recorder, Turn]:
    recorder, turn = Recorder(), Turn()
    return CoalescingTransport(recorder, turn.call_soon), recorder, turn


def test_what_is_written_in_one_turn_is_sent_in_one_write_and_in_order() -> None:
    transport, recorder, turn = connected()
    transport.write(b"head ")
    transport.write(b"body ")
    transport.write(b"end")

    assert recorder.did == []
    assert transport.get_write_buffer_size() == len(b"head body end")

    turn.take()
    transport.write(b"next")
    turn.take()

    assert recorder.did == [b"head body end", b"next"]


def test_closing_sends_what_was_written_first() -> None:
    transport, recorder, turn = connected()
    transport.write(b"goodbye")
    transport.close()
    turn.take()

    assert recorder.did == [b"goodbye", "close"]


def test_aborting_sends_nothing_more() -> None:
    transport, recorder, turn = connected()
    transport.write(b"never")
    transport.abort()
    turn.take()

    assert recorder.did == ["abort"]


def test_nothing_is_written_to_a_connection_that_the_other_side_has_closed() -> None:
    transport, recorder, turn = connected()
    transport.write(b"too late")
    recorder.closing = True
    turn.take()

    assert recorder.did == []
