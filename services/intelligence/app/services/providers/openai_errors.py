"""What the errors of OpenAI, and of servers that speak its API, mean: code first, then type, then status."""

import re
from collections.abc import Mapping
from typing import Any

from ...domain.errors import Reason
from .complaints import Complaint, Verdict, by_status, speaks_of_context

_BY_CODE: dict[str, Reason] = {
    "invalid_api_key": "auth",
    "account_deactivated": "auth",
    "unsupported_country_region_territory": "auth",
    "data_residency_mismatch": "auth",
    "insufficient_quota": "billing",
    "credit_balance_exhausted": "billing",
    "organization_spend_limit_exceeded": "billing",
    "project_spend_limit_exceeded": "billing",
    "organization_usage_limit_exceeded": "billing",
    "billing_hard_limit_reached": "billing",
    "billing_not_active": "billing",
    "model_not_found": "model_missing",
    "model_decommissioned": "model_missing",
    "model_permission_blocked_org": "model_missing",
    "model_permission_blocked_project": "model_missing",
    "model_terms_required": "model_missing",
    "organization_restricted": "auth",
    "context_length_exceeded": "context_too_long",
    "exceed_context_size_error": "context_too_long",
    "tokens_limit_reached": "context_too_long",
    "content_filter": "blocked",
    "content_policy_violation": "blocked",
    "invalid_prompt": "blocked",
    "bio_policy": "blocked",
    "cyber_policy": "blocked",
    "misalignment_policy_violation": "blocked",
    "rate_limit_exceeded": "rate_limited",
    "slow_down": "rate_limited",
    "server_is_overloaded": "overloaded",
    "capacity_exceeded": "overloaded",
    "server_error": "server_error",
    # Azure's, where the status is not at hand or says less.
    "DeploymentNotFound": "model_missing",
    "OperationNotSupported": "model_missing",
    "unavailable_model": "model_missing",
    "unknown_model": "model_missing",
    "RateLimitReached": "rate_limited",
}
_BY_KIND: dict[str, Reason] = {
    "insufficient_quota": "billing",
    "authentication_error": "auth",
    "invalid_authentication_error": "auth",
    "permission_error": "auth",
    "permission_denied_error": "auth",
    "billing_error": "billing",
    "exceeded_current_quota_error": "billing",
    "not_found_error": "model_missing",
    "resource_not_found_error": "model_missing",
    "invalid_model": "model_missing",
    "content_filter": "blocked",
    "exceed_context_size_error": "context_too_long",
    "rate_limit_error": "rate_limited",
    "rate_limit_reached_error": "rate_limited",
    "tokens": "rate_limited",
    "requests": "rate_limited",
    "service_unavailable_error": "overloaded",
    "overloaded_error": "overloaded",
    "engine_overloaded_error": "overloaded",
    "server_error": "server_error",
}
_SAYS_NOTHING = frozenset(
    {"badrequest", "badrequesterror", "invalidparameter", "invalidrequest", "invalidrequesterror"}
)
_BY_INNER_CODE: dict[str, Reason] = {
    # Azure's error.innererror.code
    "ResponsibleAIPolicyViolation": "blocked",
    # OpenRouter's error.metadata.error_type, beside the status of whoever it asked
    "content_policy_violation": "blocked",
    "context_length_exceeded": "context_too_long",
    "payment_required": "billing",
    "provider_overloaded": "overloaded",
    "refusal": "refused",
}
_PER_DAY = re.compile(r"per[ -]day|\((?:TPD|RPD)\)")
LIMITS = ("max_tokens", "max_completion_tokens")
DROPPABLE = frozenset(
    {"temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "stop", "stream_options", *LIMITS}
)
"""Parameters that an answer can do without."""
_IN_WORDS = {name: re.compile(rf"\b{name.replace('_', '_?')}\b", re.IGNORECASE) for name in sorted(DROPPABLE)}
"""Some name the parameter as their own code does: ``presencePenalty``."""
LEAST_CONTEXT = 256
"""No chat model reads less: a smaller number in a complaint is something else."""
_MOST_TOKENS = re.compile(
    # OpenAI, vLLM, OpenRouter and DeepSeek; SGLang; llama.cpp; xAI; Moonshot
    r"(?:context|maximum prompt|maximum allowed) (?:length|size|window)(?: is| of)? ?\(?(\d[\d,]*)"
    r"|model token limit: (\d+)"
    # Mistral; TGI; Azure's and GitHub's models; a request above the whole allowance of a minute
    r"|(?:too large for model with|must be <=|Max size:|Request too large .{0,200}\bLimit) (\d[\d,]*)",
    re.DOTALL,
)
_LONGEST = re.compile(
    # OpenAI; Groq
    r"supports at most (\d+) completion tokens|max_(?:completion_)?tokens`? must be less than or equal to `?(\d+)"
)
_UNKNOWN_IN_WORDS = re.compile(
    r"unrecognized request argument|extra (?:fields|inputs) (?:are )?not permitted|not supported|unsupported"
    r"|unknown (?:field|parameter|argument)|does not support",
    re.IGNORECASE,
)
_REDIRECT = "redirects are not followed; check the base URL"
_NEW_DEPLOYMENT = "a deployment that was just made is found after some minutes"
_UNKNOWN_PATH = "no such path at this address; check the base URL and the API version"
_GROQ_FLEX_FULL = 498
_NO_PENALTIES = "Penalty is not enabled"
"""What Gemini says through whoever passes it on."""


def classify(complaint: Complaint) -> Verdict:
    """What this answer, or this event of a stream, means."""
    reason = _reason(complaint)
    if reason == "rate_limited":
        return Verdict(_throttled(complaint.message))
    if not _is_documented(complaint.code) and speaks_of_context(complaint.message):
        return Verdict("context_too_long")
    if 300 <= (complaint.status or 0) < 400:
        return Verdict(reason, _REDIRECT)
    if complaint.code == "DeploymentNotFound":
        return Verdict(reason, _NEW_DEPLOYMENT)
    return Verdict(reason, _UNKNOWN_PATH if complaint.message == "Resource not found" else "")


def _reason(complaint: Complaint) -> Reason:
    """By code, then by type, then by what some servers say beside them, then by status."""
    named = _BY_CODE.get(complaint.code) or _BY_KIND.get(complaint.kind)
    if named is not None:
        return named
    inner, metadata = _object(complaint, "innererror"), _object(complaint, "metadata")
    for code in (inner.get("code"), metadata.get("error_type")):
        if isinstance(code, str) and code in _BY_INNER_CODE:
            return _BY_INNER_CODE[code]
    if "flagged_input" in metadata:
        # OpenRouter's moderation, in front of a provider that wants one. Its status is that of a bad key.
        return "blocked"
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in complaint.details):
        # Gemini's, through its own route for OpenAI's clients.
        return "auth"
    if complaint.status == _GROQ_FLEX_FULL:
        return "overloaded"
    reason = by_status(complaint.status)
    return "model_missing" if reason == "invalid_request" and complaint.param == "model" else reason


def _object(complaint: Complaint, name: str) -> Mapping[str, Any]:
    found = complaint.told.get(name)
    return found if isinstance(found, dict) else {}


def unsupported_parameters(complaint: Complaint) -> frozenset[str]:
    """The parameters that this model does not take, of those that an answer can do without.

    Servers that have no code for it say so in words.
    """
    if complaint.status not in {400, 422}:
        return frozenset()
    if complaint.code in {"unsupported_parameter", "unsupported_value", "unknown_parameter"}:
        return DROPPABLE & {complaint.param}
    if _NO_PENALTIES in complaint.message:
        return frozenset({"frequency_penalty", "presence_penalty"})
    if not _UNKNOWN_IN_WORDS.search(complaint.message):
        return frozenset()
    at = {name: found.start() for name, word in _IN_WORDS.items() if (found := word.search(complaint.message))}
    # The other name of the limit stands there to be used instead.
    meant = min(at.keys() & set(LIMITS), key=lambda name: at[name], default="")
    return frozenset(at.keys() - set(LIMITS) | {meant} - {""})


def most_tokens(complaint: Complaint) -> int | None:
    """How many tokens this model reads at most, where the complaint is that there were more, and tells."""
    if classify(complaint).reason != "context_too_long":
        return None
    found, told = _MOST_TOKENS.search(complaint.message), complaint.told.get("n_ctx")
    tokens = int(next(filter(None, found.groups())).replace(",", "")) if found is not None else 0
    tokens = told if isinstance(told, int) else tokens
    return tokens if tokens >= LEAST_CONTEXT else None


def longest_answer(complaint: Complaint) -> int | None:
    """The most tokens that this model may be asked for, where the complaint is that it was asked for more."""
    found = _LONGEST.search(complaint.message) if complaint.status in {400, 422} else None
    return int(next(filter(None, found.groups()))) if found is not None else None


def _throttled(message: str) -> Reason:
    if message.startswith("Request too large"):
        # One request above the whole allowance never succeeds here; another provider may have more room.
        return "context_too_long"
    return "quota_exhausted" if _PER_DAY.search(message) else "rate_limited"


def _is_documented(code: str) -> bool:
    """Whether the code says more than that the request is not taken."""
    return bool(code) and not code.isdigit() and code.lower().replace("_", "") not in _SAYS_NOTHING
