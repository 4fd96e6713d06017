"""How much a model reads, and how long its answers may be: from complaints, lists of models, and published data."""

import json
from typing import Any

import pytest
from novakit.clock import SystemClock

from services.intelligence.app.config import Settings
from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.services.prices import ContextWindows
from services.intelligence.app.services.providers import openai_errors, registry
from services.intelligence.app.services.providers.complaints import from_answer
from services.intelligence.app.services.providers.http_provider import REMEMBERED_MODELS
from services.intelligence.app.services.providers.model_lists import Context, context_of
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from .scripted_transport import Answer, ScriptedTransport

ROW = "https://models.example.invalid/v1"
GUESS = 128_000
SAID = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def request(text: str = "hello", *, model: str = "", max_tokens: int | None = None) -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", text),), Sampling(max_tokens=max_tokens), model=model)


def row(*answers: Answer, model: str = "m") -> tuple[OpenAIProvider, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    return OpenAIProvider(transport=transport, api_key=None, model=model, base_url=ROW, name="row"), transport


def complaint(message: str, status: int = 400, **fields: Any) -> Answer:
    return Answer([json.dumps({"error": {"message": message, **fields}}).encode()], status=status)


def listing(*cards: dict[str, Any]) -> Answer:
    return Answer([json.dumps({"object": "list", "data": list(cards)}).encode()])


def limits(transport: ScriptedTransport) -> list[int]:
    return [json.loads(sent.body or b"")["max_tokens"] for sent in transport.sent]


TELLING: list[tuple[int, str, dict[str, Any], int]] = [
    (
        400,
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens.",
        {"code": "context_length_exceeded", "param": "messages"},
        8192,
    ),
    (
        400,
        "This model's maximum context length is 131072 tokens. However, you requested 131134 tokens.",
        {"code": "invalid_request_error", "type": "invalid_request_error"},
        131_072,
    ),
    (400, "This endpoint's maximum context length is 32768 tokens. However, you requested", {"code": 400}, 32_768),
    (400, "The input (61709 tokens) is longer than the model's context length (40960 tokens).", {}, 40_960),
    (400, "Requested token count exceeds the model's maximum context length of 4,096 tokens.", {}, 4096),
    (400, "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).", {}, 59_862),
    (
        400,
        "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
        {"type": "exceed_context_size_error", "code": 400},
        8192,
    ),
    (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length", {}, 32_768),
    (400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens.", {}, 131_072),
    (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097. Given: 5000", {}, 4097),
    (400, "Invalid request: Your request exceeded model token limit: 8192", {}, 8192),
    (
        429,
        "Request too large for gpt-4.1 in organization org-x on tokens per min (TPM): Limit 30000, Requested 31538.",
        {"type": "tokens", "code": "rate_limit_exceeded"},
        30_000,
    ),
]
SILENT: list[tuple[int, str, dict[str, Any]]] = [
    (400, "Your input exceeds the context window of this model.", {"code": "context_length_exceeded"}),
    (400, "prompt too long; exceeded max context length by 9 tokens", {}),
    (400, "This model's maximum context length is 8 tokens.", {}),
    (429, "Rate limit reached on tokens per min: Limit 30000, Used 29000, Requested 1538.", {"type": "tokens"}),
    (400, "context length 9000 is not a number that we take; it must not exceed 8000", {"code": "invalid_value"}),
]
TOO_MUCH_ASKED = (
    "max_tokens is too large: 20480. This model supports at most 16384 completion tokens.",
    "`max_tokens` must be less than or equal to `16384`, the maximum value for this model",
)


class TestComplaints:
    @pytest.mark.parametrize(
        ("status", "message", "fields", "tokens"), [*TELLING, *((*silent, None) for silent in SILENT)]
    )
    def test_the_number_that_a_complaint_tells_is_the_models_size(
        self, status: int, message: str, fields: dict[str, Any], tokens: int | None
    ) -> None:
        said = from_answer(status, {}, json.dumps({"error": {"message": message, **fields}}).encode())
        assert openai_errors.most_tokens(said) == tokens

    async def test_it_is_remembered_for_that_model_alone(self) -> None:
        too_long = complaint("This model's maximum context length is 8192 tokens.", code="context_length_exceeded")
        one, transport = row(too_long)
        with pytest.raises(ProviderError) as caught:
            await one.generate(request(model="small"))
        assert caught.value.reason == "context_too_long"
        assert len(transport.sent) == 1
        assert one.candidate("small").context_tokens == 8192
        assert one.candidate().context_tokens == one.candidate("other").context_tokens == GUESS

    async def test_no_more_models_are_remembered_than_fit(self) -> None:
        names = [f"model-{number}" for number in range(REMEMBERED_MODELS + 1)]
        one, _ = row(*(complaint("The maximum context length is 8192 tokens.") for _ in names))
        for name in names:
            with pytest.raises(ProviderError):
                await one.generate(request(model=name))
        sizes = [one.candidate(name).context_tokens for name in names]
        assert sizes == [GUESS, *[8192] * REMEMBERED_MODELS]

    async def test_a_long_answer_that_does_not_fit_beside_the_prompt_is_asked_for_shorter_at_once(self) -> None:
        said = "This model's maximum context length is 8192 tokens. However, you requested 8256 tokens (64 in the"
        one, transport = row(
            complaint(f"{said} messages, 8192 in the completion).", code="context_length_exceeded"),
            Answer([SAID]),
            Answer([SAID]),
        )
        for _ in range(2):
            assert (await one.generate(request(max_tokens=8192))).text == "hi"
        assert limits(transport) == [8192, 8182, 8182]

    async def test_a_prompt_that_does_not_fit_is_not_asked_twice(self) -> None:
        one, transport = row(complaint("The maximum context length is 1000 tokens.", code="context_length_exceeded"))
        with pytest.raises(ProviderError) as caught:
            await one.generate(request("word " * 2000, max_tokens=900))
        assert caught.value.reason == "context_too_long"
        assert limits(transport) == [900]

    @pytest.mark.parametrize("said", TOO_MUCH_ASKED)
    async def test_an_answer_is_asked_for_no_longer_than_the_model_gives(self, said: str) -> None:
        one, transport = row(complaint(said, param="max_tokens", code="invalid_value"), *[Answer([SAID])] * 4)
        await one.generate(request(max_tokens=20480))
        await one.generate(request(max_tokens=20480))
        await one.generate(request(max_tokens=100))
        await one.generate(request(max_tokens=20480, model="other"))
        assert limits(transport) == [20480, 16384, 16384, 100, 20480]


class TestLists:
    @pytest.mark.parametrize(
        ("card", "context"),
        [
            ({"max_model_len": 32_768}, Context(32_768)),
            ({"context_length": 65_536, "top_provider": {"context_length": 8192}}, Context(65_536)),
            ({"context_window": 131_072, "active": True}, Context(131_072)),
            ({"max_context_length": 40_960}, Context(40_960)),
            ({"meta": {"n_ctx": 4096, "n_ctx_train": 131_072}}, Context(4096)),
            ({"meta": {"n_ctx_train": 131_072}}, Context(131_072, at_most=True)),
            ({"max_model_len": None, "meta": None}, None),
            ({"max_model_len": "long", "context_length": 0, "context_window": True}, None),
            ({}, None),
        ],
    )
    def test_each_server_tells_it_in_its_own_word(self, card: dict[str, Any], context: Context | None) -> None:
        others = [{"id": "other", "max_model_len": 9}, "noise"]
        assert context_of("m", {"data": [*others, {"id": "m", **card}]}) == context
        assert context_of("m", [*others, {"id": "m", **card}]) == context

    def test_a_server_of_one_model_means_it_by_any_name(self) -> None:
        card = {"id": "some.gguf", "max_model_len": 4096}
        assert context_of("default", {"data": [card]}) == Context(4096)
        assert context_of("default", {"data": [card, card]}) is None

    @pytest.mark.parametrize(
        "listing", [None, {}, [], "none", 17, {"data": None}, {"data": [7]}, {"data": [{"id": []}]}]
    )
    def test_a_list_that_is_none_tells_nothing(self, listing: Any) -> None:
        assert context_of("m", listing) is None

    async def test_a_free_check_learns_it(self) -> None:
        one, _ = row(listing({"id": "m", "max_model_len": 4096}), listing({"id": "m", "max_model_len": 8192}))
        for tokens in (4096, 8192):
            await one.ensure_ready()
            assert one.candidate().context_tokens == tokens

    async def test_what_a_model_was_made_for_does_not_outweigh_what_its_server_has_said(self) -> None:
        card = {"id": "m", "meta": {"n_ctx_train": 131_072}}
        too_long = complaint("exceeds the available context size (4096 tokens)", type="exceed_context_size_error")
        one, _ = row(listing(card), too_long, listing(card))
        await one.ensure_ready()
        assert one.candidate().context_tokens == 131_072
        with pytest.raises(ProviderError):
            await one.generate(request())
        await one.ensure_ready()
        assert one.candidate().context_tokens == 4096


class TestPublishedData:
    def test_nothing_is_known_until_the_data_were_loaded(self) -> None:
        windows = ContextWindows()
        assert windows("openai", "gpt-4.1") is None
        windows.load()
        # A million, and 128,000: OpenAI's pages on the two models.
        assert [windows("openai", name) for name in ("gpt-4.1", "gpt-4o")] == [1_000_000, 128_000]
        assert windows("azure", "gpt-4o") == 128_000
        assert windows("https://api.deepseek.com/v1", "deepseek-chat") is not None

    @pytest.mark.parametrize(
        ("vendor", "model"),
        [("openai", "unheard-of"), ("http://10.0.0.7/v1", "gpt-4.1"), ("", "gpt-4.1"), ("openai", "")],
    )
    def test_what_is_not_known_is_not_made_up(self, vendor: str, model: str) -> None:
        windows = ContextWindows()
        windows.load()
        assert windows(vendor, model) is None

    def test_every_provider_is_made_with_them(self) -> None:
        settings = Settings.load(
            {
                "SERVICE_JWT_SECRET": "s" * 32,
                "LLM_PROVIDER_PRIORITY": "openai,row",
                "OPENAI_API_KEY": "k" * 40,
                "OPENAI_MODEL": "m",
                "ROW_BASE_URL": ROW,
                "ROW_MODEL": "m",
            }
        )
        known = {("openai", "m"): 64_000, (ROW, "m"): 32_000}
        made, _ = registry.build(settings, ScriptedTransport(), SystemClock(), lambda *asked: known.get(asked))
        assert [one.candidate().context_tokens for one in made] == [64_000, 32_000]

    async def test_it_counts_where_neither_the_server_nor_a_complaint_has_told(self) -> None:
        one, _ = row(listing({"id": "m", "max_model_len": 4096}))
        asked: list[tuple[str, str]] = []

        def window(vendor: str, model: str) -> int | None:
            asked.append((vendor, model))
            return {"m": 64_000, "other": 32_000}.get(model)

        one.window = window
        sizes = [one.candidate(model).context_tokens for model in ("", "other", "unknown")]
        assert sizes == [64_000, 32_000, GUESS]
        assert asked == [(ROW, "m"), (ROW, "other"), (ROW, "unknown")]
        await one.ensure_ready()
        assert one.candidate().context_tokens == 4096
