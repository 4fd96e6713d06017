"""Which spans are recorded, how they hang together, and how they get to a collector."""

import asyncio
import io
import json
import re
import subprocess
import sys

import pytest
from novakit import logs
from novakit.metrics import Bound, Counter, Metrics
from novakit.otlp import CLIENT, encode_kind, encode_span
from novakit.settings import SettingsError
from novakit.tracing import Tracer, child_header
from novakit.tracing_settings import Export, Sampler, TracingSettings
from novakit.version import VERSION

from tests.support.collector import Collector

PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"
UNSAMPLED = f"{PARENT[:-2]}00"
SOON = 0.01
ALL = Sampler()
SDK = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf")
"""FastAPI itself loads OpenTelemetry's API."""


@pytest.fixture(autouse=True)
def written() -> io.StringIO:
    """Our log lines."""
    out = io.StringIO()
    logs.setup("intelligence", out=out)
    return out


class Kept:
    """What became of the spans."""

    def __init__(self) -> None:
        self.bound: Bound[Counter] = Metrics().spans()

    def counts(self) -> tuple[float, float]:
        return self.bound("exported").value, self.bound("dropped").value


def tracer(export: Export | None, kept: Kept | None = None) -> Tracer:
    return Tracer("intelligence", export, (kept or Kept()).bound)


def nowhere(sampler: Sampler = ALL, *, queue: int = 2048, batch: int = 512) -> Export:
    return Export("http://127.0.0.1:1/v1/traces", {}, sampler, {}, delay=600, queue=queue, batch=batch)


def to(collector: Collector, *, delay: float = SOON, batch: int = 512) -> Export:
    return Export(f"{collector.url}/v1/traces", {}, ALL, {}, delay=delay, batch=batch)


def span(name: str = "x") -> bytes:
    return encode_span("ab" * 16, "cd" * 8, "", 1, 2, encode_kind(name, CLIENT, {"a": "b"}))


NONE = [
    None,
    "",
    "00",
    PARENT.upper(),
    f"ff{PARENT[2:]}",
    f"00-{'0' * 32}-{'cd' * 8}-01",
    f"00-{'ab' * 16}-{'0' * 16}-01",
    f"{PARENT}x",
    f" {PARENT}",
    PARENT[:-1],
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_traceparent_names_no_span(text: str | None) -> None:
    begun = tracer(nowhere()).begin(text)
    assert begun is not None
    assert begun.parent_id == ""
    assert begun.trace_id != "ab" * 16


@pytest.mark.parametrize("sampler", [ALL, Sampler(follows_parent=False)])
@pytest.mark.parametrize("text", [PARENT, f"01{PARENT[2:]}", f"01{PARENT[2:]}-more", f"{PARENT[:-2]}03"])
def test_a_traceparent_of_a_later_version_is_read_as_far_as_it_is_known(text: str, sampler: Sampler) -> None:
    begun = tracer(nowhere(sampler)).begin(text)
    assert begun is not None
    assert (begun.trace_id, begun.parent_id, begun.sampled) == ("ab" * 16, "cd" * 8, True)
    assert re.fullmatch(f"00-{begun.trace_id}-[0-9a-f]{{12}}0007-0[13]", child_header(begun.traceparent, 7))


def test_all_spans_of_a_request_have_ids_of_their_own() -> None:
    door, within = tracer(nowhere()), tracer(nowhere())
    first = door.begin(None)
    assert first is not None
    second = within.begin(first.traceparent)
    assert second is not None
    calls = [second.child_id(number) for number in range(1, 500)]
    assert [child_header(second.traceparent, number) for number in range(1, 500)] == [
        f"00-{first.trace_id}-{call}-01" for call in calls
    ]
    ids = {first.span_id, second.span_id, *calls}
    assert len(ids) == 501
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    assert (first.parent_id, second.parent_id, second.trace_id) == ("", first.span_id, first.trace_id)


def test_what_is_not_traced_has_no_child() -> None:
    assert child_header("", 1) == ""


def test_a_new_span_belongs_to_its_parents_trace_or_begins_one() -> None:
    started = tracer(nowhere())
    inner, first, second = started.begin(PARENT), started.begin(None), started.begin("nonsense")
    assert inner is not None
    assert first is not None
    assert second is not None
    assert (inner.trace_id, inner.parent_id) == ("ab" * 16, "cd" * 8)
    assert (first.parent_id, second.parent_id) == ("", "")
    assert len({inner.trace_id, first.trace_id, second.trace_id}) == 3


@pytest.mark.parametrize(
    ("name", "argument", "decisions"),
    [
        ("always_on", "1", [True, True, True]),
        ("always_off", "1", [False, False, False]),
        ("traceidratio", "0", [False, False, False]),
        ("traceidratio", "1", [True, True, True]),
        ("parentbased_always_on", "1", [True, True, False]),
        ("parentbased_always_off", "1", [False, True, False]),
        ("parentbased_traceidratio", "0", [False, True, False]),
    ],
)
def test_samplers_decide_as_opentelemetry_says(name: str, argument: str, decisions: list[bool]) -> None:
    """Of the first of a trace, of one below a recorded span, and of one below a span that is not."""
    sampler = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    started = tracer(TracingSettings.load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", **sampler}).export)
    begun = [started.begin(header) for header in (None, PARENT, UNSAMPLED)]
    assert [trace.sampled for trace in begun if trace is not None] == decisions


def test_a_ratio_is_decided_by_the_traces_id_so_that_all_services_decide_alike() -> None:
    sampler = Sampler(0.25, follows_parent=False)
    mine, other = tracer(nowhere(sampler)), tracer(nowhere(sampler))
    begun = [trace for trace in (mine.begin(None) for _ in range(2000)) if trace is not None]
    assert 400 < len([trace for trace in begun if trace.sampled]) < 600
    for trace in begun:
        again = other.begin(trace.traceparent)
        assert again is not None
        assert again.sampled == trace.sampled


def test_what_is_off_begins_nothing_and_loads_nothing() -> None:
    off = tracer(None)
    assert (off.on, off.begin(PARENT)) == (False, None)
    code = (
        "import sys, novakit.tracing, services.gateway.app.main, services.intelligence.app.main;"
        f"print([name for name in sys.modules if name.startswith({SDK!r})])"
    )
    environ = {"PATH": "/usr/bin", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout == "[]\n"


async def test_spans_are_sent_soon_and_many_at_a_time() -> None:
    kept = Kept()
    async with Collector() as collector:
        started = tracer(to(collector, batch=10), kept)
        async with started.running():
            for number in range(25):
                started.record(span(str(number)))
            spans = await collector.wait(25)
            assert [each.name for each in spans] == [str(number) for number in range(25)]
            assert len(collector.headers) == 3
            assert spans[0].resource == {"service.name": "intelligence", "service.version": VERSION}
    assert kept.counts() == (25, 0)


async def test_a_span_that_comes_while_others_are_sent_waits_for_company() -> None:
    kept = Kept()
    async with Collector() as collector:
        collector.hold = asyncio.Event()
        started = tracer(to(collector, delay=600, batch=10), kept)
        async with started.running():
            for _ in range(10):
                started.record(span())
            await collector.wait(10)
            started.record(span())
            collector.hold.set()
            while kept.counts()[0] < 10:  # noqa: ASYNC110 (the exporter tells no one)
                await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
            for _ in range(9):
                started.record(span())
            await collector.wait(20)
            assert len(collector.headers) == 2


async def test_what_was_not_sent_yet_is_sent_at_the_end() -> None:
    async with Collector() as collector:
        started = tracer(to(collector, delay=600))
        async with started.running():
            started.record(span())
        assert len(collector.spans) == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_collector_that_is_busy_is_asked_again(status: int) -> None:
    kept = Kept()
    async with Collector([status, status]) as collector:
        started = tracer(to(collector), kept)
        async with started.running():
            started.record(span())
            assert len(await collector.wait(1)) == 1
            assert len(collector.headers) == 3
    assert kept.counts() == (1, 0)


async def test_what_a_collector_does_not_take_is_dropped_and_said_once(written: io.StringIO) -> None:
    kept = Kept()
    async with Collector([400, 401, 200]) as collector:
        started = tracer(to(collector), kept)
        async with started.running():
            for times in (1, 2, 3):
                started.record(span())
                await collector.asked(times)
        assert len(collector.spans) == 1
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [(line["event"], line.get("problem")) for line in lines] == [
        ("traces_not_exported", "HTTP 400"),
        ("traces_exported_again", None),
    ]
    assert kept.counts() == (1, 2)


async def test_without_a_collector_nothing_waits_and_the_queue_has_an_end() -> None:
    kept = Kept()
    started = tracer(nowhere(queue=3, batch=2), kept)
    async with started.running():
        for _ in range(10):
            started.record(span())
        await asyncio.sleep(0)
    assert kept.counts() == (0, 10)


async def test_what_is_sent_is_compressed_and_carries_the_headers() -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x=1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=a%20b, y=2",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=home,service.name=mine",
    }
    async with Collector() as collector:
        settings = TracingSettings.load({**environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/"})
        started = tracer(settings.export)
        async with started.running():
            started.record(span())
        [headers], [read] = collector.headers, collector.spans
    assert (headers["api-key"], headers["y"], "x" in headers) == ("a b", "2", False)
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("gzip", "application/x-protobuf")
    assert read.resource["service.name"] == "mine"
    assert read.resource["deployment.environment.name"] == "home"


BASE, OWN = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({BASE: "http://c:4318"}, "http://c:4318/v1/traces"),
        ({BASE: "http://c/otlp/"}, "http://c/otlp/v1/traces"),
        ({OWN: "http://c/x"}, "http://c/x"),
        ({BASE: "http://a", OWN: "http://b/t"}, "http://b/t"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "http://localhost:4318/v1/traces"),
        ({"OTEL_TRACES_EXPORTER": "none", BASE: "http://c"}, None),
        ({"OTEL_SDK_DISABLED": "true", BASE: "http://c"}, None),
    ],
)
def test_traces_go_where_the_environment_says_and_else_nowhere(environ: dict[str, str], url: str | None) -> None:
    found = TracingSettings.load(environ).export
    assert (None if found is None else found.url) == url


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (BASE, "collector:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "x"),
    ],
)
def test_a_bad_value_is_told_by_its_variable_and_a_secret_one_is_not_shown(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        TracingSettings.load({variable: value})
    assert variable in str(raised.value)
    assert "secret" not in str(raised.value)
