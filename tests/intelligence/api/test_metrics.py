"""What the metrics tell of eventful traffic, and that nobody can make their number grow."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from tests.support.fakes import answer, cut
from tests.support.fakes.gate import Gate

from .world import Client, World

Series = dict[str, list[tuple[dict[str, str], float]]]


async def series(client: Client) -> Series:
    scraped = await client.call("GET", "/metrics", headers={})
    found: Series = {}
    for family in text_string_to_metric_families(scraped.raw.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def of(found: Series, name: str, **labels: str) -> float:
    return sum(value for told, value in found[name] if labels.items() <= told.items())


async def test_a_failover_a_handoff_a_skip_and_a_turn_that_nobody_answered(world: World) -> None:
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1", LLM_RETRY_WAIT_MAX_SEC="0.01")
    world.ollama.default = answer("One two three.", gap=0.05)
    await client.events()
    before = await series(client)
    world.ollama.default = cut(2)
    world.gemini.default = answer("The quick brown fox.")
    await client.events()
    await client.message(local_only=True)
    found = await series(client)

    assert of(found, "llm_handoffs_total", **{"from": "ollama", "to": "gemini", "outcome": "succeeded"}) == 1
    assert of(found, "llm_circuit_openings_total", provider="ollama", reason="truncated") >= 1
    assert of(found, "llm_provider_health", provider="ollama") == 0
    assert of(found, "llm_skips_total", provider="gemini", reason="local_only") == 1
    assert of(found, "llm_cloud_requests_total", provider="gemini") == 1
    assert of(found, "llm_cloud_requests_total", provider="openai") == 0
    assert of(found, "llm_cloud_enabled") == 1
    assert of(found, "llm_exhausted_total") == of(found, "chat_requests_total", status="fallback") == 1
    assert of(found, "chat_time_to_first_token_seconds_count", route="stream") == 2
    assert of(found, "chat_duration_seconds_count") == 3
    # What comes together is one piece, so there may be fewer than two times between three words.
    assert 1 <= of(before, "llm_inter_token_seconds_count", provider="ollama") <= 2
    assert 0.01 < of(before, "llm_inter_token_seconds_sum", provider="ollama") < 5
    assert of(found, "llm_provider_failures_total", provider="openai", reason="auth") == 0
    infos = [(labels["provider"], labels["locality"]) for labels, _ in found["llm_provider_info"]]
    assert infos == [("ollama", "local"), ("gemini", "cloud"), ("openai", "cloud")]


async def test_the_queue_in_front_of_a_provider_as_it_is_now_and_as_it_was(world: World) -> None:
    gate = Gate()
    world.ollama.default = answer("One.", gate=gate)
    client = await world.serve(LLM_PROVIDER_CONCURRENCY="ollama:1", CLOUD_ENABLED="false")
    async with client.stream() as first, client.stream() as second:
        await world.ollama.received()
        await second.until("queue")
        now = await series(client)
        gate.open()
        await first.rest()
        await second.rest()
    later = await series(client)

    told = [
        of(now, name, provider="ollama")
        for name in ("llm_provider_in_flight", "llm_provider_concurrency_limit", "llm_queue_depth", "llm_queue_limit")
    ]
    assert told == [1, 1, 1, 64]
    assert of(now, "chat_open_streams", route="stream") == 2
    assert of(now, "llm_queue_wait_seconds_count", provider="ollama", outcome="admitted") == 1
    assert of(later, "llm_queue_wait_seconds_count", provider="ollama", outcome="admitted") == 2
    assert of(later, "llm_queue_wait_seconds_sum", provider="ollama") > 0
    assert (of(later, "llm_queue_depth"), of(later, "chat_open_streams")) == (0, 0)
    assert of(later, "llm_cloud_enabled") == 0


async def test_a_hedge_and_what_is_left_of_a_budget(world: World) -> None:
    world.ollama.default = answer("Late.", gate=Gate())
    client = await world.serve(
        LLM_FALLBACK_MODE="hedged", LLM_HEDGE_DELAY_SEC="0.05", QUOTA_PROVIDER_TOKENS_PER_DAY="gemini:1000"
    )
    before = await series(client)
    await client.message()
    for _ in range(100):
        found = await series(client)
        if of(found, "llm_quota_remaining_ratio") < 1:
            break
        await asyncio.sleep(0)

    assert of(before, "llm_quota_remaining_ratio", provider="gemini", unit="tokens") == 1
    assert 0.9 < of(found, "llm_quota_remaining_ratio", provider="gemini", unit="tokens") < 1
    assert of(found, "llm_hedges_total", provider="gemini", outcome="succeeded") == 1
    assert of(found, "llm_provider_requests_total", provider="ollama", outcome="cancelled") == 1


async def test_models_that_a_server_or_a_caller_makes_up_make_no_series(world: World) -> None:
    """One that names another model in each of its answers, and callers who name any."""
    client = await world.serve(LLM_PROVIDER_PRIORITY="openai")
    for number in range(80):
        world.openai.models = [*world.openai.models, f"made-up-{number}"]
        body = {"model": f"openai/made-up-{number}", "messages": [{"role": "user", "content": "Hello?"}]}
        await client.call("POST", "/v1/chat/completions", body)
    found = await series(client)
    models = {labels["model"] for labels, _ in found["llm_provider_requests_total"]}

    assert models <= {"gpt-4.1", "by name"}
    assert of(found, "llm_provider_requests_total", model="by name") == 80
    assert sum(len(group) for name, group in found.items() if name.startswith(("llm_", "chat_"))) < 250
