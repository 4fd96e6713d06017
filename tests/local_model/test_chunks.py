"""The engine's chunks."""

from collections.abc import Mapping

import pytest

from services.local_model.app.engine.chunks import Collector
from services.local_model.app.engine.engine import EngineError, Finished, JobRefusedError, PromptTooLongError

PROGRESS = {
    "choices": [{"finish_reason": None, "index": 0, "delta": {"role": "assistant", "content": None}}],
    "prompt_progress": {"total": 36, "cache": 0, "processed": 36, "time_ms": 142},
}
TIMINGS = {"cache_n": 4, "prompt_n": 32, "prompt_ms": 500.0, "predicted_n": 2, "predicted_ms": 250.0}


def delta(text: str | None, reason: str | None = None) -> Mapping[str, object]:
    return {"choices": [{"finish_reason": reason, "index": 0, "delta": {"content": text} if text else {}}]}


def collect(*chunks: Mapping[str, object], most: int = 100) -> tuple[list[str], Collector]:
    emitted: list[str] = []

    def emit(text: str) -> bool:
        emitted.append(text)
        return len(emitted) < most

    collector = Collector(emit)
    for chunk in chunks:
        if collector(chunk):
            break
    return emitted, collector


def test_a_chat_s_chunks_are_text_and_an_end_with_its_figures() -> None:
    emitted, collector = collect(
        PROGRESS, delta("Hi"), delta(" you"), delta(None, "stop"), {"choices": [], "timings": TIMINGS}
    )

    assert emitted == ["", "Hi", " you", "", ""]
    assert collector.result() == Finished("stop", 36, 2, 0.5, 0.25)


def test_a_completion_s_chunks_say_text_instead_of_delta() -> None:
    emitted, collector = collect(
        {"choices": [{"text": "Hi", "finish_reason": None}]},
        {"choices": [{"text": "", "finish_reason": "length"}], "timings": TIMINGS},
    )

    assert emitted == ["Hi", ""]
    assert collector.result() == Finished("length", 36, 2, 0.5, 0.25)


def test_an_answer_that_was_stopped_has_no_result() -> None:
    emitted, collector = collect(PROGRESS, delta("Hi"), delta(" you"), most=2)

    assert emitted == ["", "Hi"]
    assert collector.result() is None


def test_an_answer_without_a_reason_for_its_end_is_an_error() -> None:
    _emitted, collector = collect(PROGRESS, delta("Hi"))

    with pytest.raises(EngineError, match="without saying why"):
        collector.result()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 9, "n_ctx": 8}, PromptTooLongError),
        ({"code": 400, "type": "invalid_request_error", "message": "a secret"}, JobRefusedError),
        ({"code": 500, "type": "server_error", "message": "a secret"}, EngineError),
        ({}, EngineError),
    ],
)
def test_an_error_is_raised_by_its_kind_and_never_quoted(error: dict[str, object], kind: type[EngineError]) -> None:
    _emitted, collector = collect({"error": error})

    with pytest.raises(kind) as raised:
        collector.result()
    assert type(raised.value) is kind
    assert "secret" not in str(raised.value)
