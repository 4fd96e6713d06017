"""When the model is in memory: loaded at the first use, kept for a while after the last one.

absent --use--> loading --> in use --last user leaves--> resting --keep-alive is over--> unloading --> absent
                   |           ^                            |
                   +- failed   +------------- use ----------+
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext

from novakit import logs
from novakit.clock import Clock

from .engine import Engine, LoadFailedError

Guard = Callable[[], AbstractContextManager[None]]
OnLoad = Callable[[float | None], None]
"""Told how many seconds a load took; None where it failed."""


class Residency:
    """Owns the engine's life. For one event loop; the engine's blocking calls run in ``threads`` within ``guard``."""

    def __init__(
        self,
        engine: Engine,
        threads: Executor,
        clock: Clock,
        *,
        guard: Guard = nullcontext,
        on_load: OnLoad = lambda _seconds: None,
    ) -> None:
        self._engine = engine
        self._threads = threads
        self._clock = clock
        self._guard = guard
        self._on_load = on_load
        self._lock = asyncio.Lock()
        self._loading: asyncio.Future[None] | None = None
        self._users = 0
        self._keep_alive = 0.0
        self._expires_at = 0.0
        self._log = logs.get("residency")
        self.loaded = False

    @asynccontextmanager
    async def use(self, keep_alive: float) -> AsyncIterator[float]:
        """The model, loaded, for as long as the block lasts, and ``keep_alive`` seconds more.

        Gives the seconds that were spent on waiting for it. Raises LoadFailedError.
        """
        began = self._clock.now()
        self._users += 1
        self._keep_alive = keep_alive
        try:
            await self._ensure_loaded()
            yield self._clock.now() - began
        finally:
            self._users -= 1
            self._rest()
            if keep_alive == 0:
                await self.expire()

    async def dismiss(self) -> None:
        """Unload as soon as nobody uses the model: now, where nobody does."""
        self._keep_alive = 0.0
        self._rest()
        await self.expire()

    async def expire(self) -> None:
        """Unload where the keep-alive is over."""
        if self._is_due():
            await asyncio.shield(asyncio.ensure_future(self._unload()))

    def remaining(self) -> float | None:
        """For how many seconds the model stays loaded if nobody asks for it again; None where it is not loaded."""
        if not self.loaded:
            return None
        return self._keep_alive if self._users else max(0.0, self._expires_at - self._clock.now())

    def _rest(self) -> None:
        if not self._users:
            self._expires_at = self._clock.now() + self._keep_alive

    def _is_due(self) -> bool:
        return self.loaded and not self._users and self._clock.now() >= self._expires_at

    async def _ensure_loaded(self) -> None:
        if self.loaded:
            return
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load())
            self._loading.add_done_callback(self._loading_is_over)
        # Who leaves does not stop the load: it cannot be stopped, and the next one may want it.
        await asyncio.shield(self._loading)

    def _loading_is_over(self, loading: "asyncio.Future[None]") -> None:
        self._loading = None
        if not loading.cancelled():
            loading.exception()  # those who waited were told; if all have left, nobody need be

    async def _load(self) -> None:
        async with self._lock:
            began = self._clock.now()
            try:
                await self._in_thread(self._engine.load)
            except LoadFailedError as error:
                self._on_load(None)
                self._log.error("model_load_failed", reason=str(error))
                raise
            seconds = self._clock.now() - began
            self.loaded = True
            self._rest()
        self._on_load(seconds)
        self._log.info("model_loaded", seconds=round(seconds, 3))

    async def _unload(self) -> None:
        async with self._lock:
            if not self._is_due():
                return
            self.loaded = False
            await self._in_thread(self._engine.unload)
        self._log.info("model_unloaded")

    async def _in_thread(self, call: Callable[[], None]) -> None:
        def guarded() -> None:
            with self._guard():
                call()

        await asyncio.get_running_loop().run_in_executor(self._threads, guarded)
