"""Several services' metrics as one exposition that Prometheus reads: pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novakit.metrics import Metrics
from prometheus_client import parser
from prometheus_client.openmetrics import parser as open_parser

from services.gateway.app.exposition import END, families, joined

OPEN = "application/openmetrics-text"
values = st.text(max_size=20)


def told(label: str, number: float) -> Metrics:
    metrics = Metrics()
    metrics.counter("shared_total", "The same everywhere.", "name")(label).inc(number)
    metrics.counter("bare_total", "Without labels.")().inc(number, ("ab" * 16, 1.0))
    metrics.histogram("times_seconds", "Times.", "name", buckets=(0.1, 1))(label).observe(number, ("cd" * 16, 1.0))
    return metrics


@given(values, values, st.floats(0, 1e9), st.booleans())
def test_every_series_of_every_service_is_there_with_its_labels_and_values(
    one: str, other: str, number: float, open_metrics: bool
) -> None:
    accept, read = (
        (OPEN, open_parser.text_string_to_metric_families)
        if open_metrics
        else ("", parser.text_string_to_metric_families)
    )
    parts = {"gateway": told(one, number), "memory": told(other, number + 1)}
    texts = {name: metrics.render(accept)[0].decode() for name, metrics in parts.items()}
    whole = joined([(name, families(text)) for name, text in texts.items()], open_metrics=open_metrics)
    expected = {
        (sample.name, *sorted({**sample.labels, "service": name}.items())): (sample.value, sample.exemplar)
        for name, text in texts.items()
        for family in read(text)
        for sample in family.samples
    }
    read_back = list(read(whole))
    found = {
        (sample.name, *sorted(sample.labels.items())): (sample.value, sample.exemplar)
        for family in read_back
        for sample in family.samples
    }

    assert found == expected
    assert len({family.name for family in read_back}) == len(read_back)
    assert whole.count(END) == int(open_metrics)


@pytest.mark.parametrize("text", ["<html>", "no_head 1\n", "# HELP x\nx y z\n{} 1", "# TYPE x counter\n1x 2"])
def test_what_is_no_exposition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        families(text)
