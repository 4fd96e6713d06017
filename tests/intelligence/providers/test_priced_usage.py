"""What an answer costs by our reading of its usage is what genai-prices makes of the raw one."""

from typing import Any

import pytest
from genai_prices import extract_usage

from services.intelligence.app.domain.chat import ChatTurn
from services.intelligence.app.domain.events import Finished
from services.intelligence.app.services.metering import metered
from services.intelligence.app.services.prices import Prices

from .frames import (
    anthropic,
    anthropic_decoder,
    anthropic_end,
    anthropic_start,
    decode,
    event,
    gemini,
    gemini_decoder,
    openai,
    openai_decoder,
)

PRICES = Prices({"openai": "openai", "gemini": "google", "anthropic": "anthropic"})
ASKED = (ChatTurn("user", "hello"),)


def theirs(vendor: str, flavor: str, model: str, **body: Any) -> float:
    """Their price of a whole answer as the provider puts it."""
    read = extract_usage({"model": model, "modelVersion": model, **body}, provider_id=vendor, api_flavor=flavor)
    return float(read.calc_price().total_price)


def ours(provider: str, model: str, deltas: list[Any]) -> float | None:
    """Our price of the same answer, streamed."""
    finished = deltas[-1]
    assert isinstance(finished, Finished)
    usage, estimated = metered(finished.usage, ASKED, "said")
    assert not estimated
    return PRICES(provider, model, usage)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-haiku-4-5"])
@pytest.mark.parametrize(
    ("fresh", "written", "read"), [(17, 0, 0), (3, 5_000, 0), (3, 0, 5_000), (3, 1_000, 4_000), (0, 9, 0)]
)
def test_of_anthropic(model: str, fresh: int, written: int, read: int) -> None:
    usage = {
        "input_tokens": fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": 40,
    }
    deltas = decode(
        anthropic_decoder(), anthropic_start(**usage), anthropic("said"), anthropic_end(usage={"output_tokens": 40})
    )
    assert ours("anthropic", model, deltas) == pytest.approx(theirs("anthropic", "default", model, usage=usage))


@pytest.mark.parametrize("model", ["gpt-5.6", "gpt-6.1-terra", "gpt-4.1"])
@pytest.mark.parametrize(("read", "written"), [(0, 0), (1_000, 0), (0, 1_217), (1_000, 217)])
def test_of_openai(model: str, read: int, written: int) -> None:
    usage = {
        "prompt_tokens": 1_220,
        "completion_tokens": 100,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    deltas = decode(
        openai_decoder(), openai({"content": "said"}, finish="stop"), event({"choices": [], "usage": usage})
    )
    assert ours("openai", model, deltas) == pytest.approx(theirs("openai", "chat", model, usage=usage))


@pytest.mark.parametrize("cached", [0, 4_000])
def test_of_gemini(cached: int) -> None:
    usage = {
        "promptTokenCount": 5_000,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 60,
        "totalTokenCount": 5_100,
    }
    deltas = decode(gemini_decoder(), gemini({"text": "said"}, finish="STOP", usageMetadata=usage))
    assert ours("gemini", "gemini-2.5-flash", deltas) == pytest.approx(
        theirs("google", "default", "gemini-2.5-flash", usageMetadata=usage)
    )


def test_what_was_written_to_a_cache_costs_more_than_what_was_not() -> None:
    def price(written: int) -> float:
        usage = {"input_tokens": 1_000 - written, "cache_creation_input_tokens": written, "output_tokens": 1}
        deltas = decode(anthropic_decoder(), anthropic_start(**usage), anthropic("a"), anthropic_end())
        cost = PRICES("anthropic", "claude-sonnet-4-5", metered(deltas[-1].usage, ASKED, "a")[0])  # type: ignore[union-attr]
        assert cost is not None
        return cost

    assert price(800) > price(0)
