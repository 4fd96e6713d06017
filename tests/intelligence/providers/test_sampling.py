"""How an answer is to be drawn: under which names each provider is told, and what becomes of what it turns down."""

import json
from typing import Any

import ollama
import pytest
from anthropic.types import message_create_params
from google.genai import types as google
from openai.types.chat import completion_create_params

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest, Sampling
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.services.providers import anthropic, gemini, local_ollama, openai_provider
from services.intelligence.app.services.providers.anthropic import AnthropicProvider
from services.intelligence.app.services.providers.gemini import GeminiProvider
from services.intelligence.app.services.providers.openai_dialect import dialect_of
from services.intelligence.app.services.providers.openai_errors import DROPPABLE
from services.intelligence.app.services.providers.openai_provider import OpenAIProvider

from .frames import gemini as gemini_event
from .scripted_transport import Answer, ScriptedTransport

OPENAI = "https://api.openai.com/v1"
ROW = "https://models.example.invalid/v1"
ALL = Sampling(
    temperature=0.3, max_tokens=50, stop=("END",), top_p=0.5, seed=7, frequency_penalty=-0.5, presence_penalty=1.5
)
SAID = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
OPTIONAL = {"temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "stop"}


def ask(sampling: Sampling = ALL, model: str = "") -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", "hello"),), sampling, model=model)


def openai_body(model: str = "m", base_url: str = OPENAI) -> dict[str, Any]:
    return openai_provider.to_body(ask(), model, dialect_of(base_url, None))


class TestNames:
    @pytest.mark.parametrize("base_url", [OPENAI, ROW])
    def test_openai_and_others_get_them_as_they_are(self, base_url: str) -> None:
        body = openai_body(base_url=base_url)
        assert {name: body[name] for name in OPTIONAL} == {
            "temperature": 0.3, "top_p": 0.5, "seed": 7, "frequency_penalty": -0.5, "presence_penalty": 1.5,
            "stop": ["END"],
        }  # fmt: skip
        assert body.keys() <= completion_create_params.CompletionCreateParamsBase.__annotations__.keys() | {"stream"}

    def test_a_reasoning_model_of_openai_gets_the_seed_alone(self) -> None:
        assert openai_body("gpt-5").keys() & OPTIONAL == {"seed"}

    def test_ollama_gets_them_as_options(self) -> None:
        options = local_ollama.to_body(ask(), "m", 4096)["options"]
        assert options == {
            "num_ctx": 4096, "num_predict": 50, "temperature": 0.3, "top_p": 0.5, "seed": 7,
            "frequency_penalty": -0.5, "presence_penalty": 1.5, "stop": ["END"],
        }  # fmt: skip
        assert options.keys() <= ollama.Options.model_fields.keys()

    def test_gemini_gets_them_in_its_configuration(self) -> None:
        config = gemini.to_body(ask())["generationConfig"]
        assert config == {
            "temperature": 0.3, "maxOutputTokens": 50, "stopSequences": ["END"], "topP": 0.5, "seed": 7,
            "frequencyPenalty": -0.5, "presencePenalty": 1.5,
        }  # fmt: skip
        assert config.keys() <= {field.alias for field in google.GenerationConfig.model_fields.values()}

    def test_the_older_version_of_anthropic_gets_the_temperature_or_top_p(self) -> None:
        both = anthropic.to_body(ask(), "m", temperature=True)
        assert both.keys() & OPTIONAL == {"temperature"}
        one = anthropic.to_body(ask(Sampling(top_p=0.5, seed=7, presence_penalty=1.0)), "m", temperature=True)
        assert (one["top_p"], one.keys() & OPTIONAL) == (0.5, {"top_p"})

    def test_the_newest_version_of_anthropic_gets_none_of_them(self) -> None:
        body = anthropic.to_body(ask(), "m", temperature=False)
        assert not body.keys() & OPTIONAL
        assert body.keys() <= message_create_params.MessageCreateParamsBase.__annotations__.keys() | {"stream"}

    def test_nothing_is_named_that_nobody_asked_for(self) -> None:
        request = ask(Sampling())
        bodies = (
            openai_provider.to_body(request, "m", dialect_of(OPENAI, None)),
            local_ollama.to_body(request, "m", 4096)["options"],
            gemini.to_body(request),
            anthropic.to_body(request, "m", temperature=True),
        )
        assert not any(body.keys() & (OPTIONAL | {"generationConfig"}) for body in bodies)

    @pytest.mark.parametrize(
        ("seed", "folded"), [(0, 0), (2**31 - 1, 2**31 - 1), (2**31, 0), (-1, 2**31 - 1), (2**63 - 1, 2**31 - 1)]
    )
    def test_a_seed_is_folded_for_those_that_take_no_large_ones(self, seed: int, folded: int) -> None:
        request = ask(Sampling(seed=seed))
        assert local_ollama.to_body(request, "m", 4096)["options"]["seed"] == folded
        assert gemini.to_body(request)["generationConfig"]["seed"] == folded
        assert openai_provider.to_body(request, "m", dialect_of(ROW, None))["seed"] == seed


def complaint(message: str, status: int = 400, **fields: Any) -> Answer:
    return Answer([json.dumps({"error": {"message": message, **fields}}).encode()], status=status)


def unsupported(parameter: str) -> Answer:
    return complaint(f"Unsupported parameter: '{parameter}'.", code="unsupported_parameter", param=parameter)


def bodies(transport: ScriptedTransport) -> list[dict[str, Any]]:
    return [json.loads(sent.body or b"") for sent in transport.sent]


class TestTurnedDown:
    async def run(self, *answers: Answer, calls: int = 1) -> list[set[str]]:
        """What of DROPPABLE was in each request."""
        transport = ScriptedTransport(*answers)
        provider = OpenAIProvider(transport=transport, api_key=None, model="m", base_url=ROW, name="row")
        for _ in range(calls):
            assert (await provider.generate(ask())).text == "hi"
        return [set(DROPPABLE & body.keys()) for body in bodies(transport)]

    @pytest.mark.parametrize("parameter", sorted(OPTIONAL))
    async def test_it_is_left_out_within_the_call_and_from_then_on(self, parameter: str) -> None:
        first, *others = await self.run(unsupported(parameter), Answer([SAID]), Answer([SAID]), calls=2)
        assert others == [first - {parameter}] * 2

    async def test_several_are_left_out_one_after_the_other(self) -> None:
        order = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
        seen = await self.run(*map(unsupported, order), Answer([SAID]))
        assert seen[-1] == seen[0] - set(order)
        assert len(seen) == 5

    @pytest.mark.parametrize(
        ("answer", "gone"),
        [
            (complaint("Argument not supported on this model: presencePenalty"), {"presence_penalty"}),
            (complaint("Model grok-4.6 does not support parameter frequencyPenalty."), {"frequency_penalty"}),
            (complaint("Unrecognized request arguments supplied: seed, top_p"), {"seed", "top_p"}),
            (complaint("Unknown parameter: 'seed'.", code="unknown_parameter", param="seed"), {"seed"}),
            (complaint("seed: Extra inputs are not permitted", 422), {"seed"}),
            (complaint("property 'seed' is unsupported"), {"seed"}),
            (complaint("Penalty is not enabled for this model"), {"frequency_penalty", "presence_penalty"}),
        ],
    )
    async def test_servers_without_a_code_for_it_say_it_in_words(self, answer: Answer, gone: set[str]) -> None:
        first, second = await self.run(answer, Answer([SAID]))
        assert second == first - gone

    async def test_of_the_limits_two_names_the_first_that_is_told_is_the_one_that_is_turned_down(self) -> None:
        said = "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead."
        first, second = await self.run(complaint(said), Answer([SAID]))
        assert second == first - {"max_tokens"} | {"max_completion_tokens"}

    async def test_whoever_turns_down_everything_is_not_asked_for_ever(self) -> None:
        transport = ScriptedTransport(*(unsupported(name) for name in sorted(OPTIONAL)))
        provider = OpenAIProvider(transport=transport, api_key=None, model="m", base_url=ROW)
        with pytest.raises(ProviderError, match="unsupported_parameter"):
            await provider.generate(ask())
        assert len(transport.sent) == 5

    @pytest.mark.parametrize(
        "message", ["Penalty is not enabled for models/m", "Penalty is not enabled for this model"]
    )
    async def test_gemini_models_without_penalties_are_asked_without_them_from_then_on(self, message: str) -> None:
        refusal = {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}
        said = [gemini_event({"text": "hi"}, finish="STOP")]
        transport = ScriptedTransport(
            Answer([json.dumps(refusal).encode()], status=400), Answer(said), Answer(said), Answer(said)
        )
        provider = GeminiProvider(transport=transport, api_key="k" * 40, model="m")
        for model in ("", "", "other"):
            assert (await provider.generate(ask(model=model))).text == "hi"
        asked = [
            body["generationConfig"].keys() & {"frequencyPenalty", "presencePenalty"} for body in bodies(transport)
        ]
        assert [len(names) for names in asked] == [2, 0, 0, 2]

    async def test_a_gemini_model_is_not_asked_twice_for_a_penalty_that_nobody_asked_for(self) -> None:
        refusal = {
            "error": {"code": 400, "message": "Penalty is not enabled for models/m", "status": "INVALID_ARGUMENT"}
        }
        transport = ScriptedTransport(Answer([json.dumps(refusal).encode()], status=400))
        provider = GeminiProvider(transport=transport, api_key="k" * 40, model="m")
        with pytest.raises(ProviderError):
            await provider.generate(ask(Sampling(temperature=0.5)))

    async def test_an_anthropic_model_that_takes_no_top_p_is_asked_without_it(self) -> None:
        refusal = {"type": "error", "error": {"type": "invalid_request_error", "message": "`top_p` is deprecated."}}
        whole = {
            "type": "message", "model": "m", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
        }  # fmt: skip
        answers = (Answer([json.dumps(refusal).encode()], status=400), *[Answer([json.dumps(whole).encode()])] * 2)
        transport = ScriptedTransport(*answers)
        provider = AnthropicProvider(
            transport=transport, api_key="k" * 40, model="m", api_version=anthropic.OLDER_VERSION
        )
        for _ in range(2):
            assert (await provider.generate(ask(Sampling(top_p=0.5)))).text == "hi"
        assert ["top_p" in body for body in bodies(transport)] == [True, False, False]
