"""What Gemini's errors mean: the status name and the details first, then the HTTP status."""

from collections.abc import Iterator
from typing import Any

from ...domain.errors import Reason
from .complaints import Complaint, Verdict, by_status, speaks_of_context

_BY_STATUS_NAME: dict[str, Reason] = {
    "UNAUTHENTICATED": "auth",
    "PERMISSION_DENIED": "auth",
    "FAILED_PRECONDITION": "auth",
    "NOT_FOUND": "model_missing",
    "INTERNAL": "server_error",
    "UNKNOWN": "server_error",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "server_error",
    "CANCELLED": "server_error",
}
_LOCATION = "Google does not serve this account from here, or wants billing to be enabled"


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this event of a stream, means."""
    if complaint.status == 402:
        return Verdict("billing")
    if any(reason.startswith("API_KEY_") for reason in _texts(complaint, "reason")):
        return Verdict("auth")
    if complaint.code == "RESOURCE_EXHAUSTED" or complaint.status == 429:
        if _is_lasting(complaint):
            # A delay of a few seconds comes with daily quotas too, and would only be waited for in vain.
            return Verdict("quota_exhausted", trust_delay=False)
        return Verdict("rate_limited")
    if complaint.code == "INVALID_ARGUMENT":
        return Verdict("context_too_long" if speaks_of_context(complaint.message) else "invalid_request")
    hint = _LOCATION if complaint.code == "FAILED_PRECONDITION" else ""
    return Verdict(_BY_STATUS_NAME.get(complaint.code) or by_status(complaint.status), hint)


def _is_lasting(complaint: Complaint) -> bool:
    return any(
        "PerDay" in str(violation.get("quotaId", "")) or violation.get("quotaValue") == "0"
        for violation in _violations(complaint)
    )


def _violations(complaint: Complaint) -> Iterator[dict[str, Any]]:
    for detail in complaint.details:
        found = detail.get("violations")
        if isinstance(found, list):
            yield from (violation for violation in found if isinstance(violation, dict))


def _texts(complaint: Complaint, name: str) -> list[str]:
    return [value for detail in complaint.details if isinstance(value := detail.get(name), str)]
