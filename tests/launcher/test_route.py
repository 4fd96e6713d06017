from typing import Any

from novakit.sse import Event

from novacore.route import Route, after, data_of


def told(*events: dict[str, Any], first_words: float | None = None) -> str:
    route = Route()
    for data in events:
        route = after(route, data)
    return route.sentence(first_words)


def event(provider: str, state: str, reason: str | None = None, locality: str = "local") -> dict[str, Any]:
    data = {"attempt": 1, "provider": provider, "model": "m", "locality": locality, "state": state, "sent": False}
    return {**data, "reason": reason} if reason else data


def test_an_answer_from_the_first_provider_is_said_without_reasons() -> None:
    states = [event("ollama", state) for state in ("queued", "connecting", "loading", "streaming", "succeeded")]
    assert told(*states, first_words=0.24) == "— local · ollama · m · first words after 0.2 s"


def test_an_answer_from_a_later_provider_says_why_the_others_did_not_answer() -> None:
    line = told(
        event("ollama", "connecting"),
        event("ollama", "failed", "connect_refused"),
        event("gemini", "skipped", "cooling_down", "cloud"),
        event("openai", "streaming", locality="cloud"),
        first_words=1.0,
    )
    assert line == (
        "— cloud · openai · m · because ollama: connect_refused, gemini: cooling_down · first words after 1.0 s"
    )


def test_a_provider_that_was_never_set_up_is_no_reason() -> None:
    line = told(event("gemini", "skipped", "not_configured", "cloud"), event("ollama", "succeeded"))
    assert line == "— local · ollama · m"


def test_a_lock_is_a_reason_only_where_no_local_answer_came() -> None:
    lock = event("gemini", "skipped", "local_only", "cloud")
    assert told(lock, event("ollama", "succeeded")) == "— local · ollama · m"
    failed = event("ollama", "failed", "dns")
    assert told(lock, failed) == "— nobody answered · because gemini: local_only, ollama: dns"
    assert told(event("ollama", "streaming"), lock, failed) == told(lock, failed)


def test_after_a_handoff_the_last_provider_and_the_reason_are_named() -> None:
    line = told(
        event("ollama", "streaming"),
        event("ollama", "failed", "stalled"),
        event("gemini", "connecting", locality="cloud"),
        event("gemini", "succeeded", locality="cloud"),
        first_words=0.5,
    )
    assert line == "— cloud · gemini · m · because ollama: stalled · first words after 0.5 s"


def test_where_nobody_answered_only_the_reasons_are_left() -> None:
    line = told(event("ollama", "streaming"), event("ollama", "failed", "reset"), first_words=0.5)
    assert line == "— nobody answered · because ollama: reset"


def test_a_retry_tells_the_latest_reason_once() -> None:
    line = told(event("ollama", "failed", "reset"), event("ollama", "failed", "dns"), event("gemini", "succeeded"))
    assert line == "— local · gemini · m · because ollama: dns"


def test_data_that_is_no_object_is_an_empty_one() -> None:
    assert [data_of(Event(text)) for text in ("[1]", "nonsense", '{"a": 1}')] == [{}, {}, {"a": 1}]
