"""Identifiers: UUID version 7 (RFC 9562 section 5.7), whose text sorts by the millisecond of its making."""

import secrets
from collections.abc import Callable
from uuid import UUID

from .clock import Clock

NewId = Callable[[], str]


def uuid7(wall_seconds: float, random_bits: int) -> UUID:
    """Build one from a wall-clock time and at least 74 random bits (more are cut off)."""
    milliseconds = int(wall_seconds * 1000) & ((1 << 48) - 1)
    rand_a = random_bits & 0xFFF
    rand_b = (random_bits >> 12) & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def id_source(clock: Clock, random_bits: Callable[[int], int] = secrets.randbits) -> NewId:
    """A function that makes a new id at each call, as text."""
    return lambda: str(uuid7(clock.wall(), random_bits(74)))


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual form of 36 characters."""
    if len(text) != 36:
        return False
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
