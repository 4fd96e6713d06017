"""One token bucket for each key, for a bounded number of keys."""

import math

from novakit.clock import Clock

from .bucket import Bucket, full, take

MAX_KEYS = 10_000


class Limiter:
    """Lets each key through ``per_minute`` times a minute, and ``burst`` times (the same, if not said) at once."""

    def __init__(
        self, per_minute: float, clock: Clock, *, burst: int | None = None, max_keys: int = MAX_KEYS
    ) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._capacity = per_minute if burst is None else burst
        self._max_keys = max_keys
        self._buckets: dict[str, Bucket] = {}

    def wait(self, key: str) -> int:
        """0 where the key may go on now (this is counted), else the whole seconds until it may."""
        bucket, seconds = self._take(key, 1.0)
        # Put back at the end: the first key of the dict is the one that was quiet for longest.
        self._buckets.pop(key, None)
        self._buckets[key] = bucket
        if len(self._buckets) > self._max_keys:
            del self._buckets[next(iter(self._buckets))]
        return math.ceil(seconds)

    def peek(self, key: str) -> int:
        """The same without counting it."""
        return math.ceil(self._take(key, 1.0)[1])

    def give_back(self, key: str) -> None:
        """Uncount one."""
        if key in self._buckets:
            self._buckets[key] = self._take(key, -1.0)[0]

    def _take(self, key: str, cost: float) -> tuple[Bucket, float]:
        now = self._clock.now()
        return take(self._buckets.get(key) or full(self._capacity, self.per_minute / 60, now), now, cost)

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)
