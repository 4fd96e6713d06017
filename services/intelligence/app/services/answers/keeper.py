"""When a partial answer is stored: should this process die, all but its last second is there."""

import asyncio
from collections.abc import Callable

KEEP_PARTIAL_EVERY_SEC = 1.0


class Keeper:
    """Calls ``keep`` KEEP_PARTIAL_EVERY_SEC after the text has changed, whether or not it does again."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self._keep = keep
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """The text has changed."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_PARTIAL_EVERY_SEC, self._due)

    def stop(self) -> None:
        """Nothing more is to be kept."""
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = None
        self._keep()
