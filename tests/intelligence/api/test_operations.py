"""What the operator sees of the providers, of what happened, and of the settings."""

import asyncio
import json

from novakit.identity import ADMIN, ROLE_HEADER

from services.intelligence.app.config import Settings
from tests.support.fakes import cut, status

from .world import GEMINI_KEY, OPENAI_KEY, OTHER_USER, PATIENCE, SECRET, Client, World

BASE = "/api/admin/operations"


def admin(client: Client) -> Client:
    return client.having({ROLE_HEADER: ADMIN})


async def test_a_provider_is_told_with_its_circuit_its_last_error_and_its_times(world: World) -> None:
    world.ollama.add(status(500), status(500))
    client = await world.serve(LLM_PROVIDER_FAILURE_THRESHOLD="1", LLM_PROVIDER_PRIORITY="ollama,gemini,anthropic")
    await client.message()
    body = (await admin(client).call("GET", f"{BASE}/providers?minutes=5")).body
    ollama, gemini, anthropic = body["providers"]

    assert body["minutes"] == 5
    assert (ollama["circuit"], ollama["last_error"], ollama["success"]) == ("open", "server_error", 0.0)
    assert ollama["open_until"] is not None
    assert (gemini["circuit"], gemini["succeeded"], gemini["success"]) == ("closed", 1, 1.0)
    assert gemini["ttft_p50_ms"] <= gemini["ttft_p95_ms"] <= gemini["latency_p95_ms"] * 1.1 + 1
    assert (anthropic["configured"], anthropic["enabled"], anthropic["ttft_p50_ms"]) == (False, False, None)


async def test_a_look_at_a_provider_costs_nothing_and_says_in_words_what_it_found(world: World) -> None:
    client = admin(await world.serve())
    found = (await client.call("POST", f"{BASE}/providers/ollama/check")).body
    assert (found["provider"], found["ok"], found["model"]) == ("ollama", True, "llama3.2:latest")
    assert found["loaded"] in {True, False}
    assert any("has the model llama3.2" in each["text"] for each in found["findings"])
    await world.gemini.refuse()
    refused = (await client.call("POST", f"{BASE}/providers/gemini/check")).body
    assert (refused["ok"], refused["model"], refused["loaded"]) == (False, None, None)
    assert [each["level"] for each in refused["findings"]] == ["fault"]
    assert refused["findings"][0]["advice"]
    assert (await client.call("POST", f"{BASE}/providers/nobody/check")).status == 404

    assert world.ollama.chats == []
    posted = {
        request.path for request in (*world.ollama.requests, *world.gemini.requests) if request.method == "POST"
    }
    # At its start the service looks at what a local model can hold.
    assert posted <= {"/api/show"}


async def test_a_local_model_is_loaded_on_request(world: World) -> None:
    client = admin(await world.serve())
    assert (await client.call("POST", f"{BASE}/providers/ollama/load")).status == 202
    async with asyncio.timeout(PATIENCE):
        while not (await client.call("POST", f"{BASE}/providers/ollama/check")).body["loaded"]:
            pass
    for other in ("gemini", "nobody"):
        assert (await client.call("POST", f"{BASE}/providers/{other}/load")).status == 404


async def test_a_fallback_is_listed_with_its_trace_and_without_a_word_of_what_was_said(world: World) -> None:
    world.ollama.add(cut(0), cut(0))
    client = await world.serve()
    session = (await client.message("A secret question.")).body["session_id"]
    [prompt] = await client.prompts(session)
    answered = await admin(client).call("GET", f"{BASE}/activity?minutes=10&step=5")
    [turn] = answered.body["fallbacks"]

    assert (turn["message_id"], turn["mine"], turn["provider"]) == (prompt["id"], True, "gemini")
    assert turn["first_choice"] == "ollama"
    told = await client.route(prompt["id"])
    assert [each["provider"] for each in turn["attempts"]] == [each["provider"] for each in told["attempts"]]
    assert [each["reason"] for each in turn["attempts"]] == [each["reason"] for each in told["attempts"]]
    points = answered.body["points"]
    assert (len(points), sum(p["cloud"] for p in points), sum(p["fallbacks"] for p in points)) == (2, 1, 1)
    assert sum(point["output_tokens"] for point in points) > 0
    assert b"secret question" not in answered.raw
    assert b"speaking" not in answered.raw


async def test_the_trace_of_anothers_fallback_is_told_whole_but_not_its_message(world: World) -> None:
    world.ollama.add(cut(0), cut(0))
    client = await world.serve()
    session = (await client.message("A secret question.")).body["session_id"]
    [prompt] = await client.prompts(session)
    told = await client.route(prompt["id"])
    operator = admin(client.as_user(OTHER_USER))
    answered = await operator.call("GET", f"{BASE}/activity?minutes=10")
    [turn] = answered.body["fallbacks"]

    assert (turn["mine"], turn["request_id"], turn["trace_id"]) == (False, "request-1", None)
    assert turn["cost_usd"] == told["cost_usd"]
    assert turn["attempts"] == [{key: each[key] for key in turn["attempts"][0]} for each in told["attempts"]]
    assert [each["attempt"] for each in turn["attempts"]] == [1, 2, 3]
    assert turn["attempts"][-1]["output_tokens"] > 0
    assert turn["skipped"] == told["skipped"]
    assert (await operator.call("GET", f"/api/chat/messages/{prompt['id']}/route")).status == 404
    assert b"secret question" not in answered.raw


async def test_more_points_than_can_be_drawn_are_refused(world: World) -> None:
    client = admin(await world.serve())
    refused = await client.call("GET", f"{BASE}/activity?minutes=1440&step=1")
    assert (refused.status, "step" in refused.body["detail"]) == (422, True)


async def test_every_setting_is_told_with_its_source_and_no_secret(world: World) -> None:
    client = await world.serve(
        NOVACORE_SOURCES="GEMINI_MODEL=env_file,OLLAMA_URL=launcher",
        LLM_PROVIDER_PRIORITY="ollama,gemini,openai,mine",
        MINE_BASE_URL="http://ada:pw123456@127.0.0.1:9/v1",
        MINE_MODEL="m",
        MINE_API_KEY="k" * 12,
    )
    answered = await admin(client).call("GET", f"{BASE}/configuration")
    told = {each["name"]: each for each in answered.body["settings"]}

    assert (told["GEMINI_MODEL"]["value"], told["GEMINI_MODEL"]["source"]) == ("gemini-2.5-flash", "env_file")
    assert told["OLLAMA_URL"]["source"] == "launcher"
    assert told["LLM_PROVIDER_PRIORITY"]["source"] == "environment"
    assert (told["LLM_FALLBACK_MODE"]["value"], told["LLM_FALLBACK_MODE"]["source"]) == ("sequential", "default")
    assert told["MINE_BASE_URL"]["value"] == "http://…@127.0.0.1:9/v1"
    for secret in ("GEMINI_API_KEY", "SERVICE_JWT_SECRET", "MINE_API_KEY"):
        assert (told[secret]["value"], told[secret]["secret"], told[secret]["given"]) == (None, True, True), secret
    assert told["ANTHROPIC_API_KEY"]["given"] is False
    listed = {variable.name for variable in Settings.variables() if not variable.internal}
    assert listed <= told.keys()
    for secret in (GEMINI_KEY, OPENAI_KEY, SECRET, "k" * 12, "pw123456"):
        assert secret not in json.dumps(answered.body)


async def test_nobody_but_an_admin_sees_any_of_it(world: World) -> None:
    client = await world.serve()
    for call in (
        "GET providers",
        "GET activity",
        "GET configuration",
        "POST providers/ollama/check",
        "POST providers/ollama/load",
    ):
        method, _, path = call.partition(" ")
        assert (await client.call(method, f"{BASE}/{path}")).status == 403, call
