"""What Ollama's errors mean, and what is done about each."""

import json

import pytest
from novakit.clock import FakeClock

from services.intelligence.app.domain.errors import ProviderError, Reason
from services.intelligence.app.routing.breaker import BreakerPolicy, Closed
from services.intelligence.app.routing.policy import Candidate
from services.intelligence.app.routing.verdicts import VERDICTS, Effect, retry_delay
from services.intelligence.app.services.orchestrator.health_board import HealthBoard
from services.intelligence.app.services.providers import ollama_errors
from services.intelligence.app.services.providers.complaints import Complaint, from_answer, to_error

BUSY = "server busy, please try again.  maximum pending requests exceeded"
STOPPED = "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error"
NO_ROOM = "model requires more system memory (63.6 GiB) than is available (18.9 GiB)"
OLLAMA = Candidate("ollama", "m", "local")


def error_of(complaint: Complaint) -> ProviderError:
    return to_error(complaint, ollama_errors.classify(complaint), wall=0.0, keys=(), texts=())


def explain(status: int | None, text: str) -> ProviderError:
    """As an answer, or with a status of None as a line of a 200."""
    if status is None:
        return error_of(Complaint(None, text))
    return error_of(from_answer(status, {}, json.dumps({"error": text}).encode() if text else b""))


@pytest.mark.parametrize(
    ("status", "text", "reason", "effect"),
    [
        (404, "model 'm' not found", "model_missing", "open"),
        (404, 'model "m" not found, try pulling it first', "model_missing", "open"),
        (404, "404 page not found", "model_missing", "open"),
        (403, "", "auth", "open"),
        (401, "unauthorized", "auth", "open"),
        (402, "upgrade to a paid plan", "billing", "open"),
        (429, "you have reached your limit", "rate_limited", "cool"),
        (503, BUSY, "rate_limited", "cool"),
        (None, BUSY, "rate_limited", "cool"),
        (503, "Server overloaded, please retry shortly (ref: 1)", "overloaded", "count"),
        (None, "Server overloaded, please retry shortly (ref: 1)", "overloaded", "count"),
        (502, "bad gateway", "server_error", "count"),
        (500, STOPPED, "server_error", "count"),
        (500, NO_ROOM, "server_error", "count"),
        (500, "llama runner process has terminated: CUDA error: out of memory", "server_error", "count"),
        (500, "something else", "server_error", "count"),
        (None, "CUDA error: out of memory", "server_error", "count"),
        (None, "an error was encountered while running the model", "server_error", "count"),
        (400, "the prompt is longer than the context length currently available", "context_too_long", "none"),
        (400, "m does not support chat", "model_missing", "open"),
        (400, '"m" does not support thinking', "invalid_request", "none"),
        (400, "invalid options", "invalid_request", "none"),
        (499, "request canceled", "server_error", "count"),
    ],
)
def test_what_its_errors_mean(status: int | None, text: str, reason: Reason, effect: Effect) -> None:
    error = explain(status, text)
    assert (error.reason, VERDICTS[error.reason].effect) == (reason, effect)


def pauses(error: ProviderError) -> tuple[float | None, float | None]:
    """Before it is asked once more: where another can answer, and where it is alone."""
    among, alone = (retry_delay(error, tried=1, longest=2.5, jitter=0.1, alone=one) for one in (False, True))
    return among, alone


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (503, BUSY, (None, None)),
        (500, STOPPED, (None, 2.0)),
        (500, NO_ROOM, (None, 2.0)),
        (None, "an error was encountered while running the model", (None, 2.0)),
        (500, "something else", (0.1, 0.1)),
        (503, "Server overloaded, please retry shortly (ref: 1)", (0.1, 0.1)),
        (404, "model 'm' not found", (None, None)),
        (403, "", (None, None)),
    ],
)
def test_when_it_is_asked_once_more(
    status: int | None, text: str, expected: tuple[float | None, float | None]
) -> None:
    assert pauses(explain(status, text)) == expected


def test_a_full_queue_is_left_alone_for_some_seconds_and_is_no_failure() -> None:
    board = HealthBoard(BreakerPolicy(threshold=1), FakeClock(now=1000.0), lambda: 1.0)
    admission = board.admit(OLLAMA)
    assert admission is not None
    board.failed(admission, explain(503, BUSY))
    cooling = board.snapshot(OLLAMA).cooling_for
    assert cooling is not None
    assert 1.0 <= cooling <= 5.0
    assert board.states["ollama", "m"].trips == 0
    assert board.states["ollama", ""] == Closed()


def test_a_runner_that_stopped_counts_and_sets_no_time() -> None:
    board = HealthBoard(BreakerPolicy(threshold=2), FakeClock(now=1000.0), lambda: 0.0)
    cooling: list[float | None] = []
    for _ in range(2):
        admission = board.admit(OLLAMA)
        assert admission is not None
        board.failed(admission, explain(500, STOPPED))
        cooling.append(board.snapshot(OLLAMA).cooling_for)
    assert cooling == [None, 60.0]


def test_a_refused_address_says_what_to_change() -> None:
    assert "OLLAMA_HOST" in explain(403, "").detail
    assert "OLLAMA_URL" in explain(404, "404 page not found").detail
