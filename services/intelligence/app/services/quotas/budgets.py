"""What a provider may use and cost in a day: reserved before each call to it, settled after."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Protocol

from novakit import logs
from novakit.clock import Clock
from novakit.ids import NewId

from ...domain.chat import ProviderRequest
from ...domain.events import Usage
from ...routing.history import estimated_tokens, fit
from ...routing.policy import Candidate
from ...store import quotas
from ...store.ledger import NANO
from ...store.quotas import Hold, OverQuotaError, Quota, Unit, Wanted
from ...store.sql import Sql
from ..metering import Price, Spent
from ..observations import CallEnded, Observation
from .days import Days
from .users import ANSWER_TOKENS

SHOWN: Mapping[Unit, str] = {"tokens": "tokens", "nano_usd": "usd"}
"""What the units are called outside; a share has no unit of its own."""

log = logs.get("budgets")

Run = Callable[[Callable[[Sql], Any]], Awaitable[Any]]


class OverBudgetError(Exception):
    """The provider has no budget left for this call, until then (the clock's seconds) for any.

    None: for this call alone, which would take more than others, or while others are under way.
    """

    def __init__(self, until: float | None) -> None:
        super().__init__(until)
        self.until = until


class Budgets(Protocol):
    """What the orchestrator asks."""

    @property
    def over(self) -> Mapping[str, float]:
        """The providers that are known to have nothing left, each with when that ends (the clock's seconds)."""
        ...

    def limited(self, provider: str) -> bool:
        """Whether this provider has a budget at all."""
        ...

    async def reserve(self, candidate: Candidate, request: ProviderRequest) -> str:
        """Set apart what this call may take, under the id that it gives; raises OverBudgetError."""
        ...

    def release(self, hold_id: str) -> None:
        """The call was not made."""
        ...


class ProviderBudgets:
    """The budgets of providers, by name. Also an observer of calls: what one took is settled when it has ended."""

    def __init__(
        self,
        limits: Mapping[str, Mapping[Unit, int]],
        days: Days,
        clock: Clock,
        new_id: NewId,
        run: Run,
        price: Price,
    ) -> None:
        """``run`` gives a job a transaction of its own, as the store's writer does."""
        self._limits = limits
        self._days = days
        self._clock = clock
        self._new_id = new_id
        self._run = run
        self._price = price
        self._holds: dict[str, Hold] = {}
        self._over: dict[str, float] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._used: dict[tuple[str, Unit], tuple[str, int]] = {}
        self._short_of: dict[tuple[str, Unit], str] = {}

    @property
    def over(self) -> Mapping[str, float]:
        """As in Budgets."""
        now = self._clock.now()
        for provider in [provider for provider, until in self._over.items() if until <= now]:
            del self._over[provider]
        return self._over

    def limited(self, provider: str) -> bool:
        """As in Budgets."""
        return provider in self._limits

    def remaining(self) -> list[tuple[tuple[str, str], float]]:
        """((provider, unit), what is left of today's budget, from 1 to 0) as far as this process knows."""
        today = self._days.of(self._clock.wall())
        found: list[tuple[tuple[str, str], float]] = []
        for provider, limits in self._limits.items():
            for unit, limit in limits.items():
                day, used = self._used.get((provider, unit), (today, 0))
                left = max(0.0, 1 - used / limit) if day == today else 1.0
                # A little may be left where a call would have taken more: of no use today.
                short = self._short_of.get((provider, unit)) == today
                found.append(((provider, SHOWN[unit]), 0.0 if short else left))
        return found

    async def reserve(self, candidate: Candidate, request: ProviderRequest) -> str:
        """As in Budgets."""
        wall = self._clock.wall()
        amounts = self._estimate(candidate, request)
        wanted = [
            Wanted(Quota(subject_of(candidate.name), unit, limit), amounts[unit])
            for unit, limit in self._limits[candidate.name].items()
        ]
        day, at, hold_id = self._days.of(wall), int(wall * 1_000_000), self._new_id()
        writing = asyncio.ensure_future(self._run(lambda sql: quotas.reserve(sql, hold_id, wanted, day=day, at=at)))
        try:
            self._holds[hold_id] = await asyncio.shield(writing)
        except asyncio.CancelledError:
            # It is written all the same, and nobody will make this call.
            self._follow(self._give_back(writing))
            raise
        except OverQuotaError as over:
            if not self._used_up(over, candidate, request):
                raise OverBudgetError(None) from None
            self._short_of[candidate.name, over.quota.unit] = day
            raise OverBudgetError(self._mark(candidate.name, wall)) from None
        return hold_id

    def release(self, hold_id: str) -> None:
        """As in Budgets."""
        self._settle(hold_id, Spent())

    def observe(self, observation: Observation) -> None:
        """Settle what a call has taken."""
        if isinstance(observation, CallEnded) and observation.hold is not None:
            self._settle(observation.hold, observation.spent)

    async def look(self) -> None:
        """Find out who has nothing left of today, as after a restart."""
        for provider in self._limits:
            await self._run(partial(self._look_at, provider))

    async def close(self) -> None:
        """Return once all is settled."""
        if self._settling:
            await asyncio.wait(self._settling)

    def _used_up(self, over: OverQuotaError, candidate: Candidate, request: ProviderRequest) -> bool:
        """Whether what is left is of no use today.

        What is reserved may be given back, and nobody can use up a budget by asking for more than others do: what
        counts is what was really taken, beside a short question and its answer.
        """
        short = self._estimate(candidate, request, longest=ANSWER_TOKENS)[over.quota.unit]
        return over.settled > 0 and over.settled + short > over.quota.limit

    def _estimate(
        self, candidate: Candidate, request: ProviderRequest, longest: int | None = None
    ) -> dict[Unit, int]:
        """What it may take; ``longest`` is how many tokens of its question and of its answer count."""
        given = fit(request.turns, context_tokens=candidate.context_tokens, locality=candidate.locality)
        asked = sum(estimated_tokens(turn.text) for turn in given)
        answer = request.sampling.max_tokens or ANSWER_TOKENS
        if longest is not None:
            asked, answer = min(asked, longest), min(answer, longest)
        money = self._price(candidate.name, candidate.model, Usage(asked, answer))
        # At no known price nothing can be set apart; nor will anything be counted.
        return {"tokens": asked + answer, "nano_usd": round((money or 0.0) * NANO)}

    def _settle(self, hold_id: str, spent: Spent) -> None:
        self._follow(self._write(self._holds.pop(hold_id), spent))

    def _follow(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _give_back(self, writing: "asyncio.Future[Hold]") -> None:
        # Where it was not written nothing is held.
        with contextlib.suppress(Exception):
            await self._write(await writing, Spent())

    async def _write(self, hold: Hold, spent: Spent) -> None:
        used: dict[Unit, int] = {"tokens": spent.tokens, "nano_usd": round((spent.cost_usd or 0.0) * NANO)}
        provider = hold.units[0][0].removeprefix(PREFIX)

        def job(sql: Sql) -> None:
            quotas.settle(sql, hold, used)
            self._look_at(provider, sql)

        try:
            await self._run(job)
        except Exception as crash:  # noqa: BLE001 (the lease gives back what could not be settled)
            log.error("budget_not_settled", provider=provider, error=type(crash).__name__, at=logs.where(crash))

    def _look_at(self, provider: str, sql: Sql) -> None:
        wall = self._clock.wall()
        day = self._days.of(wall)
        for unit, limit in self._limits[provider].items():
            used = quotas.settled(sql, subject_of(provider), unit, day=day)
            self._used[provider, unit] = day, used
            if used >= limit:
                self._mark(provider, wall)

    def _mark(self, provider: str, wall: float) -> float:
        until = self._clock.now() + self._days.next(wall) - wall
        if provider not in self._over:
            log.warning("provider_over_budget", provider=provider, until=self._days.next_text(wall))
        self._over[provider] = until
        return until


PREFIX = "provider:"


def subject_of(provider: str) -> str:
    """What a provider is called among the subjects of quotas."""
    return f"{PREFIX}{provider}"
