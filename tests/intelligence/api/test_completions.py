"""``/v1/chat/completions`` and ``/v1/models``: the answer, its stream, and who may give it."""

import asyncio
import json
from typing import Any

import pytest

from services.intelligence.app.services.answers.turn import SEAM_LINE
from tests.support.fakes import FakeServer, answer, blocked, cut, hang, late, refused, status

from .faults import FAULTS, SOON, Fault
from .world import PATIENCE, Answer, Client, World

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello?"}]


async def complete(client: Client, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    body = {"model": "auto", "messages": HELLO, **fields}
    return await client.call("POST", PATH, body, headers={**client.headers, **(headers or {})})


async def chunks(client: Client, headers: dict[str, str] | None = None, **fields: Any) -> list[Any]:
    """The chunks of a stream, and ``[DONE]`` where it came."""
    answered = await complete(client, headers, stream=True, **fields)
    assert answered.status == 200
    assert answered.headers["Content-Type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in answered.raw.decode().split("\n\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def chats(fake: FakeServer) -> list[dict[str, Any]]:
    """The bodies of the prompts that a fake was asked."""
    return [request.body or {} for request in fake.chats]


def said(parts: list[Any]) -> str:
    deltas = [part["choices"][0]["delta"] for part in parts if part != "[DONE]" and part.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)


def error_of(answered: Answer) -> dict[str, Any]:
    assert list(answered.body) == ["error"]
    assert list(answered.body["error"]) == ["message", "type", "param", "code"]
    error: dict[str, Any] = answered.body["error"]
    return error


class TestWhole:
    async def test_the_answer_has_openais_shape_with_the_model_that_served_it(self, world: World) -> None:
        client = await world.serve(LLM_PROVIDER_PRIORITY="gemini")
        answered = await complete(client)
        body = answered.body
        assert answered.status == 200
        assert list(body) == ["id", "object", "created", "model", "provider", "choices", "usage"]
        assert body["id"].startswith("chatcmpl-")
        assert (body["object"], body["model"], body["provider"]) == ("chat.completion", "gemini-2.5-flash", "gemini")
        assert body["choices"] == [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Gemini speaking.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ]
        assert body["usage"] == {"prompt_tokens": 13, "completion_tokens": 2, "total_tokens": 15}

    async def test_the_whole_conversation_goes_to_the_provider_with_its_sampling(self, world: World) -> None:
        client = await world.serve()
        messages = [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "One"}]},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ]
        await complete(client, messages=messages, temperature=0.2, max_tokens=9, stop="END", model="openai")
        sent = chats(world.openai)[-1]
        assert sent["messages"] == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ]
        assert (sent["temperature"], sent["max_tokens"], sent["stop"]) == (0.2, 9, ["END"])

    async def test_an_answer_that_was_cut_at_its_limit_says_so(self, world: World) -> None:
        world.ollama.default = answer("Too long", finish="length")
        answered = await complete(await world.serve())
        assert answered.body["choices"][0]["finish_reason"] == "length"

    async def test_nothing_is_stored(self, world: World) -> None:
        client = await world.serve()
        await complete(client)
        assert (await client.call("GET", "/api/chat/sessions")).body["total"] == 0

    async def test_one_that_breaks_half_way_is_gone_on_with_by_the_next(self, world: World) -> None:
        world.ollama.default = cut(2)
        world.gemini.default = answer(" brown fox.")
        body = (await complete(await world.serve())).body
        assert (body["choices"][0]["message"]["content"], body["provider"]) == ("The quick brown fox.", "gemini")
        assert body["model"] == "gemini-2.5-flash"

    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("mode", ["continue", "restart"])
    async def test_one_that_is_begun_again_is_whole_and_set_off_in_a_stream(
        self, world: World, stream: bool, mode: str
    ) -> None:
        world.ollama.default = cut(7)
        world.gemini.default = answer("The quick brown fox jumps high.")
        client = await world.serve(LLM_MIDSTREAM_MODE=mode)
        if stream:
            assert said(await chunks(client)) == (
                f"The quick brown fox jumps over the{SEAM_LINE}The quick brown fox jumps high."
            )
        else:
            message = (await complete(client)).body["choices"][0]["message"]
            assert message["content"] == "The quick brown fox jumps high."

    async def test_who_answered_is_in_a_header_where_the_operator_wants_it(self, world: World) -> None:
        client = await world.serve(EXPOSE_PROVIDER_HEADERS="true")
        assert (await complete(client, model="gemini")).headers["X-NovaCore-Provider"] == "gemini"
        streamed = await complete(client, model="gemini", stream=True)
        assert streamed.headers["X-NovaCore-Model"] == "gemini-2.5-flash"


class TestStream:
    async def test_the_chunks_are_role_words_finish_and_done(self, world: World) -> None:
        parts = await chunks(await world.serve(LLM_PROVIDER_PRIORITY="openai"))
        *middle, finish, done = parts
        assert done == "[DONE]"
        assert said(parts) == "OpenAI speaking."
        assert middle[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
        assert finish["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
        assert {part["object"] for part in parts[:-1]} == {"chat.completion.chunk"}
        assert len({(part["id"], part["created"], part["model"]) for part in parts[:-1]}) == 1
        assert all("usage" not in part for part in parts[:-1])

    async def test_its_tokens_come_last_where_they_were_asked_for(self, world: World) -> None:
        client = await world.serve(LLM_PROVIDER_PRIORITY="gemini")
        *before, usage, _done = await chunks(client, stream_options={"include_usage": True})
        assert usage["choices"] == []
        assert usage["usage"] == {"prompt_tokens": 13, "completion_tokens": 2, "total_tokens": 15}
        assert [part["usage"] for part in before] == [None] * len(before)

    async def test_tokens_that_nobody_reported_are_estimated_and_marked_so(self, world: World) -> None:
        world.openai.default = answer("OpenAI speaking.", usage=False)
        client = await world.serve(LLM_PROVIDER_PRIORITY="openai")
        usage = (await chunks(client, stream_options={"include_usage": True}))[-2]["usage"]
        assert usage == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6, "estimated": True}

    async def test_a_fault_before_the_first_word_is_nobodys_business(self, world: World) -> None:
        world.ollama.default = hang()
        parts = await chunks(await world.serve(**SOON))
        assert (said(parts), parts[-1]) == ("Gemini speaking.", "[DONE]")

    async def test_an_answer_that_breaks_after_its_first_words_ends_with_an_error_and_no_done(
        self, world: World
    ) -> None:
        world.ollama.default = cut(2, "Ollama was about to say")
        parts = await chunks(await world.serve(LLM_MIDSTREAM_MODE="fail"))
        assert said(parts) == "Ollama was"
        assert parts[-1] == {
            "error": {
                "message": "The answer broke off (truncated).",
                "type": "server_error",
                "param": None,
                "code": "interrupted",
            }
        }

    async def test_a_failure_of_all_is_a_status_as_long_as_nothing_was_said(self, world: World) -> None:
        for fake in (world.ollama, world.gemini, world.openai):
            await fake.refuse()
        answered = await complete(await world.serve(), stream=True)
        assert answered.status == 503

    async def test_a_long_wait_is_filled_with_comments_and_a_late_failure_is_an_event(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.intelligence.app.routers.completions.HEARTBEAT_SEC", 0.02)
        world.ollama.default = late(0.2, "At last.")
        answered = await complete(await world.serve(), stream=True)
        assert answered.raw.startswith(b": \n\n") or answered.raw.startswith(b":\n\n")
        assert b"At last." in answered.raw
        world.ollama.default = hang()
        answered = await complete(
            await world.serve(CLOUD_ENABLED="false", LLM_PROVIDER_TIMEOUTS="ollama:0.1"), stream=True
        )
        assert answered.status == 200
        error = json.loads(answered.raw.decode().split("data: ")[-1])["error"]
        assert error["code"] == "no_provider_answered"

    @pytest.mark.parametrize("stream", [True, False])
    async def test_a_caller_that_leaves_ends_the_call_upstream(self, world: World, stream: bool) -> None:
        world.ollama.default = hang()
        client = await world.serve()
        asking = asyncio.ensure_future(complete(client, stream=stream))
        request = await world.ollama.received()
        asking.cancel()
        async with asyncio.timeout(PATIENCE):
            await request.gone.wait()
        assert chats(world.gemini) == []


class TestWhoAnswers:
    @pytest.mark.parametrize(
        ("fields", "provider", "model"),
        [
            ({"model": "auto"}, "ollama", None),
            ({"model": "openai"}, "openai", "gpt-4.1"),
            ({"model": "gpt-4.1"}, "openai", "gpt-4.1"),
            ({"model": "gemini/gemini-2.5-flash"}, "gemini", "gemini-2.5-flash"),
            ({"model": None, "models": ["gemini", "ollama"]}, "gemini", "gemini-2.5-flash"),
        ],
    )
    async def test_the_one_that_was_named(
        self, world: World, fields: dict[str, Any], provider: str, model: str | None
    ) -> None:
        body = (await complete(await world.serve(), **fields)).body
        assert body["provider"] == provider
        assert model is None or body["model"] == model

    async def test_any_model_of_a_configured_provider(self, world: World) -> None:
        world.openai.models.append("gpt-5-nano")
        body = (await complete(await world.serve(), model="openai/gpt-5-nano")).body
        assert chats(world.openai)[-1]["model"] == "gpt-5-nano"
        assert body["model"] == "gpt-5-nano"

    async def test_nobody_else_is_asked_when_the_one_that_was_named_fails(self, world: World) -> None:
        await world.openai.refuse()
        answered = await complete(await world.serve(), model="openai")
        assert answered.status == 503
        assert (chats(world.ollama), chats(world.gemini)) == ([], [])

    async def test_a_chain_is_walked_in_the_callers_order_two_models_of_one_provider_included(
        self, world: World
    ) -> None:
        body = (await complete(await world.serve(), model="openai/gone", models=["openai", "gemini"])).body
        assert [chat["model"] for chat in chats(world.openai)] == ["gone", "gpt-4.1"]
        assert (body["provider"], body["model"]) == ("openai", "gpt-4.1")
        assert chats(world.gemini) == []

    @pytest.mark.parametrize("value", ["true", "1", "yes", ""])
    @pytest.mark.parametrize("fault", [fault for fault, _reason in FAULTS])
    async def test_a_call_that_is_locked_never_leaves(self, world: World, fault: Fault, value: str) -> None:
        await fault(world.ollama)
        client = await world.serve(**SOON)
        answered = await complete(client, {"X-NovaCore-Local-Only": value}, stream=True)
        assert answered.status == 503
        assert "Nothing was sent" in error_of(answered)["message"]
        assert (world.gemini.connections, world.openai.connections) == (0, 0)

    async def test_a_lock_that_is_false_is_none(self, world: World) -> None:
        await world.ollama.refuse()
        answered = await complete(await world.serve(), {"X-NovaCore-Local-Only": "False"})
        assert answered.body["provider"] == "gemini"

    async def test_a_caller_that_names_the_cloud_under_a_lock_gets_no_answer_and_nothing_is_sent(
        self, world: World
    ) -> None:
        answered = await complete(await world.serve(CLOUD_ENABLED="false"), model="gemini")
        assert answered.status == 503
        assert "Nothing was sent anywhere." in error_of(answered)["message"]
        assert world.gemini.connections == 0


class TestErrors:
    async def test_when_nobody_answers_it_is_503_with_retry_after_and_the_reasons(self, world: World) -> None:
        for fake in (world.ollama, world.gemini, world.openai):
            await fake.refuse()
        answered = await complete(await world.serve())
        assert answered.status == 503
        assert int(answered.headers["Retry-After"]) >= 1
        error = error_of(answered)
        assert (error["type"], error["code"]) == ("server_error", "no_provider_answered")
        assert "ollama: connect_refused" in error["message"]

    async def test_the_soonest_time_that_a_provider_named_is_the_retry_after(self, world: World) -> None:
        client = await world.serve(LLM_PROVIDER_PRIORITY="openai,gemini")
        world.openai.default = status(429, {"error": {"message": "slow"}}, {"Retry-After": "40"})
        world.gemini.default = status(429, {"error": {"message": "slow"}}, {"Retry-After": "20"})
        assert (await complete(client)).headers["Retry-After"] == "20"
        assert 18 <= int((await complete(client)).headers["Retry-After"]) <= 20

    async def test_messages_too_long_for_everyone_are_the_callers_to_cut(self, world: World) -> None:
        too_long = {"error": {"message": "too long", "code": "context_length_exceeded"}}
        world.openai.default = status(400, too_long)
        answered = await complete(await world.serve(), model="openai")
        assert (answered.status, error_of(answered)["code"]) == (400, "context_length_exceeded")
        assert error_of(answered)["param"] == "messages"

    async def test_a_request_that_the_provider_calls_invalid_is_a_400(self, world: World) -> None:
        world.openai.default = status(400, {"error": {"message": "bad", "code": "invalid_value"}})
        answered = await complete(await world.serve(), model="openai")
        assert (answered.status, error_of(answered)["code"]) == (400, "invalid_request")

    async def test_a_providers_refusal_is_passed_on_with_its_status(self, world: World) -> None:
        world.openai.default = status(400, {"error": {"message": "filtered", "code": "content_filter"}})
        client = await world.serve(LLM_PROVIDER_PRIORITY="openai,gemini")
        answered = await complete(client)
        assert (answered.status, error_of(answered)["code"]) == (400, "content_filter")
        assert chats(world.gemini) == []

    async def test_an_answer_that_was_blocked_ends_with_content_filter(self, world: World) -> None:
        world.gemini.default = blocked()
        client = await world.serve(LLM_PROVIDER_PRIORITY="gemini,openai")
        choice = (await complete(client)).body["choices"][0]
        assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", None)
        parts = await chunks(client)
        assert parts[-2]["choices"][0]["finish_reason"] == "content_filter"
        assert chats(world.openai) == []

    async def test_a_models_own_refusal_is_passed_on_in_its_words(self, world: World) -> None:
        world.openai.default = refused("I will not say that.")
        client = await world.serve(LLM_PROVIDER_PRIORITY="openai,gemini")
        message = (await complete(client)).body["choices"][0]["message"]
        assert (message["content"], message["refusal"]) == (None, "I will not say that.")
        deltas = [part["choices"][0]["delta"] for part in (await chunks(client))[:-1]]
        assert "".join(delta.get("refusal") or "" for delta in deltas) == "I will not say that."

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"model": "nobody"}, "model_not_found"),
            ({"model": "mistral/large"}, "model_not_found"),
            ({"model": "auto", "models": ["nobody"]}, "model_not_found"),
        ],
    )
    async def test_a_model_that_is_not_there_is_404(self, world: World, fields: dict[str, Any], code: str) -> None:
        answered = await complete(await world.serve(), **fields)
        assert (answered.status, error_of(answered)["code"]) == (404, code)

    async def test_a_provider_without_a_key_is_told_as_that(self, world: World) -> None:
        answered = await complete(await world.serve(OPENAI_API_KEY=""), model="openai")
        assert answered.status == 404
        assert error_of(answered)["message"] == "There is no key for openai here."

    async def test_what_cannot_be_used_is_a_400_with_its_parameter(self, world: World) -> None:
        answered = await complete(await world.serve(), n=2)
        assert (answered.status, error_of(answered)["param"]) == (400, "n")

    @pytest.mark.parametrize(
        ("method", "path"), [("GET", PATH), ("POST", "/v1/models"), ("DELETE", "/v1/models/auto")]
    )
    async def test_another_method_is_405(self, world: World, method: str, path: str) -> None:
        answered = await (await world.serve()).call(method, path)
        assert (answered.status, error_of(answered)["type"]) == (405, "invalid_request_error")

    async def test_another_path_is_404_in_the_same_shape(self, world: World) -> None:
        answered = await (await world.serve()).call("POST", "/v1/embeddings", {})
        assert (answered.status, error_of(answered)["code"]) == (404, "not_found")

    async def test_a_call_without_a_service_token_is_401(self, world: World) -> None:
        client = await world.serve()
        answered = await client.call("POST", PATH, {}, headers={})
        assert (answered.status, error_of(answered)["type"]) == (401, "authentication_error")

    async def test_a_crash_is_a_500_without_its_cause(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_arguments: object, **_named: object) -> None:
            raise RuntimeError("what a person wrote")

        monkeypatch.setattr("services.intelligence.app.routers.completions.whole", crash)
        answered = await complete(await world.serve())
        assert answered.status == 500
        assert b"what a person wrote" not in answered.raw


class TestModels:
    async def test_everyone_who_may_answer_is_listed_with_auto_first(self, world: World) -> None:
        client = await world.serve(OPENAI_API_KEY="")
        await complete(client)
        body = (await client.call("GET", "/v1/models")).body
        assert body["object"] == "list"
        assert [card["id"] for card in body["data"]] == [
            "auto", "ollama/llama3.2:latest", "gemini/gemini-2.5-flash",
        ]  # fmt: skip
        assert [card["owned_by"] for card in body["data"]] == ["novacore", "ollama", "gemini"]
        assert all(card["object"] == "model" and card["created"] > 0 for card in body["data"])

    async def test_without_the_cloud_only_local_ones_are_listed(self, world: World) -> None:
        client = await world.serve(CLOUD_ENABLED="false")
        owners = [card["owned_by"] for card in (await client.call("GET", "/v1/models")).body["data"]]
        assert owners == ["novacore", "ollama"]

    async def test_one_can_be_looked_up_by_its_name(self, world: World) -> None:
        client = await world.serve()
        card = (await client.call("GET", "/v1/models/gemini/gemini-2.5-flash")).body
        assert (card["id"], card["object"]) == ("gemini/gemini-2.5-flash", "model")
        assert (await client.call("GET", "/v1/models/nobody")).status == 404
