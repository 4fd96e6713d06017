"""``LLM_ROUTE_RULES``: what it may be, and the sentence for what it may not."""

import pytest
from novakit.settings import SettingsError

from services.intelligence.app.config import Settings
from services.intelligence.app.routing.rules import KINDS, Rule


def load(rules: str) -> Settings:
    return Settings.load({"SERVICE_JWT_SECRET": "s" * 32, "LLM_ROUTE_RULES": rules})


def test_rules_are_read_in_their_order() -> None:
    assert load("long:gemini>openai, short:Ollama").llm_route_rules == (
        Rule("long", ("gemini", "openai")),
        Rule("short", ("ollama",)),
    )


def test_without_any_there_are_none() -> None:
    assert load("").llm_route_rules == load("replace-me").llm_route_rules == load(",").llm_route_rules == ()


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ("huge:gemini", f"'huge' is no kind of message; there are {', '.join(KINDS)}."),
        ("short", "'short' is not a kind of message, a colon and providers, as in long:gemini>openai."),
        ("short:x, long:", "'long:' lacks the name of a provider; it is written as in long:gemini>openai."),
        ("short:x, short:y", "short has two rules, of which only the first could apply."),
        ("short:a|b", "'a|b' is not a name: letters, digits, - and _, the first one a letter."),
        ("code:x, short:y>4you", "'4you' is not a name: letters, digits, - and _, the first one a letter."),
    ],
)
def test_rules_that_cannot_be_used_stop_the_start_with_one_sentence(rules: str, why: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(rules)
    assert str(refused.value) == f"LLM_ROUTE_RULES: {rules!r} cannot be used: {why}"
