"""The events of one running answer, kept for readers that follow at their own pace and come back when they left."""

import asyncio
from collections.abc import AsyncIterator, Callable

from novakit import sse

HEARTBEAT_SEC = 15.0

CallLater = Callable[..., asyncio.TimerHandle]


class EventLog:
    """Encoded events; the n-th has the id ``first_place`` + n. ``ended``: there will be no more."""

    def __init__(self, first_place: int = 0) -> None:
        self.ended = False
        self.first_place = first_place
        self._frames: list[bytes] = []
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def last_id(self) -> int:
        """The id of the last event."""
        return self.first_place + len(self._frames)

    @property
    def next_id(self) -> int:
        """The id of the next event."""
        return self.last_id + 1

    def append(self, frame: bytes) -> None:
        """Add an event, encoded with ``next_id``."""
        self._frames.append(frame)
        self.wake()

    def end(self) -> None:
        """The last event was added."""
        self.ended = True
        self.wake()

    def since(self, place: int) -> bytes:
        """All events after the one with this id, joined; with 0 all that there are."""
        new = self._frames[max(0, place - self.first_place) :]
        return new[0] if len(new) == 1 else b"".join(new)

    async def change(self) -> None:
        """Return once somebody has called ``wake``."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def wake(self) -> None:
        """Let every reader look again."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)


class Reader:
    """One reader of a log, who has it up to the id ``place``. Whoever knows that it has gone says so by ``leave``."""

    def __init__(self, log: EventLog, place: int, call_later: CallLater) -> None:
        self._log = log
        self._place = place
        self._call_later = call_later
        self._left = False

    def leave(self) -> None:
        """The reader is gone: ``read`` ends."""
        self._left = True
        self._log.wake()

    async def read(self) -> AsyncIterator[bytes]:
        """A heartbeat with all events so far, then each event as it comes, joined where several came."""
        log = self._log
        beat = _Heartbeat(self._call_later, log.wake)
        try:
            first = log.since(self._place)
            self._place = log.last_id
            yield sse.HEARTBEAT + first
            while not self._left:
                if self._place < log.last_id:
                    new = log.since(self._place)
                    self._place = log.last_id
                    yield new
                elif log.ended:
                    return
                elif beat.due():
                    yield sse.HEARTBEAT
                else:
                    await log.change()
        finally:
            beat.stop()


class _Heartbeat:
    """Says when a comment is due. One timer a reader, not one an event."""

    def __init__(self, call_later: CallLater, wake: Callable[[], None]) -> None:
        self._call_later = call_later
        self._wake = wake
        self._due = False
        self._timer = call_later(HEARTBEAT_SEC, self._tick)

    def due(self) -> bool:
        due, self._due = self._due, False
        return due

    def stop(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        self._due = True
        self._wake()
        self._timer = self._call_later(HEARTBEAT_SEC, self._tick)
