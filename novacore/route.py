"""Where an answer came from, folded out of the events of its stream. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from novakit.sse import Event

# A provider that was never set up, or never asked for, is no reason for anything.
NOT_WORTH_TELLING = frozenset({"not_configured", "disabled", "not_requested"})
# Why the cloud was not asked is news only to someone who got no local answer.
LOCKS = frozenset({"cloud_disabled", "local_only", "preference"})
FAILURES = frozenset({"failed", "skipped"})
ANSWERING = frozenset({"streaming", "succeeded"})


@dataclass(frozen=True, slots=True)
class Route:
    """The provider that answers, and why each one before it did not (provider, reason), in order."""

    provider: str | None = None
    model: str = ""
    locality: str = ""
    reasons: tuple[tuple[str, str], ...] = ()

    def sentence(self, first_words: float | None) -> str:
        """One line for the end of an answer; ``first_words`` is the time until they came, in seconds."""
        parts = [self.locality, self.provider, self.model] if self.provider else ["nobody answered"]
        told = [pair for pair in self.reasons if self.locality != "local" or pair[1] not in LOCKS]
        if told:
            parts.append("because " + ", ".join(f"{name}: {reason}" for name, reason in told))
        if first_words is not None and self.provider:
            parts.append(f"first words after {first_words:.1f} s")
        return "— " + " · ".join(part for part in parts if part)


def after(route: Route, data: Mapping[str, Any]) -> Route:
    """The route once a ``route`` event with this data has come."""
    provider, state = str(data.get("provider", "")), data.get("state")
    if state in ANSWERING:
        return replace(
            route, provider=provider, model=str(data.get("model") or ""), locality=str(data.get("locality") or "")
        )
    reason = str(data.get("reason") or "")
    if state not in FAILURES or not reason or reason in NOT_WORTH_TELLING:
        return route
    others = tuple(pair for pair in route.reasons if pair[0] != provider)
    if route.provider == provider:
        route = Route()
    return replace(route, reasons=(*others, (provider, reason)))


def data_of(event: Event) -> Mapping[str, Any]:
    """An event's JSON object; an empty one where it holds something else."""
    try:
        data = json.loads(event.data)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
