import io

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from novakit.clock import FakeClock

from services.gateway.app.config import Settings
from services.gateway.app.limits.bucket import full, take
from services.gateway.app.limits.limiter import Limiter

from .running import BEARER, running
from .upstream import Upstream


def test_a_full_bucket_gives_its_capacity_at_once_and_no_more() -> None:
    bucket = full(3, 0.5, now=0)
    waits = []
    for _ in range(4):
        bucket, wait = take(bucket, now=0)
        waits.append(wait)

    assert waits == [0, 0, 0, 2]


def test_a_bucket_refills_with_time_up_to_its_capacity() -> None:
    bucket, _ = take(full(3, 0.5, now=0), now=0, cost=3)
    _, after_two = take(bucket, now=2)
    _, four_after_an_hour = take(bucket, now=3600, cost=4)

    assert after_two == 0
    assert four_after_an_hour == 2


def test_what_cannot_be_taken_leaves_the_bucket_as_full_as_it_was() -> None:
    bucket, _ = take(full(1, 1, now=0), now=0)
    after, wait = take(bucket, now=0.5)

    assert (after.tokens, wait) == (0.5, 0.5)
    assert take(after, now=1)[1] == 0


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket, _ = take(full(1, 1, now=100), now=100)

    assert take(bucket, now=50)[1] == 1


@examples(derandomize=True, deadline=None, database=None)
@given(
    gaps=st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=200),
    capacity=st.integers(min_value=1, max_value=20),
)
def test_over_any_time_no_more_passes_than_the_capacity_and_the_refill(gaps: list[float], capacity: int) -> None:
    per_second = 0.25
    bucket = full(capacity, per_second, now=0)
    now = 0.0
    passed = 0
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, now)
        passed += wait == 0
        assert wait >= 0

        assert passed <= capacity + now * per_second + 1e-6


@examples(derandomize=True, deadline=None, database=None)
@given(st.floats(min_value=0, max_value=1000), st.floats(min_value=0.01, max_value=10))
def test_who_waits_as_long_as_told_gets_through(elapsed: float, per_second: float) -> None:
    bucket, _ = take(full(1, per_second, now=0), now=0)
    bucket, wait = take(bucket, now=elapsed)
    if wait:
        assert take(bucket, now=elapsed + wait + 1e-6)[1] < 1e-3


def test_keys_do_not_share_a_bucket() -> None:
    limiter = Limiter(1, FakeClock())

    assert [limiter.wait("a"), limiter.wait("b"), limiter.wait("a"), limiter.wait("b")] == [0, 0, 60, 60]


def test_the_limiter_forgets_who_was_quiet_for_longest() -> None:
    limiter = Limiter(1, FakeClock(), max_keys=2)
    for key in ("a", "b", "a", "c"):
        limiter.wait(key)

    assert len(limiter) == 2
    assert limiter.wait("a") > 0
    assert limiter.wait("b") == 0


@pytest.fixture
def limited(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit_per_minute": 2})


@pytest.mark.parametrize(
    "path",
    ["/api/chat/message", "/api/chat/stream", "/api/chat/messages/some-id/continue", "/v1/chat/completions"],
)
async def test_a_user_may_start_so_many_generations_a_minute(
    limited: Settings, clock: FakeClock, intelligence: Upstream, path: str
) -> None:
    async with running(limited, clock) as gateway:
        answers = [await gateway.post(path, BEARER, b"{}") for _ in range(3)]
        metrics = (await gateway.get("/metrics")).body.decode()
        clock.advance(29)
        early = await gateway.post(path, BEARER, b"{}")
        clock.advance(1)
        in_time = await gateway.post(path, BEARER, b"{}")

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "30"
    assert "2 generations a minute" in answers[2].body.decode()
    assert 'gateway_rate_limited_total{service="gateway"} 1.0' in metrics
    assert (early.status, early.headers["retry-after"], in_time.status) == (429, "1", 200)
    assert len([call for call in intelligence.calls if call.target == path]) == 3


async def test_under_v1_the_limit_is_told_in_openais_shape(limited: Settings, clock: FakeClock) -> None:
    async with running(limited, clock) as gateway:
        for _ in range(3):
            answer = await gateway.post("/v1/chat/completions", BEARER, b"{}")

    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert answer.json()["error"]["code"] == "rate_limit_exceeded"


async def test_a_disguised_path_is_limited_too(limited: Settings, clock: FakeClock) -> None:
    async with running(limited, clock) as gateway:
        statuses = [(await gateway.post("/api/chat/%6dessage", BEARER, b"{}")).status for _ in range(3)]

    assert statuses == [200, 200, 429]


async def test_only_generations_are_limited(limited: Settings, clock: FakeClock) -> None:
    async with running(limited, clock) as gateway:
        for path in ("/api/chat/sessions", "/v1/models", "/api/memory/preferences", "/api/chat/message"):
            assert [(await gateway.get(path, BEARER)).status for _ in range(4)] == [200] * 4
        assert [(await gateway.post("/api/chat/sessions", BEARER)).status for _ in range(4)] == [200] * 4


async def test_a_user_has_one_limit_over_all_keys(limited: Settings, clock: FakeClock) -> None:
    async with running(limited, clock) as gateway:
        made = await gateway.post_json("/api/auth/keys", BEARER, {"name": "other"})
        other = {"Authorization": f"Bearer {made.json()['key']}"}
        statuses = [(await gateway.post("/api/chat/message", key, b"{}")).status for key in (BEARER, other, other)]

    assert statuses == [200, 200, 429]


async def test_what_was_never_forwarded_counts_not(limited: Settings, clock: FakeClock) -> None:
    too_large = b"x" * (1024 * 1024 + 1)
    async with running(limited, clock) as gateway:
        for _ in range(3):
            assert (await gateway.post("/api/chat/message", {}, b"{}")).status == 401
            assert (await gateway.post("/api/chat/message", BEARER, io.BytesIO(too_large))).status == 413
        statuses = [(await gateway.post("/api/chat/message", BEARER, b"{}")).status for _ in range(3)]

    assert statuses == [200, 200, 429]
