"""What each documented error of each provider means."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.errors import ContextTooLong, ProviderError, Reason
from services.intelligence.app.services.providers import anthropic_errors, gemini_errors, ollama_errors, openai_errors
from services.intelligence.app.services.providers.complaints import from_answer, from_value, to_error

CLASSIFY = {
    "ollama": ollama_errors.classify,
    "gemini": gemini_errors.classify,
    "openai": openai_errors.classify,
    "anthropic": anthropic_errors.classify,
}
EVERY = tuple(CLASSIFY)


def explain(provider: str, status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    complaint = from_answer(status, headers or {}, raw)
    return to_error(complaint, CLASSIFY[provider](complaint), wall=0.0, keys=(), texts=())


def in_stream(provider: str, error: Any) -> ProviderError:
    complaint = from_value({"error": error})
    return to_error(complaint, CLASSIFY[provider](complaint), wall=0.0, keys=(), texts=())


def openai(message: str = "m", *, kind: str | None = None, code: Any = None, param: str | None = None) -> Any:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def gemini(code: int, status: str, message: str = "m", *details: Any) -> Any:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def quota(identity: str, value: str = "10") -> Any:
    violation = {"quotaId": identity, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def retry_info(delay: str) -> Any:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


@pytest.mark.parametrize("provider", EVERY)
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "auth"),
        (402, "billing"),
        (403, "auth"),
        (404, "model_missing"),
        (405, "model_missing"),
        (408, "server_error"),
        (413, "invalid_request"),
        (422, "invalid_request"),
        (429, "rate_limited"),
        (499, "server_error"),
        (500, "server_error"),
        (502, "server_error"),
        (503, "overloaded"),
        (504, "server_error"),
        (520, "server_error"),
        (524, "server_error"),
        (529, "overloaded"),
        (307, "server_error"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [b"", b"plain words", b"<html><head><title>Bad gateway</title></head></html>", b"{}", b"[]", b"17", b"\xff"],
)
def test_a_status_without_a_readable_body_still_has_its_meaning(
    provider: str, status: int, reason: Reason, body: bytes
) -> None:
    error = explain(provider, status, body)
    assert (error.reason, error.status) == (reason, status)


@pytest.mark.parametrize("provider", EVERY)
def test_a_page_of_html_is_named_by_its_title(provider: str) -> None:
    assert (
        "an HTML page: Bad gateway" in explain(provider, 502, b"<html><title>Bad gateway</title>" + b"x" * 999).detail
    )


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, openai(kind="invalid_request_error", code="invalid_api_key"), "auth"),
        (403, openai(code="unsupported_country_region_territory"), "auth"),
        (404, openai(code="model_not_found"), "model_missing"),
        (400, openai(code="model_not_found"), "model_missing"),
        (429, openai(kind="insufficient_quota", code="insufficient_quota"), "billing"),
        (429, openai(kind="insufficient_quota", code=None), "billing"),
        (429, openai(kind="insufficient_quota", code="credit_balance_exhausted"), "billing"),
        (429, openai(kind="insufficient_quota", code="organization_spend_limit_exceeded"), "billing"),
        (429, openai(kind="insufficient_quota", code="project_spend_limit_exceeded"), "billing"),
        (429, openai(kind="insufficient_quota", code="organization_usage_limit_exceeded"), "billing"),
        (429, openai(kind="rate_limit_error", code="slow_down"), "rate_limited"),
        (429, openai("Limit 3, Used 3.", kind="requests", code="rate_limit_exceeded"), "rate_limited"),
        (429, openai("on tokens per min (TPM): Limit 3", kind="tokens", code="rate_limit_exceeded"), "rate_limited"),
        (
            429,
            openai("on tokens per day (TPD): Limit 3", kind="tokens", code="rate_limit_exceeded"),
            "quota_exhausted",
        ),
        (429, openai("on requests per day (RPD)", kind="requests", code="rate_limit_exceeded"), "quota_exhausted"),
        (
            429,
            openai("Request too large for gpt-4 (TPM): Limit 30000, Requested 31538.", code="rate_limit_exceeded"),
            "context_too_long",
        ),
        (400, openai(code="context_length_exceeded", param="messages"), "context_too_long"),
        (400, openai("prompt too long; exceeded max context length by 9 tokens", code=None), "context_too_long"),
        (400, openai("This model's maximum context length is 8192 tokens.", code=400), "context_too_long"),
        (400, openai("the request exceeds", kind="exceed_context_size_error", code=400), "context_too_long"),
        (400, openai(code="unsupported_parameter", param="stop"), "invalid_request"),
        (400, openai(code="invalid_value"), "invalid_request"),
        (400, openai("the context length must be a number; it exceeds", code="invalid_value"), "invalid_request"),
        (400, openai(code="content_policy_violation"), "blocked"),
        (400, openai(code="content_filter"), "blocked"),
        (400, openai(code="bio_policy"), "blocked"),
        (400, openai(code="cyber_policy"), "blocked"),
        (400, openai(code="misalignment_policy_violation"), "blocked"),
        (400, openai(code="data_residency_mismatch"), "auth"),
        (500, openai(kind="server_error"), "server_error"),
        (503, openai(kind="service_unavailable_error", code="server_is_overloaded"), "overloaded"),
        (429, {"error": "Too many requests"}, "rate_limited"),
        (400, {"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, "invalid_request"),
        (422, {"detail": "Field required"}, "invalid_request"),
    ],
)
def test_an_openai_error_is_told_by_code_then_type_then_status(status: int, body: Any, reason: Reason) -> None:
    assert explain("openai", status, body).reason == reason


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, gemini(400, "INVALID_ARGUMENT", "m", {"reason": "API_KEY_INVALID"}), "auth"),
        (400, gemini(400, "INVALID_ARGUMENT", "m", {"reason": "API_KEY_EXPIRED"}), "auth"),
        (401, gemini(401, "UNAUTHENTICATED", "m", {"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}), "auth"),
        (403, gemini(403, "PERMISSION_DENIED", "m", {"reason": "SERVICE_DISABLED"}), "auth"),
        (400, gemini(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), "auth"),
        (402, gemini(402, "RESOURCE_EXHAUSTED"), "billing"),
        (404, gemini(404, "NOT_FOUND"), "model_missing"),
        (400, gemini(400, "INVALID_ARGUMENT", "Invalid JSON payload received."), "invalid_request"),
        (
            400,
            gemini(
                400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (8)."
            ),
            "context_too_long",
        ),
        (429, gemini(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."), "rate_limited"),
        (429, gemini(429, "RESOURCE_EXHAUSTED", "m", quota("RequestsPerMinutePerProject")), "rate_limited"),
        (429, gemini(429, "RESOURCE_EXHAUSTED", "m", quota("RequestsPerDayPerProject-FreeTier")), "quota_exhausted"),
        (429, gemini(429, "RESOURCE_EXHAUSTED", "m", quota("RequestsPerMinute-FreeTier", "0")), "quota_exhausted"),
        (499, gemini(499, "CANCELLED"), "server_error"),
        (500, gemini(500, "INTERNAL"), "server_error"),
        (503, gemini(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"),
        (504, gemini(504, "DEADLINE_EXCEEDED"), "server_error"),
        (503, [gemini(503, "UNAVAILABLE")], "overloaded"),
    ],
)
def test_a_gemini_error_is_told_by_its_status_name_and_details(status: int, body: Any, reason: Reason) -> None:
    assert explain("gemini", status, body).reason == reason


@pytest.mark.parametrize(
    ("status", "body", "reason", "said"),
    [
        (404, {"error": "model 'x' not found"}, "model_missing", "model 'x' not found"),
        (404, {"error": 'model "x" not found, try pulling it first'}, "model_missing", "try pulling it first"),
        (404, b"404 page not found", "model_missing", "no Ollama API at this address"),
        (403, b"", "auth", "Ollama refuses this address"),
        (401, {"error": "unauthorized", "signin_url": "https://example.invalid"}, "auth", "unauthorized"),
        (400, {"error": '"x" does not support chat'}, "model_missing", "the model cannot chat"),
        (400, {"error": '"x" does not support thinking'}, "invalid_request", "thinking"),
        (400, {"error": "the prompt is longer than the context length currently available"}, "context_too_long", ""),
        (500, {"error": "model runner has unexpectedly stopped"}, "server_error", "unexpectedly stopped"),
        (503, {"error": "server busy, please try again.  maximum pending requests exceeded"}, "rate_limited", "busy"),
    ],
)
def test_an_ollama_error_is_told_by_status_and_sentence(status: int, body: Any, reason: Reason, said: str) -> None:
    error = explain("ollama", status, body)
    assert error.reason == reason
    assert said in error.detail


@pytest.mark.parametrize(
    ("provider", "error", "reason"),
    [
        ("ollama", "an error was encountered while running the model", "server_error"),
        ("ollama", "server busy, please try again.  maximum pending requests exceeded", "rate_limited"),
        ("ollama", "the input exceeds the context length", "context_too_long"),
        ("openai", {"message": "m", "type": "server_error", "code": None}, "server_error"),
        ("openai", {"message": "m", "type": "tokens", "code": "rate_limit_exceeded"}, "rate_limited"),
        (
            "openai",
            {"message": "m", "type": "service_unavailable_error", "code": "server_is_overloaded"},
            "overloaded",
        ),
        ("openai", {"message": "m", "code": 502}, "server_error"),
        ("openai", {"message": "m", "code": "401"}, "auth"),
        ("openai", "upstream went away", "server_error"),
        ("gemini", {"code": 503, "message": "m", "status": "UNAVAILABLE"}, "overloaded"),
        ("gemini", {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}, "rate_limited"),
        ("gemini", "something", "server_error"),
        ("anthropic", {"type": "overloaded_error", "message": "Overloaded", "details": None}, "overloaded"),
        ("anthropic", {"type": "rate_limit_error", "message": "m"}, "rate_limited"),
        ("anthropic", {"type": "api_error", "message": "m"}, "server_error"),
        ("anthropic", {"type": "timeout_error", "message": "m"}, "server_error"),
        ("anthropic", {"type": "authentication_error", "message": "m"}, "auth"),
        ("anthropic", {"type": "billing_error", "message": "m"}, "billing"),
        ("anthropic", {"type": "permission_error", "message": "m"}, "auth"),
        ("anthropic", {"type": "not_found_error", "message": "m"}, "model_missing"),
        ("anthropic", {"type": "request_too_large", "message": "m"}, "invalid_request"),
        ("anthropic", {"type": "invalid_request_error", "message": "m"}, "invalid_request"),
        (
            "anthropic",
            {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"},
            "blocked",
        ),
        ("anthropic", {"type": "brand_new_error", "message": "m"}, "server_error"),
        ("anthropic", "upstream went away", "server_error"),
    ],
)
def test_an_error_inside_a_stream_means_the_same(provider: str, error: Any, reason: Reason) -> None:
    assert in_stream(provider, error).reason == reason


def test_a_daily_quota_of_gemini_names_no_delay_because_its_seconds_mean_nothing() -> None:
    daily = gemini(429, "RESOURCE_EXHAUSTED", "Please retry in 5s.", quota("RequestsPerDay"), retry_info("5s"))
    minute = gemini(429, "RESOURCE_EXHAUSTED", "Please retry in 5s.", quota("RequestsPerMinute"), retry_info("48.9s"))
    assert explain("gemini", 429, daily).retry_after is None
    assert explain("gemini", 429, minute).retry_after == 48.9


def test_a_daily_limit_of_openai_keeps_its_delay() -> None:
    said = "Rate limit reached on tokens per day (TPD): Limit 10. Please try again in 1m9.696s."
    error = explain("openai", 429, openai(said, kind="tokens", code="rate_limit_exceeded"))
    assert error.reason == "quota_exhausted"
    assert error.retry_after == pytest.approx(69.696)


@pytest.mark.parametrize(("status", "delay"), [(429, 9.0), (503, 9.0), (500, 9.0), (401, None), (400, None)])
@pytest.mark.parametrize("provider", EVERY)
def test_only_what_may_pass_by_itself_has_a_delay(provider: str, status: int, delay: float | None) -> None:
    assert explain(provider, status, b"", {"retry-after": "9"}).retry_after == delay


def test_a_context_that_is_too_long_is_its_own_class() -> None:
    assert isinstance(explain("openai", 400, openai(code="context_length_exceeded")), ContextTooLong)


def test_a_detail_names_status_code_and_message() -> None:
    error = explain("openai", 404, openai("no such model", code="model_not_found"))
    assert error.detail == "HTTP 404 model_not_found: no such model"


def test_the_status_of_an_error_in_a_stream_is_none_unless_it_names_one() -> None:
    assert in_stream("openai", {"message": "m", "type": "server_error"}).status is None
    assert in_stream("gemini", {"code": 503, "message": "m", "status": "UNAVAILABLE"}).status == 503
