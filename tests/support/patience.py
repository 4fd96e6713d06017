"""How long a piece of computing takes, for what must not hold up everybody else."""

import time
from collections.abc import Callable

PATIENCE_SEC = 0.05
"""Many times what a linear look at a long text takes, and a fraction of what one takes that backtracks."""


def quickest(work: Callable[[], object]) -> float:
    """The seconds of computing that the quickest of some runs took: others may use the machine meanwhile."""
    times = []
    for _ in range(3):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times)
