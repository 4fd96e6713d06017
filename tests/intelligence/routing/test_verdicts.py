"""What each failure means. The sets are written by hand from the design; together they name every reason."""

from typing import get_args

import pytest

from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.routing.verdicts import VERDICTS, Effect, Scope, Verdict, retry_delay
from tests.support.scripted import CLASS_OF, error

REASONS: tuple[Reason, ...] = get_args(Reason)

ASKED_ONCE_MORE = {
    "connect_timeout", "reset", "truncated", "empty", "overloaded", "server_error", "rate_limited"
}  # fmt: skip
"""Often transient. Silence is not among them: a provider that stayed silent is not retried."""

ENDS_THE_REQUEST = {"invalid_request", "blocked", "refused", "cancelled"}
"""Nobody takes an invalid request; a refusal is never shopped around; a caller that left wants no answer."""

ON_THE_RECORD: dict[Effect, set[str]] = {
    "count": {
        "connect_refused", "connect_timeout", "dns", "tls", "reset", "first_token_timeout", "stalled",
        "total_timeout", "truncated", "empty", "malformed", "overloaded", "server_error",
    },
    "open": {"auth", "billing", "model_missing"},
    "cool": {"rate_limited", "quota_exhausted"},
    "success": {"blocked", "refused"},
    "none": {"context_too_long", "invalid_request", "cancelled"},
}  # fmt: skip

OPENS_ALL_MODELS = {"connect_refused", "connect_timeout", "dns", "tls", "reset", "auth", "billing"}
"""Faults of the connection, the key or the bill."""


def test_every_reason_has_a_verdict_and_no_verdict_is_for_something_else() -> None:
    assert set(VERDICTS) == set(REASONS)


def test_the_sets_of_this_file_name_every_reason_once() -> None:
    named = [reason for reasons in ON_THE_RECORD.values() for reason in reasons]
    assert sorted(named) == sorted(REASONS)
    assert set(REASONS) >= ASKED_ONCE_MORE | ENDS_THE_REQUEST | OPENS_ALL_MODELS


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_means_what_the_design_says(reason: Reason) -> None:
    effect = next(effect for effect, reasons in ON_THE_RECORD.items() if reason in reasons)
    scope: Scope = "provider" if reason in OPENS_ALL_MODELS else "model"
    assert VERDICTS[reason] == Verdict(
        retry=reason in ASKED_ONCE_MORE, failover=reason not in ENDS_THE_REQUEST, effect=effect, scope=scope
    )


def test_every_reason_but_the_callers_own_is_carried_by_exactly_one_class_of_error() -> None:
    classes = [kind for kind in _all(ProviderError) if kind.reasons]
    carried = [reason for kind in classes for reason in kind.reasons]
    assert sorted(carried) == sorted(set(REASONS) - {"cancelled"})


def test_an_error_with_a_reason_of_another_class_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="Throttled does not carry the reason reset"):
        CLASS_OF["rate_limited"]("", reason="reset")


class TestRetryDelay:
    @pytest.mark.parametrize("reason", sorted(CLASS_OF))
    @pytest.mark.parametrize("named", [None, 0.5, 60.0])
    def test_nobody_is_asked_a_third_time(self, reason: Reason, named: float | None) -> None:
        failure = error(reason, retry_after=named)
        assert retry_delay(failure, tried=2, longest=2.5, jitter=0.3) is None

    @pytest.mark.parametrize("reason", sorted(set(CLASS_OF) - ASKED_ONCE_MORE))
    def test_a_failure_that_would_repeat_is_not_retried_even_where_a_delay_is_named(self, reason: Reason) -> None:
        assert retry_delay(error(reason, retry_after=0.5), tried=1, longest=2.5, jitter=0.3) is None

    @pytest.mark.parametrize("reason", sorted(ASKED_ONCE_MORE - {"rate_limited"}))
    def test_without_a_named_delay_the_jitter_is_waited(self, reason: Reason) -> None:
        assert retry_delay(error(reason), tried=1, longest=2.5, jitter=0.3) == 0.3

    @pytest.mark.parametrize("reason", sorted(ASKED_ONCE_MORE))
    @pytest.mark.parametrize("named", [0.0, 0.5, 2.5])
    def test_a_short_named_delay_is_waited_for_to_the_second(self, reason: Reason, named: float) -> None:
        assert retry_delay(error(reason, retry_after=named), tried=1, longest=2.5, jitter=0.3) == named

    @pytest.mark.parametrize("reason", sorted(ASKED_ONCE_MORE))
    def test_a_longer_one_is_not(self, reason: Reason) -> None:
        assert retry_delay(error(reason, retry_after=2.6), tried=1, longest=2.5, jitter=0.3) is None

    @pytest.mark.parametrize("needed", [2.0, 2.5])
    def test_the_time_that_one_needs_is_given_to_it_where_nobody_else_can_answer(self, needed: float) -> None:
        crash = error("server_error")
        crash.retry_alone_after = needed
        assert retry_delay(crash, tried=1, longest=2.5, jitter=0.3, alone=True) == needed
        assert retry_delay(crash, tried=1, longest=2.5, jitter=0.3, alone=False) is None
        assert retry_delay(crash, tried=1, longest=2.5, jitter=0.3) is None

    def test_no_more_time_than_is_usual_is(self) -> None:
        crash = error("server_error")
        crash.retry_alone_after = 2.6
        assert retry_delay(crash, tried=1, longest=2.5, jitter=0.3, alone=True) is None

    def test_a_rate_limit_without_a_time_is_not_retried(self) -> None:
        assert retry_delay(error("rate_limited"), tried=1, longest=2.5, jitter=0.3) is None


def _all(kind: type[ProviderError]) -> list[type[ProviderError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _all(child))]
