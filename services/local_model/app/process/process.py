"""What this process does to itself before it holds a model. Only the service's own process ever calls this."""

import faulthandler
import os
import resource
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

NICENESS = 5
OOM_SCORE = 700
FROZEN_SECONDS = 120.0


def limit(environ: MutableMapping[str, str], memory_mb: int) -> None:
    """Cap the private memory (0: no cap), step back behind the other services, and set the engine's environment.

    The weights are mapped from their file and do not count. Must come before the engine is imported, which reads
    OMP_WAIT_POLICY as it is loaded: threads that spin while they wait slow each other to a crawl on a busy machine.
    """
    environ["OMP_WAIT_POLICY"] = "passive"
    if memory_mb:
        _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))
    with suppress(OSError):
        os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")


@contextmanager
def end_if_frozen() -> Iterator[None]:
    """End the process where the block takes FROZEN_SECONDS.

    The engine holds the interpreter's lock while it loads and unloads, so no Python code could notice that it hangs.
    """
    faulthandler.dump_traceback_later(FROZEN_SECONDS, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def read_text(path: str) -> str:
    """A file of the kernel's; empty where this system has none."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def affinity() -> int:
    """How many cores this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
