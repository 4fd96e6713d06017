"""One measurement: rounds of load against a target, and the CPU that its processes spent on them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from .load import Reply, Target, closed_loop
from .processes import Running


@dataclass(slots=True)
class Cost:
    """CPU microseconds for each unit (a request, or a token), one figure a round."""

    micros: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.micros)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.micros + other.micros)

    def __str__(self) -> str:
        return f"{self.median:.1f} ({min(self.micros):.1f} to {max(self.micros):.1f})"


@dataclass(frozen=True, slots=True)
class Effort:
    """How long each round takes, and how many there are."""

    seconds: float
    rounds: int


async def cost_of(
    target: Target, processes: Sequence[Running], effort: Effort, *, connections: int, tokens: int = 1
) -> Cost:
    """The cost of a request, or of each of its ``tokens``, in closed loops; raises RuntimeError where one failed."""
    await closed_loop(target, connections, min(1.0, effort.seconds))
    cost = Cost()
    for _ in range(effort.rounds):
        before = sum(process.cpu_sec() for process in processes)
        replies = await closed_loop(target, connections, effort.seconds)
        spent = sum(process.cpu_sec() for process in processes) - before
        failed = sum(not reply.ok for reply in replies)
        if failed or not replies:
            raise RuntimeError(f"{failed} of {len(replies)} requests failed")
        # Tokens as the model sent them: what arrives together is passed on together, in fewer events.
        cost.micros.append(spent * 1e6 / (len(replies) * tokens))
    return cost


@dataclass(frozen=True, slots=True)
class Times:
    """What clients saw, in milliseconds, at a share of all (0.5 is the median)."""

    ordered: tuple[float, ...]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Times":
        """From unordered seconds."""
        return cls(tuple(sorted(value * 1000 for value in seconds)))

    def at(self, share: float) -> str:
        """One figure."""
        return f"{self.ordered[int((len(self.ordered) - 1) * share)]:.1f}"


def first_tokens(replies: Sequence[Reply]) -> Times:
    """Times to the first token."""
    return Times.of([reply.first for reply in replies if reply.first is not None])
