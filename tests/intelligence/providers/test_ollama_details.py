"""Ollama in detail: how long a prompt may be, how long a model stays loaded, where it runs, and what it says."""

import asyncio
import json
from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ContextTooLong, Garbled, Misconfigured, Reason
from services.intelligence.app.services.providers.local_ollama import LocalOllamaProvider
from services.intelligence.app.services.providers.transport import AiohttpTransport, open_session
from tests.support.fakes import FakeOllama, answer

from .scripted_transport import Answer, ScriptedTransport

URL = "http://127.0.0.1:11434"


def ask(text: str = "hello", model: str = "") -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", text),), model=model)


def tags(*names: str, **more: Any) -> Answer:
    return Answer([json.dumps({"models": [{"name": name, **more} for name in names]}).encode()])


def line(text: str, read: int | None = None) -> Answer:
    last = {"message": {"content": text}, "done": True, "done_reason": "stop", "eval_count": 3}
    return Answer([json.dumps(last if read is None else {**last, "prompt_eval_count": read}).encode() + b"\n"])


def body_of(transport: ScriptedTransport, at: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(transport.sent[at].body or b"{}")
    return body


class TestContext:
    @pytest.mark.parametrize(
        ("shows", "num_ctx"),
        [
            (b'{"model_info":{"llama.context_length":2048}}', 2048),
            (b'{"model_info":{"llama.context_length":131072,"llama.block_count":28}}', 4096),
            (b'{"model_info":{"llama.context_length":"long"}}', 4096),
            (b"{}", 4096),
            (b"nonsense", 4096),
        ],
    )
    async def test_is_the_configured_one_or_the_models_own_where_that_is_shorter(
        self, shows: bytes, num_ctx: int
    ) -> None:
        transport = ScriptedTransport(tags("m"), line("one"), line("two"), shows=shows)
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m")
        for _ in range(2):
            await provider.generate(ask())
        assert [body_of(transport, at)["options"]["num_ctx"] for at in (1, 2)] == [num_ctx] * 2
        assert provider.candidate().context_tokens == num_ctx
        assert len(transport.shown) == 1

    async def test_each_model_has_its_own(self) -> None:
        transport = ScriptedTransport(tags("m"), line("one"), tags("m", "other"), line("two"))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m", num_ctx=8192)
        await provider.generate(ask())
        transport.shows = b'{"model_info":{"qwen.context_length":1024}}'
        await provider.generate(ask(model="other"))
        assert (provider.candidate().context_tokens, provider.candidate("other").context_tokens) == (8192, 1024)


class TestKeepAlive:
    @pytest.mark.parametrize(
        ("given", "sent"),
        [(None, None), ("30m", "30m"), ("-1", -1), ("0", 0), ("90", 90), ("1.5", 1.5), ("1h", "1h")],
    )
    async def test_is_sent_where_it_is_set_a_bare_number_as_seconds(
        self, given: str | None, sent: str | float | None
    ) -> None:
        transport = ScriptedTransport(tags("m"), line("one"))
        await LocalOllamaProvider(transport=transport, base_url=URL, model="m", keep_alive=given).generate(ask())
        assert body_of(transport).get("keep_alive") == sent


class TestAPromptThatWasCutInSilence:
    @pytest.mark.parametrize(("read", "cut"), [(10, False), (511, False), (512, True), (600, True), (None, False)])
    async def test_is_noticed_by_what_was_read_of_it(self, read: int | None, cut: bool) -> None:
        transport = ScriptedTransport(tags("m"), line("one", read))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m", num_ctx=512)
        assert (await provider.generate(ask())).finished.prompt_cut is cut

    async def test_is_noticed_by_its_length_where_nothing_is_said(self) -> None:
        transport = ScriptedTransport(tags("m"), line("one"))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m", num_ctx=512)
        assert (await provider.generate(ask("word " * 600))).finished.prompt_cut

    async def test_none_as_long_is_sent_again_but_shorter_ones_are(self) -> None:
        transport = ScriptedTransport(tags("m"), line("one", 512), line("two", 20))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m", num_ctx=512)
        await provider.generate(ask("word " * 600))
        for text in ("word " * 600, "word " * 700):
            with pytest.raises(ContextTooLong, match="OLLAMA_NUM_CTX"):
                await provider.generate(ask(text))
        assert (await provider.generate(ask("word"))).text == "two"


class TestWhereAModelRuns:
    @pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "m:cloud"])
    def test_a_cloud_model_by_name_is_a_cloud_candidate(self, model: str) -> None:
        provider = LocalOllamaProvider(transport=ScriptedTransport(), base_url=URL, model="m")
        assert provider.candidate().locality == "local"
        candidate = provider.candidate(model)
        assert (candidate.locality, candidate.on_this_machine, candidate.model) == ("cloud", False, model)

    @pytest.mark.parametrize("model", ["", "far"])
    async def test_a_model_that_is_listed_as_remote_gets_no_prompt_as_a_local_one(self, model: str) -> None:
        transport = ScriptedTransport(tags("near", "far", remote_host="https://x.invalid"))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="far")
        with pytest.raises(Misconfigured, match="runs in the cloud"):
            await provider.generate(ask(model=model))
        assert not any("chat" in sent.url for sent in transport.sent)

    async def test_nor_one_that_only_its_details_call_remote(self) -> None:
        transport = ScriptedTransport(tags("m"), tags("m"), shows=b'{"remote_host":"https://x.invalid"}')
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m")
        for _ in range(2):
            with pytest.raises(Misconfigured, match="runs in the cloud"):
                await provider.generate(ask())
        assert not any("chat" in sent.url for sent in transport.sent)

    async def test_a_model_by_name_that_is_not_listed_is_missing(self) -> None:
        transport = ScriptedTransport(tags("m"))
        with pytest.raises(Misconfigured) as caught:
            await LocalOllamaProvider(transport=transport, base_url=URL, model="m").generate(ask(model="nobody"))
        assert caught.value.reason == "model_missing"


class TestLoading:
    async def test_a_model_that_is_not_in_memory_is_cold_until_it_is_warmed_up(self) -> None:
        async with FakeOllama(loaded=[]) as fake, open_session() as session:
            provider = LocalOllamaProvider(transport=AiohttpTransport(session), base_url=fake.url)
            assert await provider.is_cold()
            await provider.warm_up()
            assert not await provider.is_cold()
            assert fake.chats == []
            assert (await provider.generate(ask())).text

    async def test_a_warm_up_uses_the_options_of_a_call_or_the_model_would_be_loaded_twice(self) -> None:
        transport = ScriptedTransport(tags("m"), Answer([b'{"done":true}']), line("one"))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m", num_ctx=2048, keep_alive="1h")
        await provider.warm_up()
        await provider.generate(ask())
        warm, call = body_of(transport, 1), body_of(transport, 2)
        assert warm["messages"] == []
        for name in ("shift", "keep_alive"):
            assert warm[name] == call[name]
        assert warm["options"] == {"num_ctx": call["options"]["num_ctx"]}

    @pytest.mark.parametrize("answer", [b'{"models":[{"name":"\xff"}]}', b'{"models":' + b"[" * 100_000, b"{"])
    async def test_an_answer_that_means_nothing_is_malformed(self, answer: bytes) -> None:
        provider = LocalOllamaProvider(
            transport=ScriptedTransport(tags("m"), Answer([answer])), base_url=URL, model="m"
        )
        with pytest.raises(Garbled) as caught:
            await provider.is_cold()
        assert caught.value.reason == "malformed"

    async def test_a_cloud_model_is_never_cold(self) -> None:
        transport = ScriptedTransport(tags("m:cloud"))
        assert not await LocalOllamaProvider(transport=transport, base_url=URL, model="m:cloud").is_cold()


async def test_calls_that_settle_on_a_model_at_the_same_time_all_ask_for_it() -> None:
    async with FakeOllama() as fake, open_session() as session:
        provider = LocalOllamaProvider(transport=AiohttpTransport(session), base_url=fake.url)
        ready = [provider.ensure_ready() for _ in range(5)]
        await asyncio.gather(*(provider.generate(ask()) for _ in range(20)), *ready)
        assert {request.body["model"] for request in fake.chats} == {"llama3.2:latest"}


async def test_the_stats_are_the_usage() -> None:
    async with FakeOllama([answer("Hello")]) as fake, open_session() as session:
        provider = LocalOllamaProvider(transport=AiohttpTransport(session), base_url=fake.url)
        usage = (await provider.generate(ask())).finished.usage
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens) == (16, 1)


async def test_how_long_the_model_worked_is_told_without_the_time_to_load_it() -> None:
    async with FakeOllama([answer("Hello")]) as fake, open_session() as session:
        provider = LocalOllamaProvider(transport=AiohttpTransport(session), base_url=fake.url)
        finished = (await provider.generate(ask())).finished
        assert finished.busy_seconds == pytest.approx(0.000276083 + 0.001056119)


class TestACloudModelBehindALocalServer:
    @pytest.mark.parametrize(("status", "reason"), [(401, "auth"), (402, "billing"), (403, "auth")])
    @pytest.mark.parametrize(("model", "concerned"), [("m:cloud", True), ("m", False)])
    async def test_that_is_turned_down_has_no_bearing_on_the_models_that_run_here(
        self, status: int, reason: Reason, model: str, concerned: bool
    ) -> None:
        transport = ScriptedTransport(tags("m", "m:cloud"), Answer([b'{"error":"unauthorized"}'], status=status))
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="m")
        with pytest.raises(Misconfigured) as caught:
            await provider.generate(ask(model=model))
        assert (caught.value.reason, caught.value.of_model) == (reason, concerned)

    async def test_nor_has_one_that_is_remote_by_its_details(self) -> None:
        transport = ScriptedTransport(tags("far"), Answer([b"{}"], status=402), shows=b'{"remote_host":"x.invalid"}')
        provider = LocalOllamaProvider(transport=transport, base_url=URL, model="far", locality="cloud")
        with pytest.raises(Misconfigured) as caught:
            await provider.generate(ask())
        assert (caught.value.reason, caught.value.of_model) == ("billing", True)
