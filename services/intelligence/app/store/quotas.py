"""Daily quotas: reserved before a call, settled after it. Each function runs inside a transaction.

What is reserved counts as used until it is settled or its lease ends: a process that dies in between leaves nothing
that lasts longer than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .sql import Sql

LEASE_MICROS = 15 * 60 * 1_000_000

Unit = Literal["messages", "tokens", "nano_usd"]


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a unit a subject (a user, a provider) may use in a day."""

    subject: str
    unit: Unit
    limit: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """So much of a quota is to be reserved."""

    quota: Quota
    amount: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A reservation: one id for all that was reserved together, on one day. ``units`` is what it holds."""

    id: str
    day: str
    units: tuple[tuple[str, Unit], ...]


class OverQuotaError(Exception):
    """The quota has not enough left. ``used`` counts what is reserved as well, ``settled`` only what is gone."""

    def __init__(self, quota: Quota, used: int, settled: int) -> None:
        super().__init__(f"{quota.unit} of {quota.subject}")
        self.quota = quota
        self.used = used
        self.settled = settled


def reserve(connection: Sql, hold_id: str, wanted: Sequence[Wanted], *, day: str, at: int) -> Hold:
    """Reserve all of it or nothing; raises OverQuotaError. ``at`` is microseconds since 1970 UTC."""
    connection.execute("DELETE FROM quota_holds WHERE until <= ?", (at,))
    for one in wanted:
        _reserve(connection, hold_id, one, day, at)
    return Hold(hold_id, day, tuple((one.quota.subject, one.quota.unit) for one in wanted))


def settle(connection: Sql, hold: Hold, used: dict[Unit, int]) -> None:
    """Replace what was reserved by what was used, also where the lease has ended by now."""
    connection.execute("DELETE FROM quota_holds WHERE id = ?", (hold.id,))
    for subject, unit in hold.units:
        amount = used.get(unit, 0)
        if amount:
            connection.execute(
                "UPDATE quota_usage SET used = used + ? WHERE day = ? AND subject = ? AND unit = ?",
                (amount, hold.day, subject, unit),
            )


def used(connection: Sql, subject: str, unit: Unit, *, day: str, at: int) -> int:
    """How much of a unit the subject has used on that day, what is reserved included."""
    (held,) = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM quota_holds WHERE day = ? AND subject = ? AND unit = ? AND until > ?",
        (day, subject, unit, at),
    ).fetchone()
    return settled(connection, subject, unit, day=day) + int(held)


def settled(connection: Sql, subject: str, unit: Unit, *, day: str) -> int:
    """How much of a unit the subject has used on that day, without what is reserved."""
    (used,) = connection.execute(
        "SELECT coalesce(sum(used), 0) FROM quota_usage WHERE day = ? AND subject = ? AND unit = ?",
        (day, subject, unit),
    ).fetchone()
    return int(used)


def _reserve(connection: Sql, hold_id: str, wanted: Wanted, day: str, at: int) -> None:
    quota = wanted.quota
    # The write comes first: on a database with several writers it locks the row until the end of the transaction.
    connection.execute(
        "INSERT INTO quota_usage (day, subject, unit, used) VALUES (?, ?, ?, 0)"
        " ON CONFLICT (day, subject, unit) DO UPDATE SET used = quota_usage.used",
        (day, quota.subject, quota.unit),
    )
    so_far = used(connection, quota.subject, quota.unit, day=day, at=at)
    if so_far + wanted.amount > quota.limit:
        raise OverQuotaError(quota, so_far, settled(connection, quota.subject, quota.unit, day=day))
    connection.execute(
        "INSERT INTO quota_holds (id, day, subject, unit, amount, until) VALUES (?, ?, ?, ?, ?, ?)",
        (hold_id, day, quota.subject, quota.unit, wanted.amount, at + LEASE_MICROS),
    )
