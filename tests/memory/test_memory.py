import json

import httpx
import pytest
from novakit.clock import FakeClock
from novakit.identity import TOKEN_HEADER, USER_HEADER, sign
from novakit.settings import SettingsError
from starlette.types import Message

from services.memory.app.config import Settings
from services.memory.app.main import create_app
from services.memory.app.preferences.repository import PreferencesRepository
from tests.support.databases import BOTH

URL = "/api/memory/preferences"
SECRET = "s" * 32


def headers(clock: FakeClock, user: str = "user-1", audience: str = "memory") -> dict[str, str]:
    return {TOKEN_HEADER: sign(SECRET, issuer="gateway", audience=audience, wall=clock.wall()), USER_HEADER: user}


@BOTH
async def test_a_user_without_preferences_has_no_order(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await memory.get(URL, headers=headers(clock))

    assert (answer.status_code, answer.json()) == (200, {"provider_order": None, "hedging": None})


@BOTH
async def test_what_was_put_is_answered_and_kept(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    wanted = {"provider_order": ["gemini", "ollama"], "hedging": True}
    put = await memory.put(URL, headers=headers(clock), json=wanted)
    got = await memory.get(URL, headers=headers(clock))

    assert put.status_code == 200
    assert put.json() == got.json() == wanted


@BOTH
async def test_a_put_replaces_what_was_there(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    await memory.put(URL, headers=headers(clock), json={"provider_order": ["gemini"]})
    put = await memory.put(URL, headers=headers(clock), json={})
    got = await memory.get(URL, headers=headers(clock))

    assert put.json() == got.json() == {"provider_order": None, "hedging": None}


@BOTH
async def test_users_do_not_see_each_other(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    await memory.put(URL, headers=headers(clock), json={"provider_order": ["gemini"]})
    other = await memory.get(URL, headers=headers(clock, user="user-2"))

    assert other.json() == {"provider_order": None, "hedging": None}


@BOTH
async def test_preferences_outlive_a_restart(settings: Settings, clock: FakeClock) -> None:
    for method, body in (("PUT", {"provider_order": ["openai"]}), ("GET", None)):
        app = create_app(settings, clock=clock)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
                answer = await client.request(method, URL, headers=headers(clock), json=body)

        assert answer.json() == {"provider_order": ["openai"], "hedging": None}


async def test_fields_that_are_not_known_are_refused_by_name(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await memory.put(URL, headers=headers(clock), json={"cloud_allowed": True, "temper": False})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cloud_allowed" in answer.json()["detail"]
    assert "temper" in answer.json()["detail"]


@pytest.mark.parametrize(
    "order",
    [
        [],
        ["ollama", "ollama"],
        ["Ollama"],
        ["a b"],
        ["ollama\n"],
        [""],
        ["x" * 33],
        [f"p{number}" for number in range(9)],
        "ollama",
        [1],
    ],
)
async def test_an_order_is_one_to_eight_distinct_names(
    memory: httpx.AsyncClient, clock: FakeClock, order: object
) -> None:
    answer = await memory.put(URL, headers=headers(clock), json={"provider_order": order})
    kept = await memory.get(URL, headers=headers(clock))

    assert answer.status_code == 422
    assert "provider_order" in answer.json()["detail"]
    assert kept.json() == {"provider_order": None, "hedging": None}


@BOTH
async def test_the_longest_order_is_kept(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    order = [f"{number}_-{'x' * 29}" for number in range(8)]
    answer = await memory.put(URL, headers=headers(clock), json={"provider_order": order})

    assert answer.json() == {"provider_order": order, "hedging": None}


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_call_without_a_token_is_not_believed(memory: httpx.AsyncClient, method: str) -> None:
    answer = await memory.request(method, URL, headers={USER_HEADER: "user-1"}, json={})

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


async def test_a_token_for_another_service_is_not_believed(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await memory.get(URL, headers=headers(clock, audience="intelligence"))

    assert answer.status_code == 401


async def test_a_token_of_another_secret_is_not_believed(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    forged = sign("t" * 32, issuer="gateway", audience="memory", wall=clock.wall())
    answer = await memory.get(URL, headers={TOKEN_HEADER: forged, USER_HEADER: "user-1"})

    assert answer.status_code == 401


async def test_an_old_token_is_not_believed(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    old = headers(clock)
    clock.advance(3600)
    answer = await memory.get(URL, headers=old)

    assert answer.status_code == 401


@pytest.mark.parametrize("user", ["", "x" * 65])
async def test_a_call_must_name_a_user(memory: httpx.AsyncClient, clock: FakeClock, user: str) -> None:
    answer = await memory.get(URL, headers=headers(clock, user=user))

    assert answer.status_code == 401
    assert USER_HEADER in answer.json()["detail"]


@BOTH
async def test_health_and_readiness_need_no_token(memory: httpx.AsyncClient) -> None:
    assert (await memory.get("/healthz")).json() == {"status": "ok"}
    assert (await memory.get("/readyz")).json() == {"status": "ready", "checks": {"database": "ok"}}


async def test_requests_are_counted_by_route_and_status(memory: httpx.AsyncClient, clock: FakeClock) -> None:
    await memory.get(URL, headers=headers(clock))
    await memory.get(URL)
    await memory.get("/api/memory/secret-of-someone")
    text = (await memory.get("/metrics")).text

    assert 'memory_requests_total{route="preferences",status="200"} 1.0' in text
    assert 'memory_requests_total{route="preferences",status="401"} 1.0' in text
    assert 'memory_requests_total{route="unknown",status="404"} 1.0' in text
    assert "secret-of-someone" not in text


async def test_a_log_line_names_neither_the_user_nor_the_preference(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
            sent = {**headers(clock, user="jane"), "x-request-id": "request-7"}
            await client.put(URL, headers=sent, json={"provider_order": ["gemini"]})
            await client.get("/healthz")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert len(lines) == 1
    assert lines[0]["service"] == "memory"
    assert (lines[0]["route"], lines[0]["status"], lines[0]["request_id"]) == ("preferences", 200, "request-7")
    assert len(lines[0]["user"]) == 12
    assert "jane" not in str(lines)
    assert "gemini" not in str(lines)


async def test_a_server_starts_and_stops_it(settings: Settings, clock: FakeClock) -> None:
    orders = iter(["startup", "shutdown"])
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": f"lifespan.{next(orders)}"}

    async def send(message: Message) -> None:
        sent.append(message["type"])

    await create_app(settings, clock=clock)({"type": "lifespan", "state": {}}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_what_breaks_inside_is_told_and_logged_without_its_words(
    settings: Settings, clock: FakeClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: PreferencesRepository, user_id: str) -> object:
        raise ValueError("inside")

    monkeypatch.setattr(PreferencesRepository, "get", broken)
    app = create_app(settings, clock=clock)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://memory") as client:
            answer = await client.get(URL, headers=headers(clock))
    out = capsys.readouterr().out

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "inside" not in answer.text + out
    assert '"error":"ValueError"' in out


def test_a_short_secret_stops_the_start_with_one_sentence() -> None:
    with pytest.raises(SettingsError, match=r"^SERVICE_JWT_SECRET: .*at least 32 characters\.$"):
        Settings.load({"SERVICE_JWT_SECRET": "short"})


async def test_the_document_describes_the_preferences_with_their_errors(memory: httpx.AsyncClient) -> None:
    described = (await memory.get("/openapi.json")).json()
    routes = described["paths"]["/api/memory/preferences"]

    assert list(routes["get"]["responses"]) == ["200", "401"]
    assert list(routes["put"]["responses"]) == ["200", "401", "413", "422"]
    assert list(routes["put"]["responses"]["422"]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in str(described)
