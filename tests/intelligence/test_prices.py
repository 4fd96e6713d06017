"""Prices of cloud models, offline."""

import subprocess
import sys

import pytest

from services.intelligence.app.domain.events import Usage
from services.intelligence.app.services.prices import Prices, is_deprecated
from tests.support.services import ROOT

PRICES = Prices({
    "openai": "openai",
    "azure": "azure",
    "gemini": "google",
    "anthropic": "anthropic",
    "groq": "https://api.groq.com/openai/v1",
    "own": "http://10.0.0.7/v1",
    "ollama": "",
})  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4.1"),
        ("openai", "gpt-4.1-2025-04-14"),
        ("azure", "gpt-4.1"),
        ("gemini", "gemini-2.5-flash"),
        ("anthropic", "claude-sonnet-4-5"),
        ("groq", "llama-3.3-70b-versatile"),
    ],
)
def test_a_known_model_has_a_price_that_grows_with_its_tokens(provider: str, model: str) -> None:
    once = PRICES(provider, model, Usage(1_000_000, 100_000))
    twice = PRICES(provider, model, Usage(2_000_000, 200_000))
    assert once is not None
    assert twice is not None
    assert 0 < once < twice


def test_the_figure_is_the_published_one() -> None:
    # Two dollars a million tokens in, eight out: OpenAI's price list for gpt-4.1.
    assert PRICES("openai", "gpt-4.1", Usage(1_000_000, 1_000_000)) == pytest.approx(10.0)


def test_cached_tokens_cost_less() -> None:
    full = PRICES("openai", "gpt-4.1", Usage(10_000, 10))
    cached = PRICES("openai", "gpt-4.1", Usage(10_000, 10, cached_tokens=8_000))
    assert full is not None
    assert cached is not None
    assert cached < full


@pytest.mark.parametrize(
    "odd",
    [
        Usage(10, 1, cached_tokens=20),
        Usage(10, 1, cache_write_tokens=20),
        Usage(10, 1, None, 20, 20),
        Usage(None, 1, None, 5, 5),
    ],
)
def test_counts_that_contradict_each_other_cost_no_answer(odd: Usage) -> None:
    assert PRICES("anthropic", "claude-sonnet-4-5", odd) is not None


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "unheard-of"), ("own", "gpt-4.1"), ("ollama", "llama3.2"), ("nobody", "gpt-4.1"), ("openai", "")],
)
def test_a_price_that_is_not_known_is_not_made_up(provider: str, model: str) -> None:
    assert PRICES(provider, model, Usage(10, 10)) is None


def test_nothing_is_loaded_where_nobody_costs_anything_and_else_once_for_good() -> None:
    code = (
        "import gc, sys\n"
        "from services.intelligence.app import main\n"
        "from services.intelligence.app.services.prices import Prices\n"
        "Prices({'ollama': ''}).load()\n"
        "assert 'genai_prices' not in sys.modules\n"
        "assert gc.get_freeze_count() == 0\n"
        "Prices({'openai': 'openai'}).load()\n"
        "assert 'genai_prices' in sys.modules\n"
        "assert gc.get_freeze_count() > 0\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


@pytest.mark.parametrize(
    ("vendor", "model", "deprecated"),
    [
        ("google", "gemini-2.0-flash", True),
        ("openai", "gpt-9", False),
        ("anthropic", "claude-sonnet-5-5", False),
        ("http://10.0.0.7/v1", "m", False),
    ],
)
def test_a_model_that_is_marked_as_going_is_known(vendor: str, model: str, deprecated: bool) -> None:
    assert is_deprecated(vendor, model) is deprecated
