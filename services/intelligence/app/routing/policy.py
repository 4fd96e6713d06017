"""Who is asked, in which order, and who is not, each with the reason: ``plan()``.

It is the one place that knows the privacy locks. It sees values alone; whoever walks the decision owns no rule.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..domain.chat import Locality, Lock, ProviderRequest, Target
from ..domain.errors import SkipReason
from .breaker import BreakerState, Open, blocked_until
from .rules import Rule, applying

HealthKey: TypeAlias = tuple[str, str]
"""(provider, model); the model is empty for what concerns all models of the provider."""

Health: TypeAlias = Mapping[HealthKey, BreakerState]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider of the priority list with the model that it would use.

    ``on_this_machine`` is false where a call sends the prompt over a network, be it one's own. ``configured`` is
    false where its key is missing. ``context_tokens`` is how long a conversation with its answer may be.
    ``asked_model`` is the model that the caller named, empty for the configured one.
    """

    name: str
    model: str
    locality: Locality
    on_this_machine: bool = False
    configured: bool = True
    context_tokens: int = field(default=0, compare=False)
    asked_model: str = ""

    @property
    def target(self) -> Target:
        """What a caller's own list calls it."""
        return Target(self.name, self.asked_model)

    def health_keys(self) -> tuple[HealthKey, HealthKey]:
        """Where its health is kept: the provider's own, and the model's; they are one while the model has no name."""
        return (self.name, ""), (self.name, self.model)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One candidate to be asked. ``last_resort``: it is cooling down, and nobody else is left.

    ``place`` is where it stands among all candidates of the request, from 0.
    """

    candidate: Candidate
    last_resort: bool = False
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A candidate that is not asked, and why. ``until`` is when that ends, in the clock's seconds.

    ``place`` is as in Attempt.
    """

    candidate: Candidate
    reason: SkipReason
    until: float | None = None
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """What will be done, in order, and what was left out. ``rule`` is the one that had a say in the order."""

    attempts: tuple[Attempt, ...]
    skipped: tuple[Skipped, ...]
    rule: str | None = None


def plan(
    request: ProviderRequest,
    candidates: Sequence[Candidate],
    health: Health,
    now: float,
    *,
    failover: bool = True,
    rules: Sequence[Rule] = (),
    over_budget: Mapping[str, float] | None = None,
) -> RouteDecision:
    """Decide whom to ask. ``candidates`` come in the configured priority.

    Before the priority counts the first of the ``rules`` that fits what is asked, and before it a wish of the user's.
    ``over_budget`` names the providers that have used up their budget, each with when the next one begins.

    Without ``failover`` the first allowed candidate is asked alone. When all that may be asked are cooling down, the
    ``last_resort`` is asked all the same.
    """
    attempts: list[Attempt] = []
    skipped: list[Skipped] = []
    rule = _rule(request, candidates, rules)
    for place, candidate in enumerate(_ordered(request, candidates, rule)):
        reason = barred(request, candidate)
        if reason is None and not failover and (attempts or any(skip.reason == "cooling_down" for skip in skipped)):
            reason = "disabled"
        if reason is not None:
            skipped.append(Skipped(candidate, reason, place=place))
        elif over_budget and candidate.name in over_budget:
            skipped.append(Skipped(candidate, "over_budget", over_budget[candidate.name], place))
        elif (until := cooling_until(candidate, health, now)) is not None:
            skipped.append(Skipped(candidate, "cooling_down", until, place))
        else:
            attempts.append(Attempt(candidate, place=place))
    if not attempts:
        resort = last_resort(skipped, health)
        if resort is not None:
            attempts.append(resort)
            skipped = [skip for skip in skipped if skip.place != resort.place]
    return RouteDecision(tuple(attempts), tuple(skipped), None if rule is None else str(rule))


def last_resort(skipped: Sequence[Skipped], health: Health, asked: Collection[Target] = ()) -> Attempt | None:
    """Who is tried when nobody else is left, or None: a local one that cools down and was not ``asked`` yet.

    It costs nothing to try, and nobody else can answer. A cloud one is not tried, nor one that has to be set up.
    """
    for skip in skipped:
        if skip.candidate.target not in asked and _may_be_forced(skip, health):
            return Attempt(skip.candidate, last_resort=True, place=skip.place)
    return None


def locks_on(
    *, cloud_enabled: bool, user: bool = False, session: bool = False, message: bool = False
) -> frozenset[Lock]:
    """Who forbids the cloud, from the deployment, the user, the session and the message itself."""
    on: dict[Lock, bool] = {"deployment": not cloud_enabled, "user": user, "session": session, "message": message}
    return frozenset(lock for lock, closed in on.items() if closed)


def barred(request: ProviderRequest, candidate: Candidate) -> SkipReason | None:
    """Why this candidate may not be asked whatever its health, or None where it may."""
    if request.chain and candidate.target not in request.chain:
        return "not_requested"
    if not candidate.configured:
        return "not_configured"
    if candidate.locality == "cloud" and request.locks:
        if "deployment" in request.locks:
            return "cloud_disabled"
        return "local_only" if request.locks & {"session", "message"} else "preference"
    return None


def cooling_until(candidate: Candidate, health: Health, now: float) -> float | None:
    """When this candidate may be called again, or None where it may be called now."""
    times = [
        until
        for key in candidate.health_keys()
        if key in health and (until := blocked_until(health[key], now)) is not None
    ]
    return max(times, default=None)


def _rule(request: ProviderRequest, candidates: Sequence[Candidate], rules: Sequence[Rule]) -> Rule | None:
    """The rule that applies, where it has a say: a caller's own list leaves it none, and a user's order may not."""
    if request.chain or (rule := applying(rules, request.turns)) is None:
        return None
    free = {candidate.name for candidate in candidates}.difference(request.order)
    return None if free.isdisjoint(rule.providers) else rule


def _ordered(request: ProviderRequest, candidates: Sequence[Candidate], rule: Rule | None) -> list[Candidate]:
    if request.chain:
        places = {target: place for place, target in enumerate(request.chain)}
        return sorted(candidates, key=lambda candidate: places.get(candidate.target, len(places)))
    names = dict.fromkeys((*request.order, *(rule.providers if rule is not None else ())))
    wanted = {name: place for place, name in enumerate(names)}
    first = sorted(candidates, key=lambda candidate: wanted.get(candidate.name, len(wanted)))
    if request.prefer is None:
        return first
    return sorted(first, key=lambda candidate: candidate.locality != request.prefer)


def _may_be_forced(skip: Skipped, health: Health) -> bool:
    if skip.reason != "cooling_down" or skip.candidate.locality != "local":
        return False
    states = [health[key] for key in skip.candidate.health_keys() if key in health]
    return not any(isinstance(state, Open) and state.setup for state in states)
