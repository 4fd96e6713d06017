"""What is told of requests a moment later, many at a time.

Metrics, log lines and spans run through code and data that nothing else of a request touches. Told of each by itself,
they come into the processor's caches anew each time, which costs twice what the telling does. So a running service
keeps what there is to tell, and tells it together: after ``DELAY_SEC``, once there are ``MOST``, and before anything
that must not come first: any other log line, the answer to a scrape, the end of the process. What needs a person's
eyes is told in the loop's next turn. A process that is killed takes at most the last ``DELAY_SEC`` with it.

Where nobody has called ``put_off``, all is told at once.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVarTuple

from . import logs

DELAY_SEC = 0.25
MOST = 128
"""With 64 telling costs half of what it costs with 4, and with 256 as much as with these. It takes a millisecond."""

What = TypeVarTuple("What")

log = logs.get("later")


class Later:
    """What is to be told in this process; to be used by the thread of its event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Any, ...]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._timer: asyncio.TimerHandle | None = None

    def put_off(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on tell later; to be called in this loop's thread."""
        self._loop, self._thread = loop, threading.get_ident()
        logs.precede(self.catch_up)

    def at_once(self) -> None:
        """Tell what waits, and from now on all at once."""
        self.catch_up()
        self._loop = None

    def tell(self, tell: Callable[[*What], None], *what: *What, soon: bool = False) -> None:
        """Call ``tell`` with that, in its order; ``soon``: in the loop's next turn at the latest."""
        loop = self._loop
        if loop is None:
            tell(*what)
            return
        waiting = self._waiting
        # One object for each: what waits is looked through by the garbage collector.
        waiting.append((tell, *what))
        count = len(waiting)
        if soon or count == MOST:
            loop.call_soon(self.catch_up)
        elif count == 1:
            self._timer = loop.call_later(DELAY_SEC, self.catch_up)

    def catch_up(self) -> None:
        """Tell now what waits. In another thread's course nothing happens: between threads lines have no order."""
        if not self._waiting or threading.get_ident() != self._thread:
            return
        waiting, self._waiting = self._waiting, []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with logs.together():
            for tell, *what in waiting:
                try:
                    tell(*what)
                except Exception as error:
                    # The others are told all the same.
                    log.error("not_told", exc_info=error)


later = Later()
"""The process has one, as it has one output."""
