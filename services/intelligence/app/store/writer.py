"""What stores chat turns: a writer with group commit. Jobs that wait together are committed together.

A job is durable before its result is known to the caller. Committing once for many jobs is what makes that cheap.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

from .sql import Sql

Result = TypeVar("Result")
Job = Callable[[Sql], Result]


class Writer(Protocol):
    """Runs jobs in the order of their arrival. There is one in a process."""

    async def run(self, job: Job[Result]) -> Result:
        """What the job returned, once it is committed; raises what the job raised, with nothing of it stored.

        The job may be run more than once, until it is committed. A caller that is cancelled while it waits leaves its
        job to be done all the same. Raises StoreClosedError and StoreLostError.
        """
        ...

    async def aclose(self) -> None:
        """Finish what waits, then stop."""
        ...
