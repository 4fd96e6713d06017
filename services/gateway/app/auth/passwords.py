"""Passwords as they are kept: argon2id, with the parameters that OWASP's password storage cheat sheet names first.

One hash takes 19 MiB and some 40 ms of a core, so few are made at a time, in threads, and the rest wait.
"""

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from novakit.problem import Problem

if TYPE_CHECKING:
    from pwdlib import PasswordHash

AT_A_TIME = 2
MAX_WAITING = 32

_M_MMAP_THRESHOLD = -3


@dataclass(frozen=True, slots=True)
class Work:
    """What a hash costs: KiB of memory, passes over it, and how many lanes that has."""

    memory: int = 19 * 1024
    passes: int = 2
    lanes: int = 1

    def hash(self, password: str) -> str:
        """A hash of it, with a salt of its own."""
        return _hasher(self).hash(password)

    def verify(self, password: str, hashed: str) -> tuple[bool, str | None]:
        """Whether it is the password, and another hash where this one took other work."""
        return _hasher(self).verify_and_update(password, hashed)

    def nobodys(self) -> str:
        """A hash that no password has. Verifying one against it costs what verifying a real one does."""
        return f"$argon2id$v=19$m={self.memory},t={self.passes},p={self.lanes}${'A' * 22}${'A' * 43}"


class Passwords:
    """Hashes and verifies, a bounded number at a time; raises Problem 503 where too many wait."""

    def __init__(self, work: Work | None = None) -> None:
        self._work = work or Work()
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """A new password as it is stored."""
        async with self._place():
            return await asyncio.to_thread(self._work.hash, password)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and the hash to store instead where the old one is of an older form.

        Without a ``hashed`` it is not, after the same work.
        """
        async with self._place():
            right, renewed = await asyncio.to_thread(self._work.verify, password, hashed or self._work.nobodys())
        return right and hashed is not None, renewed

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._waiting >= MAX_WAITING:
            raise Problem(503, "Too many passwords are being verified; try again.", headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._slots.release()


@cache
def _hasher(work: Work) -> "PasswordHash":
    # Most processes never see a password, and what these import would stay in their memory.
    from pwdlib import PasswordHash  # noqa: PLC0415
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415

    _give_memory_back()
    return PasswordHash((Argon2Hasher(time_cost=work.passes, memory_cost=work.memory, parallelism=work.lanes),))


def _give_memory_back() -> None:
    """Let glibc return the memory of a hash as soon as it is made.

    Left alone it learns from the first that such blocks are worth keeping, and up to 60 MB stay with an idle service.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
