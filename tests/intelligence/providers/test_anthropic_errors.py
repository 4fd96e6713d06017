"""What each documented error of Anthropic means."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.services.providers import anthropic_errors
from services.intelligence.app.services.providers.complaints import from_answer, to_error


def explain(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    complaint = from_answer(status, headers or {}, raw)
    return to_error(complaint, anthropic_errors.classify(complaint), wall=0.0, keys=(), texts=())


def anthropic(kind: str, message: str = "m", code: str | None = None) -> Any:
    error = {"type": kind, "message": message}
    return {"type": "error", "error": {**error, "details": {"error_code": code}} if code else error}


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, anthropic("invalid_request_error", "max_tokens: Field required"), "invalid_request"),
        (400, anthropic("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "context_too_long"),
        (
            400,
            anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 9"),
            "context_too_long",
        ),
        (400, anthropic("invalid_request_error", "Your credit balance is too low to access the API."), "billing"),
        (
            400,
            anthropic("invalid_request_error", "You have reached your specified workspace API usage limits."),
            "billing",
        ),
        (400, anthropic("invalid_request_error", "This organization has been disabled."), "auth"),
        (400, anthropic("invalid_request_error", "m", "organization_on_hold"), "auth"),
        (400, anthropic("invalid_request_error", "m", "cmek_key_disabled"), "auth"),
        (400, anthropic("invalid_request_error", "m", "cmek_key_network_blocked"), "auth"),
        (503, anthropic("api_error", "m", "cmek_key_unreachable"), "overloaded"),
        (400, anthropic("invalid_request_error", "m", "workspace_human_review_disabled"), "auth"),
        (400, anthropic("invalid_request_error", "m", "claude_code_key_creator_not_member"), "auth"),
        (400, anthropic("invalid_request_error", "m", "organization_type_not_supported"), "auth"),
        (400, anthropic("invalid_request_error", "m", "parent_organization_required"), "auth"),
        (400, anthropic("invalid_request_error", "Output blocked by content filtering policy"), "blocked"),
        (422, anthropic("invalid_request_error"), "invalid_request"),
        (409, anthropic("invalid_request_error"), "server_error"),
        (401, anthropic("authentication_error", "invalid x-api-key"), "auth"),
        (402, anthropic("billing_error"), "billing"),
        (402, anthropic("billing_error", "m", "linked_organization_spend_limit_reached"), "billing"),
        (403, anthropic("permission_error"), "auth"),
        (403, anthropic("forbidden", "Request not allowed"), "auth"),
        (404, anthropic("not_found_error", "model: x"), "model_missing"),
        (409, anthropic("conflict_error"), "server_error"),
        (413, anthropic("request_too_large"), "invalid_request"),
        (429, anthropic("rate_limit_error"), "rate_limited"),
        (429, anthropic("rate_limit_error", "m", "ramp_limit_exceeded"), "rate_limited"),
        (429, anthropic("rate_limit_error", "m", "enforced_spend_limit_reached"), "billing"),
        (429, anthropic("rate_limit_error", "m", "contract_spend_limit_reached"), "billing"),
        (500, anthropic("api_error"), "server_error"),
        (503, anthropic("api_error"), "overloaded"),
        (504, anthropic("timeout_error"), "server_error"),
        (529, anthropic("overloaded_error", "Overloaded"), "overloaded"),
        (400, anthropic("brand_new_error"), "invalid_request"),
        (500, anthropic("overloaded_error"), "overloaded"),
        (400, {"error": {"type": "invalid_request_error", "details": {"error_code": [7]}}}, "invalid_request"),
    ],
)
def test_an_anthropic_error_is_told_by_code_then_type_then_status(status: int, body: Any, reason: Reason) -> None:
    error = explain(status, body)
    assert (error.reason, error.status) == (reason, status)


@pytest.mark.parametrize(
    ("status", "kind", "asked", "reason"),
    [
        (429, "rate_limit_error", "false", "quota_exhausted"),
        (429, "rate_limit_error", "true", "rate_limited"),
        (400, "invalid_request_error", "true", "server_error"),
        (400, "invalid_request_error", "false", "invalid_request"),
        (529, "overloaded_error", "true", "overloaded"),
        (401, "authentication_error", "true", "auth"),
    ],
)
def test_what_anthropic_says_of_retrying_is_believed(status: int, kind: str, asked: str, reason: Reason) -> None:
    error = explain(status, anthropic(kind), {"x-should-retry": asked, "retry-after": "9"})
    assert error.reason == reason


def test_a_spend_limit_of_anthropic_names_no_delay() -> None:
    limited = anthropic("rate_limit_error", "m", "enforced_spend_limit_reached")
    assert explain(429, limited, {"retry-after": "9"}).retry_after is None
    assert explain(429, anthropic("rate_limit_error"), {"retry-after": "9"}).retry_after == 9.0


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, b"404 page not found", "no Anthropic API at this address"),
        (404, {"detail": "Not Found"}, "no Anthropic API at this address"),
        (307, b"", "redirects are not followed"),
    ],
)
def test_an_anthropic_error_says_what_to_look_at(status: int, body: Any, said: str) -> None:
    assert said in explain(status, body).detail


def test_a_model_that_is_missing_is_not_taken_for_a_wrong_address() -> None:
    assert explain(404, anthropic("not_found_error", "model: x")).detail == "HTTP 404 not_found_error: model: x"
