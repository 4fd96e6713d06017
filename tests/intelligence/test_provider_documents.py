"""What docs/providers.md shows can be used as it stands there."""

import re
from pathlib import Path

import pytest

from services.intelligence.app.config import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
SECRET = "s" * 32


def environ_of(block: str) -> dict[str, str]:
    lines = [line for line in block.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_settings_can_be_loaded(block: str) -> None:
    environ = environ_of(block)
    # A placeholder means unset: what is shown has to hold with a key as well.
    with_keys = {name: "k" * 20 if value == "replace-me" else value for name, value in environ.items()}
    for given in (environ, with_keys):
        settings = Settings.load({"SERVICE_JWT_SECRET": SECRET, **given})
        assert settings.llm_provider_priority == tuple(given["LLM_PROVIDER_PRIORITY"].split(","))
        assert settings.unused_names() == []


@pytest.mark.parametrize("block", BLOCKS)
def test_every_variable_is_one_that_is_read(block: str) -> None:
    known = {variable.name for variable in Settings.variables()}
    rows = {"BASE_URL", "MODEL", "API_KEY", "LOCALITY"}
    names = environ_of(block)["LLM_PROVIDER_PRIORITY"].upper().split(",")
    assert set(environ_of(block)) <= known | {f"{name}_{field}" for name in names for field in rows}


def test_every_provider_that_comes_with_novacore_is_shown() -> None:
    shown = {name for block in BLOCKS for name in environ_of(block)["LLM_PROVIDER_PRIORITY"].split(",")}
    assert shown >= {"ollama", "gemini", "openai", "anthropic"}
