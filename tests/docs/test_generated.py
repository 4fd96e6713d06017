"""What documents say of the code is what the code says, and all of them name the same variables."""

import re
from pathlib import Path
from typing import get_args

import pytest

from scripts.documents import blocks, circuit, configuration, orchestration
from services.intelligence.app.domain.errors import SkipReason
from tests.support.services import ROOT

RUN = "run: make documents"
NAMED = re.compile(r"^\| `([A-Z][A-Z0-9_]+)` \|", re.MULTILINE)


@pytest.mark.parametrize("document", blocks.documents(), ids=lambda path: str(path.name))
def test_what_is_made_from_the_code_is_up_to_date(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert blocks.filled(text) == text, RUN


@pytest.mark.parametrize("picture", blocks.pictures(), ids=lambda path: str(path.name))
def test_pictures_are_up_to_date(picture: Path) -> None:
    assert picture.read_text(encoding="utf-8") == blocks.pictures()[picture], RUN


def test_every_part_that_can_be_made_is_in_a_document() -> None:
    named = {
        name
        for path in blocks.documents()
        for name in re.findall(r"<!-- from the code: ([\w-]+) -->", path.read_text())
    }
    assert named == blocks.MAKERS.keys()


def test_every_reason_for_leaving_somebody_out_is_explained() -> None:
    assert list(orchestration.SKIPS) == list(get_args(SkipReason))


def test_the_settings_are_those_of_the_example() -> None:
    example = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", (ROOT / "env.example").read_text(), re.MULTILINE))
    named = NAMED.findall((ROOT / "docs" / "CONFIGURATION.md").read_text())
    assert len(named) == len(set(named))
    assert set(named) == example


def test_every_state_and_every_event_of_the_circuit_does_something() -> None:
    moves = list(circuit.moves())
    assert {name for name, _event, _after in moves} == circuit.BEFORE.keys()
    assert {event for _name, event, _after in moves} == circuit.EVENTS.keys()


@pytest.mark.parametrize(
    ("variable", "values", "readers"),
    [
        ("LLM_FALLBACK_MODE", "`sequential` `hedged` `off`", "intelligence"),
        ("NOVACORE_PORT", "1 to 65535", "gateway"),
        ("LLM_HEDGE_DELAY_SEC", "above 0, at most 86400", "intelligence"),
        ("JWT_SECRET", "secret", "gateway"),
        ("CLOUD_ENABLED", "`true` `false`", "intelligence"),
        ("LLM_PROVIDER_TIMEOUTS", "`name:number`, with commas", "intelligence"),
        ("LLM_PROVIDER_PRIORITY", "names, with commas", "intelligence"),
        ("SHUTDOWN_GRACE_SEC", "at least 0", "every process"),
    ],
)
def test_a_variable_says_what_may_be_set_and_who_reads_it(variable: str, values: str, readers: str) -> None:
    [row] = [line for line in configuration.sections().splitlines() if line.startswith(f"| `{variable}` |")]
    cells = [cell.strip() for cell in row.split("|")]
    assert (cells[3], cells[5]) == (values, readers)
