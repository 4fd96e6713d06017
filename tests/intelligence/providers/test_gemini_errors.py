"""What each documented error of Gemini means, and what is done about it."""

import json
from typing import Any

import pytest

from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.routing.verdicts import VERDICTS, Effect, retry_delay
from services.intelligence.app.services.providers import gemini_errors
from services.intelligence.app.services.providers.complaints import from_answer, from_value, to_error

LONGEST_WAIT = 2.5


def told(code: int, status: str, message: str = "m", *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": list(details)}}


def info(reason: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def quota(*names: str, value: Any = "10") -> dict[str, Any]:
    violations = [{"quotaId": name, **({} if value is None else {"quotaValue": value})} for name in names]
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations}


def retry_in(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def explain(body: Any, status: int | None = None) -> ProviderError:
    status = status or body["error"]["code"]
    complaint = from_answer(status or 0, {}, json.dumps(body).encode())
    return to_error(complaint, gemini_errors.classify(complaint), wall=0.0, keys=(), texts=())


NO_CALLERS = "Method doesn't allow unregistered callers (callers without established identity)."
TUNED = "You do not have permission to access tuned model tunedModels/mine"
TOO_LONG = "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576)."
NO_FREE_TIER = "* Quota exceeded for metric: free_tier_requests, limit: 0, model: gemini-9-pro\nPlease retry in 2s."
BUSY_MINUTE = "* Quota exceeded for metric: free_tier_requests, limit: 10, model: gemini-9\nPlease retry in 48.93s."
PER_MINUTE, PER_DAY = "GenerateRequestsPerMinutePerProject", "GenerateRequestsPerDayPerProject-FreeTier"


@pytest.mark.parametrize(
    ("body", "reason", "hint"),
    [
        (told(400, "INVALID_ARGUMENT", "API key not valid.", info("API_KEY_INVALID")), "auth", "does not know this"),
        (told(400, "INVALID_ARGUMENT", "API key expired.", info("API_KEY_INVALID")), "auth", "or it has expired"),
        (told(401, "UNAUTHENTICATED", "m", info("ACCESS_TOKEN_TYPE_UNSUPPORTED")), "auth", "in Google AI Studio"),
        (told(401, "UNAUTHENTICATED", "m", info("CREDENTIALS_MISSING")), "auth", "no key has arrived"),
        (told(401, "UNAUTHENTICATED"), "auth", ""),
        (told(403, "PERMISSION_DENIED", "m", info("SERVICE_DISABLED")), "auth", "Generative Language API"),
        (told(403, "PERMISSION_DENIED", "m", info("API_KEY_SERVICE_BLOCKED")), "auth", "restrictions"),
        (told(403, "PERMISSION_DENIED", "m", info("API_KEY_IP_ADDRESS_BLOCKED")), "auth", "restrictions"),
        (told(403, "PERMISSION_DENIED", NO_CALLERS), "auth", "no key has arrived"),
        (told(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "auth", "reported as leaked"),
        (told(403, "PERMISSION_DENIED", "m", info("BILLING_DISABLED")), "billing", ""),
        (told(403, "PERMISSION_DENIED", TUNED), "model_missing", ""),
        (told(400, "FAILED_PRECONDITION", "User location is not supported."), "auth", "from here"),
        (told(400, "FAILED_PRECONDITION", "The free tier is not available here."), "auth", "billing to be enabled"),
    ],
)
def test_each_way_of_being_turned_away_says_what_to_do_about_it(body: Any, reason: Reason, hint: str) -> None:
    error = explain(body)
    assert error.reason == reason
    assert hint in error.detail


def test_a_model_that_is_not_ours_leaves_the_key_and_all_other_models_alone() -> None:
    assert VERDICTS[explain(told(403, "PERMISSION_DENIED", TUNED)).reason].scope == "model"
    assert VERDICTS[explain(told(403, "PERMISSION_DENIED")).reason].scope == "provider"


@pytest.mark.parametrize(
    ("body", "reason", "failover", "effect"),
    [
        (told(400, "INVALID_ARGUMENT", "m", info("API_KEY_INVALID")), "auth", True, "open"),
        (told(401, "UNAUTHENTICATED"), "auth", True, "open"),
        (told(403, "PERMISSION_DENIED"), "auth", True, "open"),
        (told(400, "FAILED_PRECONDITION", "User location is not supported."), "auth", True, "open"),
        (told(402, "RESOURCE_EXHAUSTED", "prepaid credit"), "billing", True, "open"),
        (told(404, "NOT_FOUND", "models/x is not found for API version v1beta"), "model_missing", True, "open"),
        (told(400, "INVALID_ARGUMENT", TOO_LONG), "context_too_long", True, "none"),
        (told(400, "INVALID_ARGUMENT", "Invalid value at 'contents'"), "invalid_request", False, "none"),
        (told(400, "", "Invalid JSON payload received."), "invalid_request", False, "none"),
        (told(429, "RESOURCE_EXHAUSTED", "m", quota(PER_DAY)), "quota_exhausted", True, "cool"),
        (
            told(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later."),
            "rate_limited",
            True,
            "cool",
        ),
        (told(499, "CANCELLED"), "server_error", True, "count"),
        (told(500, "INTERNAL"), "server_error", True, "count"),
        (told(500, "UNKNOWN"), "server_error", True, "count"),
        (told(503, "UNAVAILABLE", "The model is overloaded."), "overloaded", True, "count"),
        (told(504, "DEADLINE_EXCEEDED"), "server_error", True, "count"),
    ],
)
@pytest.mark.parametrize("form", ["object", "array", "in a stream"])
def test_what_happens_next(body: Any, reason: Reason, failover: bool, effect: Effect, form: str) -> None:
    if form == "in a stream":
        complaint = from_value(body)
        error = to_error(complaint, gemini_errors.classify(complaint), wall=0.0, keys=(), texts=())
    else:
        error = explain([body] if form == "array" else body, body["error"]["code"])
    assert error.reason == reason
    assert (VERDICTS[reason].failover, VERDICTS[reason].effect) == (failover, effect)


@pytest.mark.parametrize(
    ("details", "message", "reason", "delay"),
    [
        ([quota(PER_MINUTE), retry_in("2s")], "m", "rate_limited", 2.0),
        ([quota(PER_MINUTE), retry_in("48s")], BUSY_MINUTE, "rate_limited", 48.93),
        ([quota(PER_MINUTE), retry_in("48.939935699s")], "m", "rate_limited", 48.939935699),
        ([], "Please retry in 48.9s.", "rate_limited", 48.9),
        ([], "Resource exhausted. Please try again later.", "rate_limited", None),
        ([quota(PER_DAY), retry_in("2s")], "Please retry in 2s.", "quota_exhausted", None),
        ([quota(PER_MINUTE, PER_DAY), retry_in("2s")], "m", "quota_exhausted", None),
        ([retry_in("2s"), quota(PER_DAY)], "m", "quota_exhausted", None),
        ([quota(PER_MINUTE, value="0"), retry_in("2s")], "m", "quota_exhausted", None),
        ([quota(PER_MINUTE, value=0), retry_in("2s")], "m", "quota_exhausted", None),
        ([quota(PER_MINUTE, value=None), retry_in("2s")], NO_FREE_TIER, "quota_exhausted", None),
        ([quota(PER_MINUTE, value=None), retry_in("48s")], BUSY_MINUTE, "rate_limited", 48.93),
        ([{"violations": "many"}, {"violations": [7]}, retry_in("soon")], "m", "rate_limited", None),
    ],
)
def test_a_delay_is_believed_for_a_minutes_quota_and_not_for_a_days(
    details: list[Any], message: str, reason: Reason, delay: float | None
) -> None:
    error = explain(told(429, "RESOURCE_EXHAUSTED", message, *details))
    assert (error.reason, error.retry_after) == (reason, delay)
    waited = delay if delay is not None and delay <= LONGEST_WAIT else None
    assert retry_delay(error, tried=1, longest=LONGEST_WAIT, jitter=0.1) == waited


@pytest.mark.parametrize(
    ("status", "message", "tokens"),
    [
        (400, TOO_LONG, 1_048_576),
        (400, "The input token count (2) exceeds the maximum number of tokens allowed (0).", None),
        (400, "Invalid value at 'contents'", None),
        (500, TOO_LONG, None),
    ],
)
def test_how_much_a_model_reads_is_read_from_its_complaint(status: int, message: str, tokens: int | None) -> None:
    body = json.dumps(told(status, "INVALID_ARGUMENT", message)).encode()
    assert gemini_errors.most_tokens(from_answer(status, {}, body)) == tokens
