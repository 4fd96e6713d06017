"""Passwords as they are kept: argon2id, with the parameters that OWASP's password storage cheat sheet names first.

One hash takes 19 MiB and some 40 ms of a core, so few are made at a time, in threads, and the rest wait.
"""

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

from novakit.problem import Problem

if TYPE_CHECKING:
    from pwdlib import PasswordHash

MEMORY_KIB = 19 * 1024
ROUNDS = 2
LANES = 1
AT_A_TIME = 2
MAX_WAITING = 32

NOBODYS = f"$argon2id$v=19$m={MEMORY_KIB},t={ROUNDS},p={LANES}${'A' * 22}${'A' * 43}"
"""A hash that no password has. Verifying one against it costs what verifying a real one does."""

_M_MMAP_THRESHOLD = -3


class Passwords:
    """Hashes and verifies, a bounded number at a time; raises Problem 503 where too many wait."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """A new password as it is stored."""
        async with self._place():
            return await asyncio.to_thread(_hash, password)

    async def verify(self, password: str, hashed: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and the hash to store instead where the old one is of an older form.

        Without a ``hashed`` it is not, after the same work.
        """
        async with self._place():
            right, renewed = await asyncio.to_thread(_verify, password, hashed or NOBODYS)
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


def _hash(password: str) -> str:
    return _hasher().hash(password)


def _verify(password: str, hashed: str) -> tuple[bool, str | None]:
    return _hasher().verify_and_update(password, hashed)


@cache
def _hasher() -> "PasswordHash":
    # Most processes never see a password, and what these import would stay in their memory.
    from pwdlib import PasswordHash  # noqa: PLC0415
    from pwdlib.hashers.argon2 import Argon2Hasher  # noqa: PLC0415

    _give_memory_back()
    return PasswordHash((Argon2Hasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES),))


def _give_memory_back() -> None:
    """Let glibc return the memory of a hash as soon as it is made.

    Left alone it learns from the first that such blocks are worth keeping, and up to 60 MB stay with an idle service.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)
