"""The errors of OpenAI, of Azure, and of the many servers with their API, in the shapes that they are seen in."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.services.providers import openai_errors
from services.intelligence.app.services.providers.complaints import Complaint, from_answer, to_error
from services.intelligence.app.services.providers.openai_provider import OpenAIDecoder, OpenAIProvider

from .frames import decode, event, openai
from .scripted_transport import Answer, ScriptedTransport

CONTEXT = "This model's maximum context length is 262144 tokens. However, your messages resulted in 262897 tokens."
HIGH_DEMAND = (
    "The system is currently experiencing high demand and cannot process your request. Your request exceeds the "
    "maximum usage size allowed during peak load."
)


def told(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return explained(from_answer(status, headers or {}, raw))


def explained(complaint: Complaint) -> ProviderError:
    return to_error(complaint, openai_errors.classify(complaint), wall=0.0, keys=(), texts=())


def in_stream(*frames: bytes) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        decode(OpenAIDecoder(explained), *frames)
    return caught.value


def azure(code: str, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def openrouter(code: int, message: str = "Provider returned error", **metadata: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": metadata}}


class TestAzure:
    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (401, azure("401", "Access denied due to invalid subscription key or wrong API endpoint."), "auth"),
            (404, azure("404", "Resource not found"), "model_missing"),
            (404, azure("DeploymentNotFound", type="invalid_request_error"), "model_missing"),
            (429, azure("429", "Call rate limit exceeded. Please retry after 6 seconds."), "rate_limited"),
            (429, azure("RateLimitReached", details="Your requests have exceeded rate limit."), "rate_limited"),
            (429, azure("429", HIGH_DEMAND), "rate_limited"),
            (400, azure("content_filter", type=None, param="prompt", status=400), "blocked"),
            (400, azure("BadRequest", innererror={"code": "ResponsibleAIPolicyViolation"}), "blocked"),
            (400, azure("OperationNotSupported", "The operation does not work with it."), "model_missing"),
            (413, azure("tokens_limit_reached", "Body too large for m. Max size: 8000 tokens."), "context_too_long"),
            (408, azure("Timeout", "The operation was timeout."), "server_error"),
            (424, azure("ModelError", "m"), "server_error"),
            (401, {"statusCode": 401, "message": "Access denied due to missing subscription key."}, "auth"),
        ],
    )  # fmt: skip
    def test_codes_are_words_or_the_status_as_a_text(self, status: int, body: Any, reason: Reason) -> None:
        assert told(status, body).reason == reason

    def test_a_status_as_a_text_is_one_inside_a_stream_too(self) -> None:
        assert (in_stream(event(azure("429"))).reason, in_stream(event(azure("429"))).status) == ("rate_limited", 429)
        assert in_stream(event(azure("RateLimitReached"))).reason == "rate_limited"
        assert in_stream(event(azure("DeploymentNotFound"))).reason == "model_missing"

    def test_a_day_to_wait_is_named_as_it_is(self) -> None:
        said = (
            "Requests have exceeded token rate limit of your current pricing tier. Please retry after 86400 seconds."
        )
        assert told(429, azure("429", said)).retry_after == 86_400.0

    def test_the_larger_of_two_headers_counts(self) -> None:
        headers = {"retry-after": "1", "retry-after-ms": "0"}
        assert told(429, azure("RateLimitReached"), headers).retry_after == 1.0

    def test_high_demand_has_the_delay_that_it_names_or_none(self) -> None:
        assert told(429, azure("429", HIGH_DEMAND)).retry_after is None
        assert told(429, azure("429", f"{HIGH_DEMAND} Please retry after 20 seconds.")).retry_after == 20.0

    @pytest.mark.parametrize(
        ("body", "hint"),
        [(azure("DeploymentNotFound"), "after some minutes"), (azure("404", "Resource not found"), "the base URL")],
    )
    def test_the_operator_is_told_where_to_look(self, body: Any, hint: str) -> None:
        assert hint in told(404, body).detail


class TestOpenRouter:
    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (402, openrouter(402, "Insufficient credits"), "billing"),
            (403, openrouter(403, "Key limit exceeded"), "auth"),
            (403, openrouter(403, "Input was flagged", reasons=["violence"], flagged_input="..."), "blocked"),
            (403, openrouter(403, error_type="content_policy_violation"), "blocked"),
            (400, openrouter(400, error_type="context_length_exceeded"), "context_too_long"),
            (400, openrouter(400, error_type="invalid_prompt"), "invalid_request"),
            (400, openrouter(400, raw=json.dumps({"error": {"message": CONTEXT}})), "context_too_long"),
            (400, openrouter(400, raw={"error": {"message": CONTEXT}}), "context_too_long"),
            (404, openrouter(404, "No endpoints found for m."), "model_missing"),
            (408, openrouter(408), "server_error"),
            (429, openrouter(429, raw="m is temporarily rate-limited upstream."), "rate_limited"),
            (429, openrouter(429, "Rate limit exceeded: free-models-per-day"), "quota_exhausted"),
            (502, openrouter(502, error_type="provider_overloaded"), "overloaded"),
            (502, openrouter(502), "server_error"),
            (503, openrouter(503, "No available model provider"), "overloaded"),
        ],
    )  # fmt: skip
    def test_what_it_says_beside_the_status_counts(self, status: int, body: Any, reason: Reason) -> None:
        assert told(status, body).reason == reason

    def test_what_the_provider_behind_it_said_is_passed_on(self) -> None:
        said = told(429, openrouter(429, raw="m is rate-limited upstream. Please retry in 3s"))
        assert said.detail == "HTTP 429 429: Provider returned error: m is rate-limited upstream. Please retry in 3s"
        assert said.retry_after == 3.0
        nested = told(400, openrouter(400, raw={"error": {"message": "bad", "code": 400}}))
        assert nested.detail == "HTTP 400 400: Provider returned error: bad"

    def test_an_input_that_was_flagged_is_not_repeated(self) -> None:
        said = told(403, openrouter(403, "flagged", reasons=["x"], flagged_input="what a person wrote"))
        assert "person" not in said.detail

    def test_an_error_amid_the_stream_is_one(self) -> None:
        error = {"code": "server_error", "message": "Provider disconnected"}
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        said = in_stream(openai({"content": "a"}), event({"error": error, "choices": [choice]}))
        assert (said.reason, said.detail) == (
            "server_error",
            "error in the stream server_error: Provider disconnected",
        )

    @pytest.mark.parametrize("finish", ["error", "abort"])
    def test_an_answer_that_was_given_up_is_not_whole(self, finish: str) -> None:
        assert in_stream(openai({"content": "a"}), openai(finish=finish)).reason == "server_error"


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, {"code": "model_decommissioned", "type": "invalid_request_error"}, "model_missing"),
        (403, {"code": "model_permission_blocked_org", "type": "permissions_error"}, "model_missing"),
        (400, {"code": "organization_restricted", "type": "invalid_request_error"}, "auth"),
        (498, {"code": "capacity_exceeded"}, "overloaded"),
        (498, {}, "overloaded"),
        (
            413,
            {"message": "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 10538,"
             " please reduce your message size.", "type": "tokens", "code": "rate_limit_exceeded"},
            "context_too_long",
        ),
        (429, {"message": "on tokens per day (TPD): Limit 5", "code": "rate_limit_exceeded"}, "quota_exhausted"),
    ],
)  # fmt: skip
def test_an_error_of_groq(status: int, error: dict[str, Any], reason: Reason) -> None:
    assert told(status, {"error": {"message": "m", **error}}).reason == reason


def flat(message: Any, kind: str, code: Any = None) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code}


def plain(message: str, kind: str | None = None, code: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "code": code, **more}}


VLLM: list[tuple[int, Any, Reason, str]] = [
    (400, flat(CONTEXT, "BadRequestError", 400), "context_too_long", "maximum context"),
    (404, flat("The model `x` does not exist.", "NotFoundError", 404), "model_missing", "does not exist"),
    (404, plain("m", "NotFoundError", 404, param="model"), "model_missing", ": m"),
]
LLAMA_CPP: list[tuple[int, Any, Reason, str]] = [
    (503, plain("Loading model", "unavailable_error", 503), "overloaded", "Loading"),
    (400, plain("too much", "exceed_context_size_error", 400, n_ctx=4096), "context_too_long", ""),
]
EXTRA = {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs", "input": "secret"}
MISTRAL: list[tuple[int, Any, Reason, str]] = [
    (400, flat("Invalid model: x", "invalid_model", "1500"), "model_missing", "Invalid model"),
    (422, flat({"detail": [EXTRA]}, "invalid_request_error"), "invalid_request", "body.seed: Extra inputs"),
    (422, flat([EXTRA], "invalid_request_error", 3001), "invalid_request", "body.seed: Extra inputs"),
]
FAST_API: list[tuple[int, Any, Reason, str]] = [
    (401, {"detail": "Unauthorized"}, "auth", "Unauthorized"),
    (422, {"detail": [EXTRA, EXTRA]}, "invalid_request", "body.seed: Extra inputs; body.seed: Extra inputs"),
    (400, {"detail": plain(CONTEXT, code="context_length_exceeded")}, "context_too_long", "maximum context"),
    (429, {"detail": {"message": "not so fast", "code": "slow_down"}}, "rate_limited", "not so fast"),
]
OTHERS: list[tuple[int, Any, Reason, str]] = [
    # DeepSeek
    (400, plain(CONTEXT, "invalid_request_error", "invalid_request_error"), "context_too_long", ""),
    (402, plain("Insufficient Balance", "unknown_error"), "billing", "Balance"),
    # Moonshot
    (429, plain("m", "exceeded_current_quota_error"), "billing", ""),
    (429, plain("m", "engine_overloaded_error"), "overloaded", ""),
    (400, plain("high risk", "content_filter"), "blocked", ""),
    # xAI, and gateways that say no more than a text
    (400, {"code": "Client specified it wrongly", "error": "Not supported"}, "invalid_request", "Not supported"),
    (403, {"code": "permission", "error": "no access"}, "auth", "permission: no access"),
    (502, {"error": "upstream went away"}, "server_error", "upstream went away"),
    (401, {"message": "Invalid authentication credentials"}, "auth", "Invalid authentication"),
    # Cloudflare, Gemini's route for OpenAI's clients, and Zhipu
    (400, {"errors": [{"code": 5007, "message": "No such thing"}]}, "invalid_request", "No such thing"),
    (400, [plain("m", code=400, status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}])], "auth", ""),
    (400, plain("Prompt exceeds max length", code="1261"), "context_too_long", ""),
    # Any that names the model as what is wrong
    (400, plain("m", "invalid_request_error", param="model"), "model_missing", ""),
    (400, plain("m", code="invalid_value", param="messages"), "invalid_request", ""),
]
ODD = [
    b'{"error":' * 6000 + b"1" + b"}" * 6000,
    b"[" * 60_000,
    b'{"error":{"message":{"detail":7}}}',
    b'{"error":{"message":[1,{}]}}',
    b'{"detail":[[]]}',
    b'{"error":{"metadata":{"raw":[]}}}',
    b'{"errors":[]}',
]


@pytest.mark.parametrize(("status", "body", "reason", "said"), [*VLLM, *LLAMA_CPP, *MISTRAL, *FAST_API, *OTHERS])
def test_an_error_of_another_server(status: int, body: Any, reason: Reason, said: str) -> None:
    error = told(status, body)
    assert error.reason == reason
    assert said in error.detail
    assert "secret" not in error.detail


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (429, "slow_down", "rate_limited"),
        (503, "server_is_overloaded", "overloaded"),
        (429, "credit_balance_exhausted", "billing"),
        (429, "organization_spend_limit_exceeded", "billing"),
        (429, "project_spend_limit_exceeded", "billing"),
        (429, "organization_usage_limit_exceeded", "billing"),
        (403, "unsupported_country_region_territory", "auth"),
    ],
)
def test_a_code_of_openai_means_the_same_inside_a_stream(status: int, code: str, reason: Reason) -> None:
    error = {"message": "m", "type": "x", "param": None, "code": code}
    assert told(status, {"error": error}).reason == reason
    assert in_stream(event({"type": "error", "error": error})).reason == reason


def test_the_older_error_of_vllm_inside_a_stream_is_one() -> None:
    older = {"object": "error", "message": CONTEXT, "type": "BadRequestError", "param": None, "code": 400}
    said = in_stream(event(older), b"data: [DONE]\n\n")
    assert (said.reason, said.status) == ("context_too_long", 400)
    assert in_stream(openai({"content": "a"}), event({**older, "message": "m", "code": 500})).reason == "server_error"


async def test_the_size_that_llama_cpp_tells_beside_its_sentence_is_remembered() -> None:
    error = {"code": 400, "message": "the request exceeds it", "type": "exceed_context_size_error", "n_ctx": 4096}
    transport = ScriptedTransport(Answer([json.dumps({"error": error}).encode()], status=400))
    provider = OpenAIProvider(transport=transport, api_key=None, model="m", base_url="http://127.0.0.1:8080/v1")
    with pytest.raises(ProviderError):
        await provider.generate(ProviderRequest((ChatTurn("user", "hello"),)))
    assert provider.candidate().context_tokens == 4096


@pytest.mark.parametrize("body", ODD)
def test_a_complaint_of_any_form_keeps_its_status(body: bytes) -> None:
    assert told(503, body).reason == "overloaded"
