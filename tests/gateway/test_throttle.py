"""Passwords cannot be guessed, and nobody is kept out of an account by others who try."""

import asyncio

import pytest
from novakit.clock import FakeClock
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.gateway.app.auth.passwords import AT_A_TIME, MAX_WAITING, Passwords, Work
from services.gateway.app.auth.throttle import ACCEPTED_BURST, NAME_BURST, PAIR_BURST, SignInThrottle
from services.gateway.app.config import Settings
from services.gateway.app.limits.limiter import Limiter
from services.gateway.app.network import neighbourhood
from tests.support.databases import BOTH, MadeDatabase

from .running import AS_SERVED, BEARER, LIGHT, PASSWORD, Answer, Gateway, running

pytestmark = BOTH

HOME = "203.0.113.7"


def attempts(throttle: SignInThrottle, address: str, count: int, *, known: bool = False, name: str = "ada") -> int:
    """How many of so many attempts in a row are let through."""
    return sum(throttle.wait(name, address, known=known) == 0 for _ in range(count))


def test_one_address_tries_one_name_five_times_at_once() -> None:
    clock = FakeClock()
    throttle = SignInThrottle(clock)

    assert attempts(throttle, HOME, 10) == 5
    assert throttle.wait("ada", HOME, known=False) == 12
    clock.advance(12)
    assert attempts(throttle, HOME, 10) == 1


def test_one_address_tries_many_names_twenty_times_at_once() -> None:
    throttle = SignInThrottle(FakeClock())

    assert sum(attempts(throttle, HOME, 1, name=f"user {number}") for number in range(40)) == 20


def test_many_addresses_try_one_name_thirty_times_at_once_and_thirty_times_an_hour() -> None:
    clock = FakeClock()
    throttle = SignInThrottle(clock)

    assert sum(attempts(throttle, f"198.51.100.{number}", 1) for number in range(100)) == 30
    clock.advance(3600)
    assert sum(attempts(throttle, f"192.0.2.{number}", 1) for number in range(100)) == 30


def test_no_number_of_others_keeps_the_owner_out_where_they_have_signed_in_before() -> None:
    throttle = SignInThrottle(FakeClock())
    for number in range(200):
        attempts(throttle, f"198.51.100.{number}", PAIR_BURST)

    assert throttle.wait("ada", HOME, known=False) > 0
    assert throttle.wait("ada", HOME, known=True) == 0


def test_what_is_refused_by_one_measure_is_counted_by_none() -> None:
    throttle = SignInThrottle(FakeClock())
    attempts(throttle, HOME, 100)

    assert sum(attempts(throttle, f"192.0.2.{number}", 1) for number in range(100)) == NAME_BURST - PAIR_BURST


def signed_in(throttle: SignInThrottle, address: str, count: int, name: str = "ada") -> int:
    """How many of so many right passwords in a row are let through."""
    done = 0
    for _ in range(count):
        if throttle.wait(name, address, known=True) == 0:
            throttle.succeeded(name, address, known=True)
            done += 1
    return done


def test_a_right_password_costs_no_attempt() -> None:
    throttle = SignInThrottle(FakeClock())

    assert signed_in(throttle, HOME, 25) == 25
    assert attempts(throttle, HOME, 10) == 5


def test_who_has_an_account_signs_in_thirty_times_at_once_and_holds_nobody_else_back() -> None:
    clock = FakeClock()
    throttle = SignInThrottle(clock)

    assert signed_in(throttle, HOME, 100) == ACCEPTED_BURST
    assert throttle.wait("ada", HOME, known=True) == 6
    assert signed_in(throttle, HOME, 1, name="grace") == 1
    assert signed_in(throttle, "192.0.2.1", 1) == 1
    clock.advance(6)
    assert signed_in(throttle, HOME, 100) == 1


async def test_expired_sign_ins_are_forgotten_while_it_runs(
    gateway: Gateway, database: MadeDatabase, clock: FakeClock
) -> None:
    await gateway.invited("Ada")
    await log_in(gateway, HOME, PASSWORD)
    clock.advance(31 * 86400)
    assert (await log_in(gateway, HOME, PASSWORD)).status == 200

    assert database.rows("SELECT count(*) FROM sign_ins") == [(1,)]


def test_what_is_given_back_is_never_more_than_was_taken() -> None:
    limiter = Limiter(5, FakeClock())
    limiter.give_back("a")
    limiter.wait("a")
    for _ in range(3):
        limiter.give_back("a")

    assert [limiter.wait("a") for _ in range(6)] == [0, 0, 0, 0, 0, 12]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_of_ipv6_is_counted_with_its_neighbours(address: str, counted: str) -> None:
    assert neighbourhood(address) == counted


@pytest.fixture
def proxied(settings: Settings) -> Settings:
    """Behind a proxy that says who calls."""
    return settings.model_copy(update={"trusted_proxies": "127.0.0.1"})


async def log_in(gateway: Gateway, address: str, password: str, name: str = "Ada") -> Answer:
    headers = {"X-Forwarded-For": address}
    return await gateway.post_json("/api/auth/login", headers, {"name": name, "password": password})


@pytest.mark.parametrize("name", ["Ada", "Nobody"])
async def test_too_many_wrong_passwords_are_told_to_wait(gateway: Gateway, name: str) -> None:
    await gateway.invited("Ada")
    answers = [await log_in(gateway, HOME, "wrong", name) for _ in range(6)]
    right = await log_in(gateway, HOME, PASSWORD, name)
    metrics = (await gateway.get("/metrics")).body.decode()

    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert answers[5].headers["retry-after"] == right.headers["retry-after"] == "12"
    assert answers[5].body == right.body
    assert 'gateway_sign_ins_total{service="gateway",outcome="throttled",way="password"} 2.0' in metrics


async def test_an_owner_signs_in_from_home_while_others_try(proxied: Settings, clock: FakeClock) -> None:
    async with running(proxied, clock) as gateway:
        await gateway.invited("Ada")
        assert (await log_in(gateway, HOME, PASSWORD)).status == 200
        statuses = [(await log_in(gateway, f"198.51.100.{number}", "wrong")).status for number in range(31)]
        elsewhere = await log_in(gateway, "192.0.2.1", PASSWORD)
        at_home = await log_in(gateway, HOME, PASSWORD)

    assert statuses == [401] * 30 + [429]
    assert (elsewhere.status, elsewhere.headers["retry-after"]) == (429, "120")
    assert at_home.status == 200


async def test_home_is_known_over_restarts_for_ninety_days(proxied: Settings, clock: FakeClock) -> None:
    async def guessed_and_owner(gateway: Gateway) -> int:
        for number in range(30):
            await log_in(gateway, f"198.51.100.{number}", "wrong")
        return (await log_in(gateway, HOME, PASSWORD)).status

    async with running(proxied, clock) as gateway:
        await gateway.invited("Ada")
        await log_in(gateway, HOME, PASSWORD)
    async with running(proxied, clock) as gateway:
        assert await guessed_and_owner(gateway) == 200
    clock.advance(91 * 86400)
    async with running(proxied, clock) as gateway:
        assert await guessed_and_owner(gateway) == 429


async def test_an_address_is_remembered_where_nobody_can_read_it(proxied: Settings, clock: FakeClock) -> None:
    async with running(proxied, clock) as gateway:
        await gateway.invited("Ada")
        await log_in(gateway, HOME, PASSWORD)
    stored = b"".join(path.read_bytes() for path in proxied.novacore_data_dir.iterdir())

    assert HOME.encode() not in stored


class Watched:
    """The work that signing in makes: what the database is asked, and what is hashed against what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work: list[object] = []
        verify = Work.verify

        def watched(work: Work, password: str, hashed: str) -> tuple[bool, str | None]:
            self.work.append(hashed.rsplit("$", 2)[0])
            return verify(work, password, hashed)

        def asked(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
            self.work.append(statement)

        monkeypatch.setattr(Work, "verify", watched)
        event.listen(Engine, "before_cursor_execute", asked)
        self._asked = asked

    def taken(self) -> list[object]:
        """What was done since the last time."""
        work, self.work = self.work, []
        return work

    def close(self) -> None:
        event.remove(Engine, "before_cursor_execute", self._asked)


@AS_SERVED
async def test_a_sign_in_makes_the_same_work_whether_the_account_exists_or_not(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time itself cannot be tested without luck; what takes it can."""
    await gateway.invited("Ada")
    await gateway.invited("Gone")
    users = (await gateway.get("/api/admin/users?q=gone", BEARER)).json()["users"]
    json = {**BEARER, "Content-Type": "application/json"}
    await gateway.ask("PATCH", f"/api/admin/users/{users[0]['id']}", json, b'{"disabled": true}')
    watched = Watched(monkeypatch)
    works = []
    try:
        for name, password in (("Ada", "wrong password"), ("Nobody", "wrong password"), ("Gone", PASSWORD)):
            assert (await log_in(gateway, HOME, password, name)).status == 401
            works.append(watched.taken())
    finally:
        watched.close()

    assert works[0] == works[1] == works[2]
    assert works[0][-1] == "$argon2id$v=19$m=19456,t=2,p=1"
    assert len(works[0]) > 1


def test_nobodys_hash_is_one_that_verifies_like_any_other_and_fits_no_password() -> None:
    work = Work()
    nobodys, real = work.nobodys(), work.hash(PASSWORD)

    assert [len(part) for part in nobodys.split("$")] == [len(part) for part in real.split("$")]
    assert work.verify(PASSWORD, nobodys) == (False, None)


async def test_a_password_of_an_older_form_is_stored_anew_when_it_is_next_used(
    settings: Settings, database: MadeDatabase, clock: FakeClock
) -> None:
    async with running(settings, clock, work=LIGHT) as gateway:
        await gateway.invited("Ada")
    async with running(settings, clock, work=Work()) as gateway:
        first = await log_in(gateway, HOME, PASSWORD)
        second = await log_in(gateway, HOME, PASSWORD)
    stored = database.stored()

    assert (first.status, second.status) == (200, 200)
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in stored


async def test_few_passwords_are_hashed_at_a_time_and_too_many_are_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    passwords = Passwords()
    gate = asyncio.Event()
    running_now: list[int] = []
    most = 0

    async def in_a_thread(_work: object, *_arguments: object) -> str:
        nonlocal most
        running_now.append(1)
        most = max(most, len(running_now))
        await gate.wait()
        running_now.pop()
        return "hash"

    monkeypatch.setattr(asyncio, "to_thread", in_a_thread)
    tasks = [asyncio.ensure_future(passwords.hash("x")) for _ in range(AT_A_TIME + MAX_WAITING + 1)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert most == AT_A_TIME
    assert results[:-1] == ["hash"] * (AT_A_TIME + MAX_WAITING)
    assert getattr(results[-1], "status", None) == 503
