"""Metrics as a scraper reads them: declared once, bounded, with exemplars for whoever asks for OpenMetrics."""

from pathlib import Path

import pytest
from novakit.metrics import LONGEST_VALUE, OTHER, Metrics
from novakit.version import VERSION, revision
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser
from prometheus_client.samples import Sample

OPEN = "application/openmetrics-text; version=1.0.0"


def samples(metrics: Metrics, name: str, accept: str = "") -> list[Sample]:
    text, _ = metrics.render(accept)
    read = open_parser.text_string_to_metric_families if accept else parser.text_string_to_metric_families
    return [sample for family in read(text.decode()) for sample in family.samples if sample.name.startswith(name)]


def test_counters_gauges_and_histograms_are_told_as_prometheus_reads_them() -> None:
    metrics = Metrics()
    calls = metrics.counter("calls_total", "Calls.", "who", "how")
    calls("a", "well").inc()
    calls("a", "well").inc(2)
    metrics.gauge("level", "Level.")().set(0.5)
    times = metrics.histogram("times_seconds", "Times.", "who", buckets=(0.1, 1))
    for value in (0.1, 0.5, 3):
        times("a").observe(value)
    times("a").merge([1, 0, 1], 5.0)
    metrics.pulled("now", "Now.", ("who",), lambda: [(("a",), 7)])

    assert [(sample.labels, sample.value) for sample in samples(metrics, "calls")] == [
        ({"who": "a", "how": "well"}, 3)
    ]
    assert [sample.value for sample in samples(metrics, "level")] == [0.5]
    told = {(sample.name, sample.labels.get("le")): sample.value for sample in samples(metrics, "times")}
    assert told == {
        ("times_seconds_bucket", "0.1"): 2,
        ("times_seconds_bucket", "1.0"): 3,
        ("times_seconds_bucket", "+Inf"): 5,
        ("times_seconds_count", None): 5,
        ("times_seconds_sum", None): pytest.approx(8.6),
    }
    assert [(sample.labels, sample.value) for sample in samples(metrics, "now")] == [({"who": "a"}, 7)]


def test_exemplars_lead_from_a_value_to_its_trace() -> None:
    metrics = Metrics()
    metrics.counter("calls_total", "Calls.")().inc(1, ("ab" * 16, 1000.5))
    times = metrics.histogram("times_seconds", "Times.", buckets=(0.1, 1))()
    times.observe(0.5, ("cd" * 16, 2000.5))
    times.observe(3)
    found = {
        (sample.name, sample.labels.get("le")): (
            sample.exemplar.labels["trace_id"],
            float(sample.exemplar.timestamp or 0),
        )
        for sample in samples(metrics, "", OPEN)
        if sample.exemplar is not None
    }

    assert found == {
        ("calls_total", None): ("ab" * 16, 1000.5),
        ("times_seconds_bucket", "1.0"): ("cd" * 16, 2000.5),
    }
    assert "trace_id" not in metrics.render()[0].decode()


def test_a_label_from_outside_has_so_many_values_and_no_more() -> None:
    """Whoever makes up names anew with each answer makes no series, and takes no memory."""
    metrics = Metrics()
    calls = metrics.counter("calls_total", "Calls.", "provider", "model", limits={"model": 3})
    for number in range(1000):
        calls("ollama", f"model-{number}").inc()
    calls("ollama", "model-1").inc()
    calls("ollama", "x" * (LONGEST_VALUE + 1)).inc()
    calls("ollama", "line\nbreak").inc()
    found = {sample.labels["model"]: sample.value for sample in samples(metrics, "calls")}

    assert found == {"model-0": 1, "model-1": 2, "model-2": 1, OTHER: 999}
    assert len(calls._children) == 4


def test_a_name_that_is_no_plain_one_is_told_as_it_is() -> None:
    metrics = Metrics()
    metrics.counter("calls_total", "Calls.", "model", limits={"model": 8})('a"b\\c{}').inc()
    assert [sample.labels for sample in samples(metrics, "calls")] == [{"model": 'a"b\\c{}'}]


def test_every_service_tells_of_its_build_its_process_and_its_disk(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    [build] = samples(metrics, "novacore_build_info")
    [free], [size] = samples(metrics, "novacore_data_free"), samples(metrics, "novacore_data_size")

    assert build.labels == {"version": VERSION, "revision": revision()}
    assert 0 < free.value < size.value
    assert samples(metrics, "process_resident_memory_bytes")
    assert samples(metrics, "python_info")
    assert samples(Metrics(tmp_path / "not there"), "novacore_data_free") == []


@pytest.mark.parametrize("packed", [False, True])
def test_the_revision_is_the_commit_that_is_checked_out(tmp_path: Path, packed: bool) -> None:
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    if packed:
        (git / "packed-refs").write_text(f"# pack-refs\n{'b' * 40} refs/heads/x\n{'a' * 40} refs/heads/main\n")
    else:
        (git / "refs" / "heads").mkdir(parents=True)
        (git / "refs" / "heads" / "main").write_text(f"{'a' * 40}\n")

    assert revision(tmp_path / "libs" / "version.py") == "a" * 12


def test_the_revision_of_a_detached_head_and_of_no_checkout(tmp_path: Path) -> None:
    assert revision(tmp_path / "version.py") == "unknown"
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("c" * 40)
    assert revision(tmp_path / "version.py") == "c" * 12
