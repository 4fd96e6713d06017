"""What Anthropic's errors mean: the documented code first, then the type, then the status.

One type, invalid_request_error, stands for much that no code tells apart; there the sentence has to do.
"""

import re

from ...domain.errors import Reason
from .complaints import Complaint, Verdict, by_status, speaks_of_context

_BY_CODE: dict[str, Reason] = {
    "enforced_spend_limit_reached": "billing",
    "contract_spend_limit_reached": "billing",
    "linked_organization_spend_limit_reached": "billing",
    "linked_organization_billing_unavailable": "billing",
    # Set-up, though they come with a 400: every call fails alike until somebody changes the account or the workspace.
    "organization_on_hold": "auth",
    "organization_type_not_supported": "auth",
    "parent_organization_required": "auth",
    "workspace_human_review_disabled": "auth",
    "claude_code_key_creator_not_member": "auth",
    "cmek_key_disabled": "auth",
    "cmek_key_network_blocked": "auth",
}
_BY_KIND: dict[str, Reason] = {
    "authentication_error": "auth",
    "permission_error": "auth",
    "billing_error": "billing",
    "not_found_error": "model_missing",
    "rate_limit_error": "rate_limited",
    "timeout_error": "server_error",
    "conflict_error": "server_error",
    "overloaded_error": "overloaded",
    "request_too_large": "invalid_request",
}
_BY_SENTENCE: tuple[tuple[str, Reason], ...] = (
    ("credit balance is too low", "billing"),
    ("api usage limits", "billing"),
    ("organization has been disabled", "auth"),
    ("prompt is too long", "context_too_long"),
    ("exceed context limit", "context_too_long"),
    ("blocked by content filtering policy", "blocked"),
)
_LONGEST = re.compile(r"max_tokens: \d+ > (\d+)")
_MOST_TOKENS = re.compile(r"prompt is too long: \d+ tokens > (\d+) maximum")
_TEMPERATURE = re.compile(r"\b(?:temperature|top_p)\b")
_UNKNOWN_PATH = "no Anthropic API at this address; check ANTHROPIC_BASE_URL"
_REDIRECT = "redirects are not followed; check ANTHROPIC_BASE_URL"


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this event of a stream, means."""
    reason = _reason(complaint)
    match complaint.headers.get("x-should-retry"):
        case "false" if reason == "rate_limited":
            # Nothing short will do: a rate limit that is not to be tried again is a quota.
            reason = "quota_exhausted"
        case "true" if reason == "invalid_request":
            reason = "server_error"
    if complaint.status == 404 and complaint.kind != "not_found_error":
        return Verdict(reason, _UNKNOWN_PATH)
    if 300 <= (complaint.status or 0) < 400:
        return Verdict(reason, _REDIRECT)
    return Verdict(reason)


def longest_answer(complaint: Complaint) -> int | None:
    """The most tokens that this model may be asked for, where the complaint is that it was asked for more."""
    found = _LONGEST.search(complaint.message) if complaint.status == 400 else None
    return int(found[1]) if found is not None else None


def most_tokens(complaint: Complaint) -> int | None:
    """How many tokens this model reads, where the complaint is that there were more."""
    found = _MOST_TOKENS.search(complaint.message) if complaint.status == 400 else None
    return int(found[1]) or None if found is not None else None


def rejects_temperature(complaint: Complaint) -> bool:
    """Whether the complaint is about the temperature, or about top_p in its place."""
    return complaint.status == 400 and _TEMPERATURE.search(complaint.message) is not None


def _reason(complaint: Complaint) -> Reason:
    for detail in complaint.details:
        code = detail.get("error_code")
        if isinstance(code, str) and code in _BY_CODE:
            return _BY_CODE[code]
    if complaint.kind in _BY_KIND:
        return _BY_KIND[complaint.kind]
    if complaint.status == 400 or (complaint.status is None and complaint.kind == "invalid_request_error"):
        return _rejected(complaint.message)
    return by_status(complaint.status)


def _rejected(message: str) -> Reason:
    message = message.lower()
    for sentence, reason in _BY_SENTENCE:
        if sentence in message:
            return reason
    return "context_too_long" if speaks_of_context(message) else "invalid_request"
