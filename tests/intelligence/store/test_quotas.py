"""What is reserved and settled of a quota, as the database keeps it."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from services.intelligence.app.store import quotas
from services.intelligence.app.store.opening import open_writer
from services.intelligence.app.store.quotas import LEASE_MICROS, Hold, OverQuotaError, Quota, Wanted
from services.intelligence.app.store.sql import Sql, SqliteSql
from tests.support.databases import BOTH, MadeDatabase

DAY, NOW = "2026-11-26", 1_000_000_000
THREE = Quota("user:a", "messages", 3)


def take(connection: Sql, name: str, quota: Quota = THREE, amount: int = 1, at: int = NOW) -> Hold:
    return quotas.reserve(connection, name, [Wanted(quota, amount)], day=DAY, at=at)


def used(connection: Sql, quota: Quota = THREE, at: int = NOW) -> int:
    return quotas.used(connection, quota.subject, quota.unit, day=DAY, at=at)


@BOTH
def test_a_quota_lets_as_many_through_as_it_says_and_tells_how_many_there_were(
    connection: Sql,
) -> None:
    for name in "abc":
        take(connection, name)
    with pytest.raises(OverQuotaError) as refused:
        take(connection, "d")
    assert (refused.value.quota, refused.value.used) == (THREE, 3)


@BOTH
def test_what_was_reserved_for_nothing_is_given_back(connection: Sql) -> None:
    holds = [take(connection, name) for name in "abc"]
    quotas.settle(connection, holds[0], {"messages": 0})
    quotas.settle(connection, holds[1], {"messages": 1})
    assert used(connection) == 2
    take(connection, "d")


@BOTH
def test_more_may_be_used_than_was_reserved_and_then_no_more_is_let_through(connection: Sql) -> None:
    tokens = Quota("user:a", "tokens", 100)
    hold = take(connection, "a", tokens, 10)
    quotas.settle(connection, hold, {"tokens": 120})
    with pytest.raises(OverQuotaError) as refused:
        take(connection, "b", tokens)
    assert refused.value.used == 120


@BOTH
def test_a_reservation_that_nobody_settles_ends_with_its_lease(connection: Sql) -> None:
    hold = take(connection, "a", amount=3)
    assert used(connection) == 3
    assert used(connection, at=NOW + LEASE_MICROS) == 0
    take(connection, "b", amount=3, at=NOW + LEASE_MICROS)
    assert connection.execute("SELECT count(*) FROM quota_holds").fetchone() == (1,)
    quotas.settle(connection, hold, {"messages": 1})
    assert used(connection, at=NOW + LEASE_MICROS) == 4


@BOTH
def test_days_and_subjects_do_not_share_a_quota(connection: Sql) -> None:
    take(connection, "a", amount=3)
    take(connection, "b", Quota("user:b", "messages", 3), 3)
    quotas.reserve(connection, "c", [Wanted(THREE, 3)], day="2026-11-27", at=NOW)


@BOTH
async def test_of_fifty_at_once_exactly_three_get_through(database: MadeDatabase) -> None:
    writer = await open_writer(database.database)

    async def one(number: int) -> bool:
        try:
            await writer.run(lambda connection: take(connection, str(number)))
        except OverQuotaError:
            return False
        return True

    admitted = await asyncio.gather(*(one(number) for number in range(50)))
    await writer.aclose()
    assert sum(admitted) == 3


@examples(derandomize=True, deadline=None, database=None, max_examples=60)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.integers(1, 5)),
            st.tuples(st.just("settle"), st.integers(0, 8)),
            st.tuples(st.just("wait"), st.sampled_from([1, LEASE_MICROS // 2, LEASE_MICROS])),
        ),
        max_size=25,
    )
)
def test_nothing_is_let_through_that_does_not_fit_and_nothing_that_fits_is_refused(
    steps: list[tuple[str, int]],
) -> None:
    limit, now, settled = 10, NOW, 0
    held: dict[str, tuple[Hold, int, int]] = {}
    tokens = Quota("user:a", "tokens", limit)
    with closing(sqlite3.connect(":memory:", isolation_level=None, factory=SqliteSql)) as connection:
        connection.execute("CREATE TABLE quota_usage (day, subject, unit, used, PRIMARY KEY (day, subject, unit))")
        connection.execute("CREATE TABLE quota_holds (id, day, subject, unit, amount, until)")
        for number, (kind, amount) in enumerate(steps):
            alive = sum(size for _, size, until in held.values() if until > now)
            if kind == "take":
                if settled + alive + amount > limit:
                    with pytest.raises(OverQuotaError) as refused:
                        take(connection, str(number), tokens, amount, now)
                    assert refused.value.used == settled + alive
                else:
                    hold = take(connection, str(number), tokens, amount, now)
                    held[hold.id] = hold, amount, now + LEASE_MICROS
            elif kind == "settle" and held:
                hold, _, _ = held.pop(next(iter(held)))
                quotas.settle(connection, hold, {"tokens": amount})
                settled += amount
            elif kind == "wait":
                now += amount
