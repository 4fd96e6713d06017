"""A token bucket: a value, and what taking from it leaves. Pure."""

from typing import NamedTuple


class Bucket(NamedTuple):
    """``tokens`` at the time ``at`` (seconds), refilled by ``per_second`` up to ``capacity``."""

    capacity: float
    per_second: float
    tokens: float
    at: float


def full(capacity: float, per_second: float, now: float) -> Bucket:
    """A bucket that nothing was taken from."""
    return Bucket(capacity, per_second, capacity, now)


def take(state: Bucket, now: float, cost: float = 1.0) -> tuple[Bucket, float]:
    """The bucket afterwards, and how many seconds to wait: 0 where the cost was taken, else nothing was taken."""
    tokens = min(state.capacity, state.tokens + max(0.0, now - state.at) * state.per_second)
    if tokens >= cost:
        return Bucket(state.capacity, state.per_second, tokens - cost, now), 0.0
    return Bucket(state.capacity, state.per_second, tokens, now), (cost - tokens) / state.per_second
