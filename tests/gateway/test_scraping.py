"""The gateway's /metrics answers for every service on its machine, also while one of them does not."""

import pytest
from novakit.clock import FakeClock
from novakit.identity import TOKEN_HEADER, verify
from novakit.metrics import Metrics
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.app.config import Settings
from tests.support.services import free_port

from .running import BEARER, SECRET, Gateway, running
from .upstream import Call, Script, Upstream, plain, upstream

OPEN = "application/openmetrics-text"


def metrics_of(name: str) -> Metrics:
    metrics = Metrics()
    metrics.counter(f"{name}_things_total", "Things.", "kind")("a").inc(3)
    return metrics


def saying(body: bytes, content_type: str, status: bytes = b"200 OK") -> Script:
    async def say(call: Call) -> None:
        headers = f"content-type: {content_type}\r\n".encode()
        await call.write(plain(body, status=status, headers=headers))

    return say


def tells(scripted: Upstream, name: str) -> None:
    scripted.script = saying(*metrics_of(name).render())


def series(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["service"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_all_services_answer_at_one_address(
    gateway: Gateway, intelligence: Upstream, memory: Upstream, clock: FakeClock
) -> None:
    tells(intelligence, "intelligence")
    tells(memory, "memory")
    answer = await gateway.get("/metrics")
    found = series(answer.body.decode())

    assert answer.status == 200
    assert found["intelligence_things_total", "intelligence"] == 3
    assert found["memory_things_total", "memory"] == 3
    assert {service for name, service in found if name == "novacore_build_info"} == {
        "gateway", "intelligence", "memory",
    }  # fmt: skip
    for scripted, name in ((intelligence, "intelligence"), (memory, "memory")):
        token = scripted.call.header(TOKEN_HEADER) or ""
        assert verify(token, SECRET, audience=name, wall=clock.wall()) > clock.wall()


@pytest.mark.parametrize("fault", ["gone", "status", "no metrics", "another format", "not utf-8"])
async def test_a_service_that_does_not_tell_is_shown_as_down_and_hides_nobody(
    settings: Settings, clock: FakeClock, intelligence: Upstream, memory: Upstream, fault: str
) -> None:
    tells(intelligence, "intelligence")
    body, content_type = metrics_of("memory").render()
    memory.script = {
        "gone": saying(b"", content_type),
        "status": saying(body, content_type, b"500 Broken"),
        "no metrics": saying(b"<html>", content_type),
        "another format": saying(body, "text/html"),
        "not utf-8": saying(b"\xff", content_type),
    }[fault]
    where = {"memory_url": f"http://127.0.0.1:{free_port()}"} if fault == "gone" else {}
    async with running(settings.model_copy(update=where), clock) as gateway:
        text = (await gateway.get("/metrics")).body.decode()
        tells(memory, "memory")
        again = (await gateway.get("/metrics")).body.decode()

    assert 'novacore_service_up{service="gateway",target="intelligence"} 1.0' in text
    assert 'novacore_service_up{service="gateway",target="memory"} 0.0' in text
    assert ("memory_things_total", "memory") not in series(text)
    assert series(text)["intelligence_things_total", "intelligence"] == 3
    assert (("memory_things_total", "memory") in series(again)) == (fault != "gone")


async def test_a_service_that_hangs_costs_a_moment(
    gateway: Gateway, intelligence: Upstream, memory: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.app.scraping.PATIENCE_SECONDS", 0.05)
    tells(intelligence, "intelligence")

    memory.script = Call.until_closed
    text = (await gateway.get("/metrics")).body.decode()

    assert 'novacore_service_up{service="gateway",target="memory"} 0.0' in text


async def test_more_services_are_told_where_the_launcher_names_them(settings: Settings, clock: FakeClock) -> None:
    async with upstream() as local_model:
        tells(local_model, "local_model")
        named = settings.model_copy(update={"metrics_services": f"local_model={local_model.url}"})
        async with running(named, clock) as gateway:
            found = series((await gateway.get("/metrics")).body.decode())

    assert found["local_model_things_total", "local_model"] == 3
    # It knows no tokens, and gets none.
    assert local_model.call.header(TOKEN_HEADER) is None


async def test_services_elsewhere_are_left_to_be_scraped_there(settings: Settings, clock: FakeClock) -> None:
    """Behind one name there may be several, of which only one would answer."""
    elsewhere = {"intelligence_url": "http://intelligence:8081", "memory_url": "http://10.0.0.7:8082"}
    async with running(settings.model_copy(update=elsewhere), clock) as gateway:
        text = (await gateway.get("/metrics", BEARER)).body.decode()

    assert "novacore_service_up{" not in text
    assert {service for _, service in series(text)} == {"gateway"}


async def test_exemplars_come_through_for_whoever_accepts_open_metrics(
    gateway: Gateway, intelligence: Upstream
) -> None:
    metrics = Metrics()
    metrics.counter("things_total", "Things.")().inc(1, ("ab" * 16, 1.0))
    body, content_type = metrics.render(OPEN)
    intelligence.script = saying(body, content_type)
    answer = await gateway.get("/metrics", {"Accept": OPEN})
    [line] = [line for line in answer.body.decode().splitlines() if line.startswith("things_total")]

    assert answer.headers["content-type"] == content_type
    assert line.startswith(f'things_total{{service="intelligence"}} 1.0 # {{trace_id="{"ab" * 16}"}} 1.0')
    assert answer.body.endswith(b"# EOF\n")
