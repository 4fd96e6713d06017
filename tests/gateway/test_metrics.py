import asyncio

import pytest
from novakit import logs
from novakit.clock import FakeClock
from novakit.later import later
from novakit.pseudonyms import Pseudonyms
from novakit.tracing import Tracer
from novakit.tracing_settings import Export, Sampler
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pydantic import SecretStr

from services.gateway.app.config import Settings
from services.gateway.app.exchange import Exchange
from services.gateway.app.metrics import GatewayMetrics
from services.gateway.app.watch import Watch

from .running import BEARER, Gateway, running

TOKEN = "m" * 20


@pytest.mark.parametrize(
    ("host", "proxies", "token", "sent", "status"),
    [
        ("127.0.0.1", "", None, None, 200),
        ("::1", "", None, None, 200),
        ("localhost", "", TOKEN, None, 200),
        ("0.0.0.0", "", None, None, 404),
        ("0.0.0.0", "", None, "Bearer ", 404),
        ("0.0.0.0", "", TOKEN, None, 401),
        ("0.0.0.0", "", TOKEN, "Bearer wrong", 401),
        ("0.0.0.0", "", TOKEN, TOKEN, 401),
        ("0.0.0.0", "", TOKEN, f"Bearer {TOKEN}", 200),
        ("127.0.0.1", "10.0.0.2", None, None, 404),
        ("127.0.0.1", "10.0.0.2", TOKEN, None, 401),
        ("127.0.0.1", "10.0.0.2", TOKEN, f"Bearer {TOKEN}", 200),
    ],
)
async def test_metrics_are_open_on_loopback_alone_and_else_need_the_token(
    settings: Settings, clock: FakeClock, host: str, proxies: str, token: str | None, sent: str | None, status: int
) -> None:
    changed = {
        "novacore_host": host,
        "trusted_proxies": proxies,
        "metrics_token": None if token is None else SecretStr(token),
    }
    async with running(settings.model_copy(update=changed), clock) as gateway:
        answer = await gateway.get("/metrics", {} if sent is None else {"Authorization": sent})

    assert answer.status == status
    assert (b"gateway_requests" in answer.body) == (status == 200)


async def test_an_api_key_opens_no_metrics(settings: Settings, clock: FakeClock) -> None:
    changed = settings.model_copy(update={"novacore_host": "0.0.0.0", "metrics_token": SecretStr(TOKEN)})
    async with running(changed, clock) as gateway:
        assert (await gateway.get("/metrics", BEARER)).status == 401


async def test_requests_are_counted_by_route_and_status(gateway: Gateway) -> None:
    for _ in range(2):
        await gateway.get("/v1/models", BEARER)
    await gateway.get("/api/chat/sessions/0190-secret")
    await gateway.get("/somewhere/secret")
    answer = await gateway.get("/metrics")
    text = answer.body.decode()

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'gateway_requests_total{service="gateway",route="v1",status="200"} 2.0' in text
    assert 'gateway_requests_total{service="gateway",route="chat",status="401"} 1.0' in text
    assert 'gateway_requests_total{service="gateway",route="page",status="404"} 1.0' in text
    assert 'gateway_sign_ins_total{service="gateway",outcome="accepted",way="password"} 0.0' in text
    assert 'gateway_rate_limited_total{service="gateway"} 0.0' in text
    assert "process_resident_memory_bytes" in text
    assert "python_info" in text
    assert "secret" not in text


async def test_two_gateways_in_one_process_count_each_for_itself(
    gateway: Gateway, settings: Settings, clock: FakeClock
) -> None:
    await gateway.get("/v1/models", BEARER)
    async with running(settings, clock) as other:
        text = (await other.get("/metrics")).body.decode()

    assert 'route="v1"' not in text


async def test_an_exemplar_carries_the_time_of_its_request_also_where_it_is_told_later(clock: FakeClock) -> None:
    metrics = GatewayMetrics()
    tracer = Tracer("gateway", Export("http://127.0.0.1:1", {}, Sampler(), {}), metrics.spans)
    watch = Watch(metrics, tracer, Pseudonyms("secret"), clock, logs.get("requests"))
    later.put_off(asyncio.get_running_loop())
    try:
        watch.end("chat", "POST", Exchange(_nowhere, "r", (), watch.begin("chat")), 0.5)
        ended = clock.wall()
        clock.advance(0.2)
        told = metrics.told.render("application/openmetrics-text")[0].decode()
    finally:
        later.at_once()
    [seen] = [
        sample.exemplar
        for family in text_string_to_metric_families(told)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if sample.name == "gateway_requests_total" and sample.exemplar is not None
    ]
    assert float(seen.timestamp or 0) == ended


async def _nowhere(_message: object) -> None:
    return None
