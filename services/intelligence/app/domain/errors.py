"""Everything that a provider can do to a request other than answer it.

    ProviderError(detail, reason, status)
    ├── Unreachable       connect_refused connect_timeout dns tls reset     no usable connection
    ├── TimedOut          first_token_timeout stalled total_timeout         our clocks ran out
    ├── Throttled         rate_limited quota_exhausted                      it may work later
    ├── Misconfigured     auth billing model_missing                        it cannot work until someone mends it
    ├── Faulted           overloaded server_error                           it says itself that it is broken
    ├── Garbled           truncated malformed empty                         it broke its own protocol
    ├── RejectedRequest   invalid_request                                   our request is at fault
    │   └── ContextTooLong  context_too_long
    └── Refused           blocked refused                                   a safety filter: an answer, not a failure

What each reason means for the next step and for the provider's record stands in ``routing/verdicts.py``.
"""

from typing import ClassVar, Literal

from .events import Usage

Reason = Literal[
    "connect_refused",
    "connect_timeout",
    "dns",
    "tls",
    "reset",
    "first_token_timeout",
    "stalled",
    "truncated",
    "total_timeout",
    "rate_limited",
    "quota_exhausted",
    "billing",
    "auth",
    "model_missing",
    "context_too_long",
    "invalid_request",
    "blocked",
    "refused",
    "empty",
    "malformed",
    "overloaded",
    "server_error",
    "cancelled",
]

SkipReason = Literal[
    "not_configured",
    "disabled",
    "cloud_disabled",
    "local_only",
    "preference",
    "cooling_down",
    "busy",
    "cold",
    "over_budget",
    "not_requested",
    "prompt_too_long",
]


class ProviderError(Exception):
    """A failed attempt.

    ``detail`` is for operators: it may quote the provider, never the prompt or a key. ``status`` is the HTTP status
    where there was one. ``retry_after`` is the delay in seconds that the provider asked for. ``usage`` is what the
    provider had reported of the call by then. ``said`` is a refusal in the model's own words.

    ``may_retry`` false: asking the same provider once more is known to be in vain. ``retry_alone_after``: it needs so
    many seconds to recover, which are waited for only where nobody else can answer. ``of_model``: only the model that
    was asked is concerned, whatever the reason usually means. ``of_request``: what the caller asked for left no room
    for an answer, so that nobody's health is touched.
    """

    reasons: ClassVar[frozenset[Reason]] = frozenset()

    def __init__(
        self, detail: str, *, reason: Reason, status: int | None = None, retry_after: float | None = None
    ) -> None:
        if reason not in self.reasons:
            raise AssertionError(f"{type(self).__name__} does not carry the reason {reason}")
        super().__init__(detail)
        self.detail = detail
        self.reason: Reason = reason
        self.status = status
        self.retry_after = retry_after
        self.usage: Usage | None = None
        self.said = ""
        self.may_retry = True
        self.retry_alone_after: float | None = None
        self.of_model = False
        self.of_request = False


class Unreachable(ProviderError):
    """No usable connection: refused, timed out, unknown name, bad certificate, or cut before any byte came."""

    reasons = frozenset({"connect_refused", "connect_timeout", "dns", "tls", "reset"})


class TimedOut(ProviderError):
    """One of our own deadlines passed."""

    reasons = frozenset({"first_token_timeout", "stalled", "total_timeout"})


class Throttled(ProviderError):
    """Too many requests or too many tokens for now; ``retry_after`` says until when, where the provider does."""

    reasons = frozenset({"rate_limited", "quota_exhausted"})


class Misconfigured(ProviderError):
    """Every call fails alike until someone mends the key, the bill or the model's name."""

    reasons = frozenset({"auth", "billing", "model_missing"})


class Faulted(ProviderError):
    """The provider says that it is overloaded or broken."""

    reasons = frozenset({"overloaded", "server_error"})


class Garbled(ProviderError):
    """The provider broke its own protocol: no terminal mark, no content, or bytes that mean nothing."""

    reasons = frozenset({"truncated", "malformed", "empty"})


class RejectedRequest(ProviderError):
    """The request is wrong for this provider; the provider is well."""

    reasons = frozenset({"invalid_request"})


class ContextTooLong(RejectedRequest):
    """The conversation is longer than the model's context; another model may have more room."""

    reasons = frozenset({"context_too_long"})


class Refused(ProviderError):
    """A safety filter or the model itself declined. Never taken elsewhere."""

    reasons = frozenset({"blocked", "refused"})
