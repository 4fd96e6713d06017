"""Gemini in detail: how an answer may end, answers in rounds, other models, and how much a model reads."""

import json
from typing import Any

import pytest
from google.genai import types

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.domain.events import TextDelta, Usage
from services.intelligence.app.services.providers import gemini, gemini_errors
from services.intelligence.app.services.providers.complaints import from_answer
from services.intelligence.app.services.providers.gemini import MOST_ROUNDS, GeminiProvider

from .scripted_transport import Answer, ScriptedTransport

KEY = "g" * 40


def ask(model: str = "") -> ProviderRequest:
    return ProviderRequest((ChatTurn("user", "hello"),), model=model)


def chunk(text: str, finish: str | None = "STOP", *, token: str | None = None, tokens: int = 2) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}] if text else []}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    if token:
        candidate["continuationToken"] = token
    usage = {"promptTokenCount": 5, "candidatesTokenCount": tokens, "thoughtsTokenCount": 1}
    return b"data: " + json.dumps({"candidates": [candidate], "usageMetadata": usage}).encode() + b"\r\n\r\n"


def provider(*answers: Answer, **options: Any) -> tuple[GeminiProvider, ScriptedTransport]:
    transport = ScriptedTransport(*answers)
    return GeminiProvider(transport=transport, api_key=KEY, model="m", **options), transport


class TestHowAnAnswerEnds:
    def test_every_reason_that_the_official_client_knows_has_its_place(self) -> None:
        known = {reason.value for reason in types.FinishReason}
        assert known == set(gemini._FINISH) | gemini._BLOCKED | {gemini._ACCOUNT_LIMITED}

    @pytest.mark.parametrize("finish", [*sorted(set(gemini._FINISH) - {"CONTINUATION"}), "NEW_IN_2027"])
    async def test_with_text_it_is_an_answer(self, finish: str) -> None:
        one, _ = provider(Answer([chunk("Hi.", finish)]))
        completion = await one.generate(ask())
        assert completion.text == "Hi."
        assert (completion.finished.reason, completion.finished.raw_reason) == (
            gemini._FINISH.get(finish, "other"), finish,
        )  # fmt: skip

    @pytest.mark.parametrize("finish", [*sorted(set(gemini._FINISH) - {"CONTINUATION"}), "NEW_IN_2027"])
    async def test_without_text_it_is_empty(self, finish: str) -> None:
        one, _ = provider(Answer([chunk("", finish)]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "empty"
        assert caught.value.usage == Usage(5, 3, 1)

    @pytest.mark.parametrize("finish", sorted(gemini._BLOCKED))
    @pytest.mark.parametrize("text", ["", "Half an"])
    async def test_a_filter_is_a_filter_with_and_without_text(self, finish: str, text: str) -> None:
        one, _ = provider(Answer([chunk(text, finish)]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "blocked"

    @pytest.mark.parametrize("block", [reason.value for reason in types.BlockedReason])
    async def test_a_blocked_prompt_is_a_filter_too(self, block: str) -> None:
        one, _ = provider(Answer([b"data: " + json.dumps({"promptFeedback": {"blockReason": block}}).encode()]))
        with pytest.raises(ProviderError) as caught:
            await one.generate(ask())
        assert caught.value.reason == "blocked"


class TestAnswersInRounds:
    async def test_the_same_body_is_sent_again_with_the_token_until_the_end(self) -> None:
        one, transport = provider(
            Answer([chunk("One ", "CONTINUATION", token="t1")]),
            Answer([chunk("two ", "CONTINUATION", token="t2")]),
            Answer([chunk("three.")]),
        )
        completion = await one.generate(ask())
        assert (completion.text, completion.finished.reason) == ("One two three.", "stop")
        assert completion.finished.usage == Usage(15, 9, 3)
        bodies = [json.loads(sent.body or b"") for sent in transport.sent]
        assert [body.pop("continuationToken", None) for body in bodies] == [None, "t1", "t2"]
        assert bodies[0] == bodies[1] == bodies[2]

    async def test_a_last_round_without_text_is_fine(self) -> None:
        one, _ = provider(Answer([chunk("All.", "CONTINUATION", token="t")]), Answer([chunk("")]))
        assert (await one.generate(ask())).text == "All."

    async def test_it_is_not_gone_on_with_for_ever(self) -> None:
        one, transport = provider(*(Answer([chunk("x", "CONTINUATION", token="t")]) for _ in range(MOST_ROUNDS)))
        completion = await one.generate(ask())
        assert (completion.text, completion.finished.reason) == ("x" * MOST_ROUNDS, "length")
        assert len(transport.sent) == MOST_ROUNDS

    async def test_without_a_token_it_is_an_answer_cut_at_its_limit(self) -> None:
        one, _ = provider(Answer([chunk("One", "CONTINUATION")]))
        assert (await one.generate(ask())).finished.reason == "length"

    async def test_a_fault_in_a_later_round_is_raised_after_the_text(self) -> None:
        one, _ = provider(Answer([chunk("One", "CONTINUATION", token="t")]), Answer([b"{}"], status=503))
        deltas = one.stream(ask())
        assert await anext(deltas) == TextDelta("One")
        with pytest.raises(ProviderError) as caught:
            await anext(deltas)
        assert caught.value.reason == "overloaded"


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("", "models/m"), ("gemini-4", "models/gemini-4"), ("models/gemini-4", "models/gemini-4"),
        ("tunedModels/mine", "tunedModels/mine"), ("a b", "models/a%20b"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_another_model_is_asked_by_its_name_in_every_version(model: str, path: str, version: str) -> None:
    one, transport = provider(Answer([chunk("Hi.")]), api_version=version)
    await one.generate(ask(model))
    assert transport.sent[0].url.endswith(f".com/{version}/{path}:streamGenerateContent?alt=sse")
    assert json.loads(transport.sent[0].body or b"") == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


async def test_how_much_a_model_reads_is_what_its_free_check_says() -> None:
    one, _ = provider(Answer([b'{"name":"models/m","inputTokenLimit":32768}']))
    assert one.candidate().context_tokens == 1_048_576
    await one.ensure_ready()
    assert one.candidate().context_tokens == 32_768
    assert one.candidate("other").context_tokens == 1_048_576


def test_prices_are_googles_at_googles_address_alone() -> None:
    assert provider()[0].priced_as == "google"
    assert provider(api_url="http://proxy.invalid")[0].priced_as == ""


def error(code: int, status: str, message: str = "", details: list[dict[str, Any]] | None = None) -> bytes:
    body = {"error": {"code": code, "status": status, "message": message, "details": details or []}}
    return json.dumps(body).encode()


INFO, QUOTA, RETRY = (
    {"@type": f"type.googleapis.com/google.rpc.{name}"} for name in ("ErrorInfo", "QuotaFailure", "RetryInfo")
)
SHORT = {**RETRY, "retryDelay": "2s"}
TOO_LONG = "The input token count (2) exceeds the maximum number of tokens allowed (1)."


def why(reason: str) -> list[dict[str, Any]]:
    return [{**INFO, "reason": reason}]


def quota(name: str, value: str = "10") -> dict[str, Any]:
    return {**QUOTA, "violations": [{"quotaId": name, "quotaValue": value}]}


@pytest.mark.parametrize(
    ("code", "body", "reason", "trusted"),
    [
        (400, error(400, "INVALID_ARGUMENT", "API key not valid", why("API_KEY_INVALID")), "auth", True),
        (400, error(400, "INVALID_ARGUMENT", "API key expired", why("API_KEY_INVALID")), "auth", True),
        (401, error(401, "UNAUTHENTICATED", "", why("ACCESS_TOKEN_TYPE_UNSUPPORTED")), "auth", True),
        (403, error(403, "PERMISSION_DENIED", "", why("SERVICE_DISABLED")), "auth", True),
        (403, error(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "auth", True),
        (400, error(400, "FAILED_PRECONDITION", "User location is not supported"), "auth", True),
        (402, error(402, "RESOURCE_EXHAUSTED", "prepaid credit"), "billing", True),
        (404, error(404, "NOT_FOUND", "models/x is not found"), "model_missing", True),
        (400, error(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"), "invalid_request", True),
        (
            400,
            error(400, "INVALID_ARGUMENT", TOO_LONG),
            "context_too_long",
            True,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "", [quota("GenerateRequestsPerMinute"), SHORT]),
            "rate_limited",
            True,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "", [quota("GenerateRequestsPerDay"), SHORT]),
            "quota_exhausted",
            False,
        ),
        (
            429,
            error(429, "RESOURCE_EXHAUSTED", "", [quota("PerMinute-FreeTier", "0"), SHORT]),
            "quota_exhausted",
            False,
        ),
        (429, error(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."), "rate_limited", True),
        (499, error(499, "CANCELLED"), "server_error", True),
        (500, error(500, "INTERNAL"), "server_error", True),
        (503, error(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", True),
        (504, error(504, "DEADLINE_EXCEEDED"), "server_error", True),
    ],
)
def test_what_its_errors_mean(code: int, body: bytes, reason: Reason, trusted: bool) -> None:
    verdict = gemini_errors.classify(from_answer(code, {}, body))
    assert (verdict.reason, verdict.trust_delay) == (reason, trusted)
