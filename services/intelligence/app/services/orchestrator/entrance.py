"""Into a provider: past the locks, to a model that is loaded, and to a place among its calls."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

from novakit.clock import Clock

from ...domain.chat import ProviderRequest, Target
from ...domain.errors import ProviderError, SkipReason
from ...routing.policy import Attempt, Candidate, Skipped, barred
from ...routing.trail import Queued, RouteEvent
from ..providers.base import Provider
from .slots import Slots
from .walk import Walk

LOADED_CHECK_SEC = 1.0
"""How long the question whether a local model is loaded may take."""
WARM_FOR_SEC = 60.0
"""A model that has just answered is taken for loaded; Ollama keeps one for five minutes unless told otherwise."""

CurrentRequest: TypeAlias = Callable[[ProviderRequest], ProviderRequest]
"""Gives the request with its locks as they are at this moment; asked before every upstream call."""


@dataclass(slots=True)
class Asking:
    """One request on its way. ``put_off`` were busy or cold: they are asked when nobody else is left.

    ``resorted``: the last resort has been tried. ``patient``: those that were put off are waited for now. ``clouds``
    are all candidates that are cloud ones.
    """

    request: ProviderRequest
    current: CurrentRequest
    walk: Walk
    put_off: list[Attempt] = field(default_factory=list)
    resorted: bool = False
    patient: bool = False
    clouds: tuple[Candidate, ...] = ()
    allowed: ProviderRequest = field(init=False)

    @property
    def cloudless(self) -> bool:
        """Whether no cloud may be asked, as far as ``barred`` has found last."""
        return all(barred(self.allowed, candidate) is not None for candidate in self.clouds)

    @property
    def waits(self) -> bool:
        """Whether it waits for whoever is busy or cold: nobody else is left."""
        return self.walk.last or self.patient

    def barred(self, candidate: Candidate) -> SkipReason | None:
        """Why this candidate may not be asked now, or None where it may: ``allowed`` is then what to ask."""
        self.allowed = self.current(self.request)
        return barred(self.allowed, candidate) or self.walk.barred(candidate)


@dataclass(slots=True)
class Place:
    """A place among the calls of a provider, held or not. ``loading``: seconds that loading the model may take."""

    held: bool = False
    loading: float = 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a call would find a provider, as far as that is known without asking it.

    ``busy``: no slot is free. ``waiting`` stand in its queue; a newcomer's turn comes in ``expected_wait`` seconds,
    None where that is not known. ``cold``: the model has to be loaded first, None where that is not known.
    """

    busy: bool
    waiting: int
    expected_wait: float | None
    cold: bool | None


class Entrance:
    """Lets calls into their providers. ``cold_start`` and ``queue_wait`` are seconds, as in Pace."""

    def __init__(
        self, providers: Mapping[str, Provider], slots: Slots, clock: Clock, cold_start: float, queue_wait: float
    ) -> None:
        self._providers = providers
        self._slots = slots
        self._clock = clock
        self._cold_start = cold_start
        self._queue_wait = queue_wait
        self._warm_until: dict[Target, float] = {}
        self._warming: dict[Target, asyncio.Task[None]] = {}

    async def enter(self, place: Place, attempt: Attempt, asking: Asking) -> AsyncGenerator[RouteEvent]:
        """``place`` is held afterwards, or a Skipped has told why this one is passed over. ``leave`` in any case."""
        walk, candidate = asking.walk, attempt.candidate
        if (reason := asking.barred(candidate)) is not None:
            yield walk.skip(Skipped(candidate, reason))
            return
        cold = await self._is_cold(candidate, walk.time_left(self._clock.now()))
        if cold and not asking.waits:
            self.warm_up(candidate)
            asking.put_off.append(attempt)
            yield walk.skip(Skipped(candidate, "cold"))
            return
        place.loading = self._cold_start if cold else 0.0
        place.held = self._slots.take(candidate.name)
        if place.held:
            return
        try:
            async with aclosing(self._slots.queue_up(candidate.name, self._patience(candidate, asking))) as places:
                async for number in places:
                    yield Queued(candidate, number, self._slots.expected_wait(candidate.name, number))
            place.held = True
        except TimeoutError:
            if not asking.waits:
                asking.put_off.append(attempt)
            yield walk.skip(Skipped(candidate, "busy"))
            return
        if (reason := asking.barred(candidate)) is not None:
            self.leave(place, candidate)
            yield walk.skip(Skipped(candidate, reason))

    def leave(self, place: Place, candidate: Candidate) -> None:
        """Give the place back, if it is held."""
        if place.held:
            place.held = False
            self._slots.give_back(candidate.name)

    def outlook(self, candidate: Candidate) -> Outlook:
        """How a call would find this candidate now."""
        busy = not self._slots.free(candidate.name)
        return Outlook(
            busy=busy,
            waiting=self._slots.waiting(candidate.name),
            expected_wait=self._slots.expected_wait(candidate.name) if busy else 0.0,
            cold=self._known_as_cold(candidate),
        )

    def warm_up(self, candidate: Candidate) -> None:
        """Let the model be loaded for those who come later; once at a time."""
        if candidate.target in self._warming:
            return
        task = asyncio.ensure_future(_load(self._providers[candidate.name], candidate.asked_model))
        self._warming[candidate.target] = task
        task.add_done_callback(lambda _task: self._warming.pop(candidate.target, None))

    def answered(self, candidate: Candidate, seconds: float) -> None:
        """A whole answer kept the model busy for so long."""
        self._slots.measured(candidate.name, seconds)
        if candidate.locality == "local" and not candidate.asked_model:
            self._warm_until[candidate.target] = self._clock.now() + WARM_FOR_SEC

    def failed(self, candidate: Candidate) -> None:
        """It may have lost its model: whether that is loaded is asked again."""
        self._warm_until.pop(candidate.target, None)

    async def close(self) -> None:
        """End all warm-ups."""
        tasks = list(self._warming.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _patience(self, candidate: Candidate, asking: Asking) -> float:
        """Seconds to wait for a slot: all the time there is where nobody else is left, else shortly or not at all."""
        left = asking.walk.time_left(self._clock.now())
        if asking.waits:
            return left
        expected = self._slots.expected_wait(candidate.name)
        return min(self._queue_wait, left) if expected is None or expected <= self._queue_wait else 0.0

    def _known_as_cold(self, candidate: Candidate) -> bool | None:
        """Whether a local model has to be loaded first, where that is known without asking its server."""
        if candidate.locality != "local" or self._clock.now() < self._warm_until.get(candidate.target, 0.0):
            return False
        return True if candidate.target in self._warming else None

    async def _is_cold(self, candidate: Candidate, seconds: float) -> bool:
        """Whether a local model has to be loaded first. Asked only where it has been silent for a while."""
        if self._known_as_cold(candidate) is False:
            return False
        try:
            async with asyncio.timeout(min(LOADED_CHECK_SEC, seconds)):
                return await self._providers[candidate.name].is_cold(candidate.asked_model)
        except (ProviderError, TimeoutError):
            # The call itself will tell what is wrong.
            return False


async def _load(provider: Provider, model: str) -> None:
    with contextlib.suppress(ProviderError):
        await provider.warm_up(model)
