"""One token bucket for each key, for a bounded number of keys."""

import math

from novakit.clock import Clock

from .bucket import Bucket, full, take

MAX_KEYS = 10_000


class Limiter:
    """Lets each key through ``per_minute`` times a minute, at once or spread over it."""

    def __init__(self, per_minute: int, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        self.per_minute = per_minute
        self._clock = clock
        self._max_keys = max_keys
        self._buckets: dict[str, Bucket] = {}

    def wait(self, key: str) -> int:
        """0 where the key may go on now (this is counted), else the whole seconds until it may."""
        now = self._clock.now()
        bucket = self._buckets.pop(key, None) or full(self.per_minute, self.per_minute / 60, now)
        bucket, seconds = take(bucket, now)
        # Put back at the end: the first key of the dict is the one that was quiet for longest.
        self._buckets[key] = bucket
        if len(self._buckets) > self._max_keys:
            del self._buckets[next(iter(self._buckets))]
        return math.ceil(seconds)

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)
