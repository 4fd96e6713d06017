"""What a failed call and a failed request say of themselves."""

import pytest

from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.routing.policy import Candidate, Skipped
from services.intelligence.app.routing.trail import AllProvidersFailed, Failed, InterruptedAnswer
from tests.support.scripted import CLASS_OF, error

OLLAMA = Candidate("ollama", "llama3.2", "local", on_this_machine=True)
NEAR = Candidate("near", "qwen3", "local")
GEMINI = Candidate("gemini", "gemini-2.5-flash", "cloud")
NO_CONNECTION = {"connect_refused", "connect_timeout", "dns", "tls"}


def failed(candidate: Candidate, reason: Reason) -> Failed:
    return Failed(1, candidate, error(reason), spoke=False)


@pytest.mark.parametrize("reason", sorted(CLASS_OF))
def test_a_call_on_this_machine_sends_nothing_away(reason: Reason) -> None:
    assert not failed(OLLAMA, reason).sent


@pytest.mark.parametrize("candidate", [NEAR, GEMINI])
@pytest.mark.parametrize("reason", sorted(CLASS_OF))
def test_a_call_over_a_network_counts_as_sent_unless_no_connection_came_about(
    candidate: Candidate, reason: Reason
) -> None:
    assert failed(candidate, reason).sent == (reason not in NO_CONNECTION)


@pytest.mark.parametrize("reason", sorted(CLASS_OF))
def test_a_call_that_came_no_further_than_its_free_check_has_sent_nothing(reason: Reason) -> None:
    assert not Failed(1, GEMINI, error(reason), spoke=False, prompted=False).sent


def test_a_request_that_failed_names_who_was_asked_and_who_was_not() -> None:
    error = AllProvidersFailed(
        [failed(OLLAMA, "reset"), failed(OLLAMA, "stalled")],
        [Skipped(GEMINI, "cloud_disabled"), Skipped(NEAR, "busy")],
    )
    assert str(error) == (
        "no provider answered (asked: ollama: reset, ollama: stalled; skipped: gemini: cloud_disabled, near: busy)"
    )


def test_a_request_that_nobody_could_be_asked_says_so() -> None:
    assert str(AllProvidersFailed([], [])) == "no provider answered (asked: none; skipped: none)"


@pytest.mark.parametrize(
    ("skips", "locked_out"),
    [
        ([Skipped(GEMINI, "cloud_disabled")], True),
        ([Skipped(GEMINI, "preference")], True),
        ([Skipped(OLLAMA, "cooling_down"), Skipped(GEMINI, "local_only")], True),
        ([Skipped(GEMINI, "not_configured"), Skipped(OLLAMA, "cooling_down")], False),
        ([], False),
    ],
)
def test_a_request_knows_whether_a_lock_kept_it_from_the_cloud(skips: list[Skipped], locked_out: bool) -> None:
    assert AllProvidersFailed([], skips).locked_out == locked_out


def test_a_request_was_sent_where_any_of_its_calls_was() -> None:
    assert AllProvidersFailed([failed(OLLAMA, "reset"), failed(GEMINI, "reset")], []).sent
    assert not AllProvidersFailed([failed(OLLAMA, "reset"), failed(GEMINI, "dns")], []).sent


def test_a_broken_answer_names_its_reason() -> None:
    broken = InterruptedAnswer(error("stalled"))
    assert str(broken) == "the answer broke off: stalled"
    assert broken.error.reason == "stalled"
