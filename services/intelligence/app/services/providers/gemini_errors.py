"""What Gemini's errors mean: the details first, then the status name, then the HTTP status.

A key that is no good shows itself in four ways, each with something else to do about it: the hints say what.
"""

import re
from collections.abc import Iterator
from typing import Any

from ...domain.errors import Reason
from .complaints import Complaint, Verdict, by_status, speaks_of_context

_BY_STATUS_NAME: dict[str, Reason] = {
    "INVALID_ARGUMENT": "invalid_request",
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "FAILED_PRECONDITION": "auth",
    "NOT_FOUND": "model_missing",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "INTERNAL": "server_error",
    "UNKNOWN": "server_error",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "server_error",
    "CANCELLED": "server_error",
}
_UNKNOWN_KEY = "Google does not know this key, or it has expired; check GEMINI_API_KEY"
_WRONG_KIND = "this is not a key of the Gemini API; make one in Google AI Studio and set GEMINI_API_KEY"
_RESTRICTED = "the key's restrictions do not allow this call; change them, or make another key"
_DISABLED = "enable the Generative Language API in the Google Cloud project that the key belongs to"
_NO_KEY = "no key has arrived; check GEMINI_API_KEY and what stands between here and GEMINI_API_URL"
_LOCATION = "Google does not serve this account from here, or wants billing to be enabled"
_BY_DETAIL: dict[str, Verdict] = {
    "API_KEY_INVALID": Verdict("auth", _UNKNOWN_KEY),
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": Verdict("auth", _WRONG_KIND),
    "CREDENTIALS_MISSING": Verdict("auth", _NO_KEY),
    "SERVICE_DISABLED": Verdict("auth", _DISABLED),
    "BILLING_DISABLED": Verdict("billing"),
}
"""By the reason in google.rpc.ErrorInfo; others that begin with ``API_KEY_`` are the key's restrictions."""
_NO_ALLOWANCE = re.compile(r"\blimit: 0(?![\d.])")
_MOST_TOKENS = re.compile(r"exceeds the maximum number of tokens allowed \((\d+)\)")


def rejects_penalties(complaint: Complaint) -> bool:
    """Whether the complaint is that this model takes no penalties; most do not."""
    return complaint.status == 400 and "Penalty is not enabled" in complaint.message


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this event of a stream, means."""
    if complaint.status == 402:
        return Verdict("billing")
    for detail in _texts(complaint, "reason"):
        if detail.startswith("API_KEY_") or detail in _BY_DETAIL:
            return _BY_DETAIL.get(detail, Verdict("auth", _RESTRICTED))
    reason = _BY_STATUS_NAME.get(complaint.code) or by_status(complaint.status)
    if reason == "rate_limited" and _is_lasting(complaint):
        # A delay of a few seconds comes with daily quotas too, and would only be waited for in vain.
        return Verdict("quota_exhausted", trust_delay=False)
    if reason == "invalid_request" and speaks_of_context(complaint.message):
        return Verdict("context_too_long")
    if reason == "auth":
        return _turned_down(complaint)
    return Verdict(reason)


def most_tokens(complaint: Complaint) -> int | None:
    """How many tokens this model reads, where the complaint is that there were more."""
    found = _MOST_TOKENS.search(complaint.message) if complaint.status == 400 else None
    return int(found[1]) or None if found is not None else None


def _turned_down(complaint: Complaint) -> Verdict:
    if complaint.code == "FAILED_PRECONDITION":
        return Verdict("auth", _LOCATION)
    if "permission to access tuned model" in complaint.message:
        # Another's model, or one that is not there: nothing is wrong with the key.
        return Verdict("model_missing")
    return Verdict("auth", _NO_KEY if "unregistered callers" in complaint.message else "")


def _is_lasting(complaint: Complaint) -> bool:
    """Whether waiting for a minute is in vain: the day's quota is used up, or the model's is nought.

    A quota of nought is often told by the sentence alone, because zero is left out of the details.
    """
    return _NO_ALLOWANCE.search(complaint.message) is not None or any(
        "PerDay" in str(violation.get("quotaId", "")) or str(violation.get("quotaValue")) == "0"
        for violation in _violations(complaint)
    )


def _violations(complaint: Complaint) -> Iterator[dict[str, Any]]:
    for detail in complaint.details:
        found = detail.get("violations")
        if isinstance(found, list):
            yield from (violation for violation in found if isinstance(violation, dict))


def _texts(complaint: Complaint, name: str) -> list[str]:
    return [value for detail in complaint.details if isinstance(value := detail.get(name), str)]
