import json
from collections.abc import Mapping
from typing import Any

import pytest

from novacore.ollama import Kind
from novacore.providers import report, rows_of

OLLAMA = {"name": "ollama", "model": "smollm2:135m", "locality": "local", "enabled": True, "healthy": True}
GEMINI = {"name": "gemini", "model": "flash", "locality": "cloud", "enabled": True, "healthy": True}


def lines(*rows: Mapping[str, Any], kind: Kind = Kind.SET, priority: str = "", **environ: str) -> list[str]:
    return report(rows, priority.split(), environ, kind)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Kind.BUILT_IN, "local  ollama · smollm2:135m (built-in demonstration model)"),
        (Kind.FOUND, "local  ollama · smollm2:135m (found on this machine)"),
        (Kind.SET, "local  ollama · smollm2:135m"),
    ],
)
def test_the_local_model_says_where_it_comes_from(kind: Kind, line: str) -> None:
    assert lines(OLLAMA, kind=kind) == [line]


def test_without_any_local_model_the_line_says_how_to_get_one() -> None:
    assert lines({**OLLAMA, "healthy": False}, kind=Kind.NOT_INSTALLED) == [
        "local  ollama: no Ollama answers here, and the built-in model is not installed (make setup)"
    ]


def test_a_provider_without_a_key_is_said_with_the_variable_to_set() -> None:
    expected = "cloud  gemini: no key (set GEMINI_API_KEY)"
    assert lines({**GEMINI, "enabled": False}) == [expected]
    assert lines(priority="gemini") == [expected]


def test_a_provider_that_is_on_is_said_with_its_model() -> None:
    assert lines(GEMINI, GEMINI_API_KEY="x") == ["cloud  gemini · flash"]


def test_a_provider_that_fails_is_said_with_its_reason() -> None:
    assert lines({**GEMINI, "healthy": False, "last_error": "auth"}, GEMINI_API_KEY="x") == [
        "cloud  gemini · flash: not answering (auth)"
    ]


def test_a_cloud_that_was_switched_off_says_so() -> None:
    row = {**GEMINI, "enabled": False}
    assert lines(row, GEMINI_API_KEY="x", CLOUD_ENABLED="false") == ["cloud  gemini: off (CLOUD_ENABLED=false)"]
    assert lines(row, GEMINI_API_KEY="x") == ["cloud  gemini: off"]


def test_a_key_file_that_cannot_be_read_counts_as_no_key() -> None:
    assert lines(priority="gemini", GEMINI_API_KEY_FILE="/no/such/file") == [
        "cloud  gemini: no key (set GEMINI_API_KEY)"
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"providers": 1}', b'{"providers": [1, {}]}'])
def test_any_other_document_names_no_provider(body: bytes) -> None:
    assert rows_of(body) == []


def test_the_rows_are_those_of_the_document() -> None:
    assert rows_of(json.dumps({"providers": [OLLAMA]}).encode()) == [OLLAMA]
