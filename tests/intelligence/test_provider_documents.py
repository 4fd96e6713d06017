"""What docs/providers.md shows can be used as it stands there."""

import re
from pathlib import Path

import pytest

from services.intelligence.app.config import Settings
from services.intelligence.app.routing import history, rules
from services.intelligence.app.routing.marks import code_marks, math_marks

DOCUMENT = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
BLOCKS = re.findall(r"^```dotenv\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
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


RULES = DOCUMENT.partition("## Rules by kind of message")[2]
MEASURES = dict(re.findall(r"^\| (`.*`) \| (.*) \|$", RULES, re.MULTILINE))


def numbers(text: str) -> list[int]:
    """The numbers in a text, without the grouping of their digits."""
    return [int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]*\b", text)]


def sentence(beginning: str) -> str:
    """What a point of the list says, from its beginning on."""
    found = re.search(rf"^- ({re.escape(beginning)}.*?)(?=^- |^$)", RULES, re.MULTILINE | re.DOTALL)
    assert found is not None, beginning
    return found[1]


def test_every_kind_of_message_is_listed_in_its_order() -> None:
    assert re.findall(r"`(.*?)`", " ".join(MEASURES)) == list(rules.KINDS)


def test_the_measures_of_the_kinds_are_those_of_the_code() -> None:
    assert numbers(MEASURES["`short`"]) == [rules.SHORT_TOKENS, rules.SHORT_HISTORY_TOKENS]
    assert numbers(MEASURES["`long`"]) == [rules.LONG_TOKENS]
    assert numbers(MEASURES["`code`"]) == [rules.CODE_MARKS]
    assert numbers(MEASURES["`math`"]) == [rules.MATH_MARKS]
    [scripts] = [measure for kinds, measure in MEASURES.items() if "`thai`" in kinds]
    assert numbers(scripts) == [rules.SCRIPT_SHARE * 100]
    assert [2 * number for number in numbers(sentence("All but the sizes"))] == [rules.SEEN_CHARS]
    assert numbers(sentence("Tokens are estimated"))[0] == rules.CHARS_PER_TOKEN
    assert numbers(sentence("Tokens are estimated"))[-1] == history.TURN_OVERHEAD_TOKENS
    assert history.estimated_tokens("x" * rules.CHARS_PER_TOKEN) == history.estimated_tokens("ж") == 1


def test_every_mark_that_is_shown_is_one() -> None:
    shown = re.findall(r"`(.*?)`", sentence("Marks of code"))
    assert len(shown) == 11
    for mark in shown:
        assert code_marks(f"so a {mark} b") == 1, mark
    signs, *expressions = re.findall(r"`(.*?)`", sentence("Marks of mathematics"))
    for mark in [*signs.split(), *expressions]:
        assert math_marks(mark) == 1, mark


def test_what_is_said_to_be_no_code_is_none() -> None:
    found = re.search(r'"(How do I sort .*?)"', RULES)
    assert found is not None
    assert code_marks(found[1]) == 0
