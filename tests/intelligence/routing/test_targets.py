"""What a caller's name for a model means."""

import pytest

from services.intelligence.app.domain.chat import Target
from services.intelligence.app.routing.policy import Candidate
from services.intelligence.app.routing.targets import UnknownModelError, resolve

CANDIDATES = (
    Candidate("ollama", "llama3.2:latest", "local", on_this_machine=True),
    Candidate("gemini", "gemini-2.5-flash", "cloud"),
    Candidate("groq", "meta-llama/llama-4", "cloud"),
    Candidate("openai", "gpt-4.1", "cloud", configured=False),
    Candidate("fresh", "", "local"),
)
OWN = (Target("ollama"), Target("gemini"), Target("groq"), Target("openai"), Target("fresh"))


@pytest.mark.parametrize(
    ("names", "chain"),
    [
        (["auto"], ()),
        (["ollama"], (Target("ollama"),)),
        (["openai"], (Target("openai"),)),
        (["llama3.2:latest"], (Target("ollama"),)),
        (["llama3.2"], (Target("ollama"),)),
        (["gemini-2.5-flash"], (Target("gemini"),)),
        (["models/gemini-2.5-flash"], (Target("gemini"),)),
        (["meta-llama/llama-4"], (Target("groq"),)),
        (["groq/meta-llama/llama-4"], (Target("groq"),)),
        (["groq/qwen/qwen3"], (Target("groq", "qwen/qwen3"),)),
        (["gemini/gemini-4-pro"], (Target("gemini", "gemini-4-pro"),)),
        (["gemini/models/gemini-2.5-flash"], (Target("gemini"),)),
        (["ollama/llama3.2"], (Target("ollama"),)),
        (["fresh"], (Target("fresh"),)),
        (["fresh/a"], (Target("fresh", "a"),)),
    ],
)
def test_a_name_means_a_provider_one_of_its_models_or_the_configured_one(
    names: list[str], chain: tuple[Target, ...]
) -> None:
    assert resolve(names, CANDIDATES) == chain


def test_several_names_are_a_chain_in_their_order_each_once() -> None:
    chain = resolve(["gemini", "ollama/qwen3", "gemini-2.5-flash", "ollama"], CANDIDATES)
    assert chain == (Target("gemini"), Target("ollama", "qwen3"), Target("ollama"))


def test_auto_among_others_stands_for_everyone_else() -> None:
    chain = resolve(["groq/qwen/qwen3", "gemini", "auto"], CANDIDATES)
    assert chain == (Target("groq", "qwen/qwen3"), Target("gemini"), *(one for one in OWN if one != Target("gemini")))


@pytest.mark.parametrize("name", ["gpt-6", "", "ollama/", "mistral/large", "Ollama", "latest", "models/"])
def test_a_name_that_nobody_answers_to_is_unknown(name: str) -> None:
    with pytest.raises(UnknownModelError) as unknown:
        resolve(["ollama", name], CANDIDATES)
    assert unknown.value.name == str(unknown.value) == name
