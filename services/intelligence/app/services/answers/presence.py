"""This process among those that serve from the same database: it says that it is alive, and hears of the others."""

import asyncio
from collections.abc import Awaitable, Callable

from novakit import logs

from ...store import instances
from ...store.opening import Store
from ...store.sql import Sql
from .elsewhere import Elsewhere

LOOK_SEC = 1.0
BEAT_SEC = 5.0

log = logs.get("presence")


class Presence:
    """``wall`` is seconds since 1970 UTC."""

    def __init__(
        self,
        store: Store,
        wall: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._writer = store.writer
        self._instance_id = store.instance_id
        self._shared = store.shared
        self._wall = wall
        self._sleep = sleep
        self._keeping: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Be known, and mark what dead processes left running."""
        await self._writer.run(self._begin)

    def keep(self, elsewhere: Elsewhere) -> None:
        """From now on be known, and do what the others want; where there are no others, there is nothing to do."""
        if self._shared:
            self._keeping = asyncio.create_task(self._keep(elsewhere))

    async def end(self) -> None:
        """This process answers no more. Whatever fails here, the lease does as well."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait((self._keeping,))
        try:
            await self._writer.run(lambda connection: instances.leave(connection, self._instance_id))
        except Exception as error:  # noqa: BLE001 (the process ends, whatever it is)
            log.warning("not_said_goodbye", error=type(error).__name__, at=logs.where(error))

    def _begin(self, connection: Sql) -> None:
        if not self._shared:
            instances.leave_all(connection)
        self._beat(connection)

    def _beat(self, connection: Sql) -> None:
        at = int(self._wall() * 1_000_000)
        instances.beat(connection, self._instance_id, at)
        instances.mark_orphans(connection, at)

    async def _keep(self, elsewhere: Elsewhere) -> None:
        since_beat = 0.0
        while True:
            await self._sleep(LOOK_SEC)
            since_beat += LOOK_SEC
            try:
                await elsewhere.heed()
                if since_beat >= BEAT_SEC:
                    await self._writer.run(self._beat)
                    since_beat = 0.0
            except Exception as error:  # noqa: BLE001 (the next time may do better)
                log.warning("others_not_heard", error=type(error).__name__, at=logs.where(error))
