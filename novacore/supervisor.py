"""Starts programs in order, waits until each is ready, keeps watch, and stops them in reverse order.

    starting --all ready--> running --asked to stop, or a program died--> stopping --> over

A program that is restarted is not needed by the others: its death never leaves ``running``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from novakit.clock import Clock

from .child import Child, Program, how_it_ended
from .console import Console
from .fetch import is_ready
from .restart import History, after_death
from .topology import start_order

POLL_SECONDS = 0.05
READY_SECONDS = 60.0
# A service spends its whole grace on running answers, and then still closes its database.
CLOSING_SECONDS = 2.0
HINT_SECONDS = 3.0

IsReady = Callable[[str], Awaitable[bool]]
Sleep = Callable[[float], Awaitable[None]]
WhenReady = Callable[[], Awaitable[None]]


class Supervisor:
    """Runs programs once, inside one event loop. ``children`` are the latest lives of its programs, by name."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        console: Console,
        clock: Clock,
        grace: float,
        inherit: Sequence[int] = (),
        is_ready: IsReady = is_ready,
        ready_seconds: float = READY_SECONDS,
        closing_seconds: float = CLOSING_SECONDS,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._groups = start_order(programs)
        self._console = console
        self._clock = clock
        self._grace = grace
        self._inherit = inherit
        self._is_ready = is_ready
        self._ready_seconds = ready_seconds
        self._closing_seconds = closing_seconds
        self._sleep = sleep
        self.children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self._failed = False
        self._stopping = False
        self._killed = False

    async def run(self, when_ready: WhenReady) -> int:
        """Start everything, call ``when_ready``, and keep watch until the end; the exit code."""
        starting = asyncio.create_task(self._start(when_ready))
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait((starting, over), return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await over
        finally:
            self._stopping = True
            await _cancelled(starting, over, *self._keepers)
            await self._stop_all()
        for keeper in self._keepers:
            if not keeper.cancelled():
                keeper.result()
        return 1 if self._failed else 0

    def interrupt(self) -> None:
        """Ctrl-C: stop, and at the second time at once."""
        if self._stopping or self._over.is_set():
            self.kill()
        else:
            self._console.say()  # the terminal has just written ^C
            self.stop()

    def stop(self) -> None:
        """Stop everything, in order, with its grace; however often it is called."""
        self._over.set()

    def kill(self) -> None:
        """End everything at once."""
        self._over.set()
        self._killed = True
        for child in self.children.values():
            child.kill()

    async def _start(self, when_ready: WhenReady) -> None:
        for group in self._groups:
            settled = [asyncio.Event() for _ in group]
            for program, event in zip(group, settled, strict=True):
                keeper = asyncio.create_task(self._keep(program, event))
                keeper.add_done_callback(self._keeper_done)
                self._keepers.append(keeper)
            for event in settled:
                await event.wait()
        await when_ready()

    def _keeper_done(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and keeper.exception() is not None:
            self._over.set()

    async def _keep(self, program: Program, settled: asyncio.Event) -> None:
        """Run one program, again and again where it is restarted. ``settled``: the others need not wait longer."""
        history = History()
        while True:
            end = await self._one_life(program, settled)
            if not program.restarted:
                self._console.say(f"{program.name} {end}. NovaCore stops.")
                self._failed = True
                self._over.set()
                return
            settled.set()
            history, delay = after_death(history, self._clock.now())
            if delay is None:
                self._console.say(f"{program.name} {end}, too often by now: NovaCore goes on without it.")
                return
            self._console.say(f"{program.name} {end}; it is started again in {delay:g} s.")
            await self._sleep(delay)

    async def _one_life(self, program: Program, settled: asyncio.Event) -> str:
        """Start a program and wait for its end, which is told in words."""
        try:
            child = await Child.start(program, inherit=self._inherit, on_line=self._console.relay)
        except OSError as error:
            return f"could not be started ({error.strerror})"
        self.children[program.name] = child
        became_ready = await self._until_ready(child)
        if child.running and not became_ready:
            if not program.restarted:
                self._tell(child)
                return f"was not ready after {self._ready_seconds:g} s"
            self._console.say(f"  {program.name} is slow to start; the others do not wait for it.")
        if child.running:
            settled.set()
        code = await child.ended()
        self._tell(child)
        return f"{'ended' if became_ready else 'could not start'} ({how_it_ended(code)})"

    async def _until_ready(self, child: Child) -> bool:
        """Whether it became ready: not, where it ended before, or took too long."""
        started = self._clock.now()
        while child.running and self._clock.now() - started < self._ready_seconds:
            if await self._is_ready(child.program.ready_url) and child.running:
                self._console.say(f"  {child.program.name:<14} ready after {self._clock.now() - started:.1f} s")
                return True
            await self._sleep(POLL_SECONDS)
        return False

    def _tell(self, child: Child) -> None:
        for line in child.unseen:
            self._console.show(child.program.name, line)
        child.unseen.clear()

    async def _stop_all(self) -> None:
        if not self._failed:
            self._console.say("NovaCore is stopping.")
        hint = asyncio.get_running_loop().call_later(HINT_SECONDS, self._console.say, self._hint())
        if not self._killed:
            for child in self.children.values():
                if child.program.drains:
                    child.terminate()
        for group in reversed(self._groups):
            children = [self.children[program.name] for program in group if program.name in self.children]
            await asyncio.gather(*(self._end(child) for child in children))
        hint.cancel()

    def _hint(self) -> str:
        return f"Running answers get {self._grace:g} s to end. Ctrl-C once more ends them at once."

    async def _end(self, child: Child) -> None:
        if self._killed:
            child.kill()
        else:
            child.terminate()
        try:
            await asyncio.wait_for(child.ended(), self._grace + self._closing_seconds)
        except TimeoutError:
            self._console.say(f"{child.program.name} did not end within {self._grace:g} s and is ended now.")
            child.kill()
            await child.ended()


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
