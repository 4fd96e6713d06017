"""What was used: sums over the ledger, and how quotas stand. For the ordinary routes, through SQLAlchemy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from .tables import ledger, quota_holds, quota_usage

Group = Literal["day", "user", "provider", "model", "locality"]
_COLUMNS = {
    "day": ledger.c.day,
    "user": ledger.c.user_id,
    "provider": ledger.c.provider,
    "model": ledger.c.model,
    "locality": ledger.c.locality,
}


@dataclass(frozen=True, slots=True)
class Sum:
    """What some calls used together; ``keys`` are those of its groups, in their order.

    ``nano_usd`` is billionths of a US dollar. ``unpriced`` counts the calls that no price is known for.
    """

    keys: tuple[str, ...]
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    nano_usd: int
    unpriced: int


class UsageRepository:
    """Reads only. Days are YYYY-MM-DD."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def sums(
        self, *, first: str, last: str, groups: Sequence[Group] = (), user_id: str | None = None
    ) -> list[Sum]:
        """What was used from day ``first`` to day ``last``, both included; of all users where none is named."""
        columns = [_COLUMNS[group] for group in groups]
        wanted = (
            select(
                *columns,
                func.count(),
                func.coalesce(func.sum(case((ledger.c.outcome == "failed", 1), else_=0)), 0),
                func.coalesce(func.sum(ledger.c.input_tokens), 0),
                func.coalesce(func.sum(ledger.c.output_tokens), 0),
                func.coalesce(func.sum(ledger.c.nano_usd), 0),
                func.coalesce(func.sum(case((ledger.c.nano_usd.is_(None), 1), else_=0)), 0),
            )
            .where(ledger.c.day >= first, ledger.c.day <= last)
            .group_by(*columns)
            .order_by(*columns)
        )
        if user_id is not None:
            wanted = wanted.where(ledger.c.user_id == user_id)
        async with self._engine.connect() as connection:
            rows = (await connection.execute(wanted)).all()
        width = len(columns)
        return [Sum(tuple(row[:width]), *(int(number) for number in row[width:])) for row in rows]

    async def used(self, subject: str, *, day: str, at: int) -> dict[str, int]:
        """How much of each unit a subject of quotas has used on that day, what is reserved at ``at`` included."""
        settled = select(quota_usage.c.unit, quota_usage.c.used).where(
            quota_usage.c.day == day, quota_usage.c.subject == subject
        )
        held = (
            select(quota_holds.c.unit, func.sum(quota_holds.c.amount))
            .where(quota_holds.c.day == day, quota_holds.c.subject == subject, quota_holds.c.until > at)
            .group_by(quota_holds.c.unit)
        )
        sums: dict[str, int] = {}
        async with self._engine.connect() as connection:
            for query in (settled, held):
                for unit, amount in (await connection.execute(query)).all():
                    sums[unit] = sums.get(unit, 0) + int(amount)
        return sums
