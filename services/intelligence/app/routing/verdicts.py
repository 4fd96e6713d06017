"""What each failure means: may the same provider be asked again, may another, and what goes on whose record.

The table is exhaustive over ``Reason`` (a test holds it so). What it says follows the providers' documented
behaviour; how long a circuit stays open is ``routing/breaker.py``'s business.
"""

from dataclasses import dataclass
from typing import Literal

from ..domain.errors import ProviderError, Reason

Effect = Literal["count", "open", "cool", "success", "none"]
"""On the provider's health: count one failure; open at once for the maximum (set-up); cool down until a time without
counting; a success, since it answered; nothing, since the fault was not its own."""

Scope = Literal["provider", "model"]
"""What the effect covers: all models of the provider (connection, key, bill), or the model that was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The consequences of one reason."""

    retry: bool
    failover: bool
    effect: Effect
    scope: Scope


VERDICTS: dict[Reason, Verdict] = {
    # The connection. Nothing listens, no such name, no trust: the same call would fail again at once.
    "connect_refused": Verdict(retry=False, failover=True, effect="count", scope="provider"),
    "dns": Verdict(retry=False, failover=True, effect="count", scope="provider"),
    "tls": Verdict(retry=False, failover=True, effect="count", scope="provider"),
    # Often transient, and nothing was answered yet.
    "connect_timeout": Verdict(retry=True, failover=True, effect="count", scope="provider"),
    "reset": Verdict(retry=True, failover=True, effect="count", scope="provider"),
    # Silence. Asking again would double the wait.
    "first_token_timeout": Verdict(retry=False, failover=True, effect="count", scope="model"),
    "stalled": Verdict(retry=False, failover=True, effect="count", scope="model"),
    "total_timeout": Verdict(retry=False, failover=True, effect="count", scope="model"),
    # Broken answers.
    "truncated": Verdict(retry=True, failover=True, effect="count", scope="model"),
    "empty": Verdict(retry=True, failover=True, effect="count", scope="model"),
    "malformed": Verdict(retry=False, failover=True, effect="count", scope="model"),
    "overloaded": Verdict(retry=True, failover=True, effect="count", scope="model"),
    "server_error": Verdict(retry=True, failover=True, effect="count", scope="model"),
    # Limits. The provider says when; a retry is for those that name a short delay.
    "rate_limited": Verdict(retry=True, failover=True, effect="cool", scope="model"),
    "quota_exhausted": Verdict(retry=False, failover=True, effect="cool", scope="model"),
    # Set-up. Every call fails alike until somebody mends it.
    "auth": Verdict(retry=False, failover=True, effect="open", scope="provider"),
    "billing": Verdict(retry=False, failover=True, effect="open", scope="provider"),
    "model_missing": Verdict(retry=False, failover=True, effect="open", scope="model"),
    # The request. Another model may have more room; nobody takes an invalid request.
    "context_too_long": Verdict(retry=False, failover=True, effect="none", scope="model"),
    "invalid_request": Verdict(retry=False, failover=False, effect="none", scope="model"),
    # A safety filter: an answer. It is never shopped around.
    "blocked": Verdict(retry=False, failover=False, effect="success", scope="model"),
    "refused": Verdict(retry=False, failover=False, effect="success", scope="model"),
    # The caller left.
    "cancelled": Verdict(retry=False, failover=False, effect="none", scope="model"),
}


def retry_delay(
    error: ProviderError, *, tried: int, longest: float, jitter: float, alone: bool = False
) -> float | None:
    """Seconds to wait before the same provider is asked once more, or None where it is not.

    A delay that the provider names is waited for up to ``longest`` seconds; one that it is known to need, only where
    it is ``alone``: nobody else can answer. Where there is neither, ``jitter`` seconds do, but not for a rate limit:
    without a time there is nothing to wait for.
    """
    if tried > 1 or not (error.may_retry and VERDICTS[error.reason].retry):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= longest else None
    if error.retry_alone_after is not None:
        return error.retry_alone_after if alone and error.retry_alone_after <= longest else None
    return None if error.reason == "rate_limited" else jitter
