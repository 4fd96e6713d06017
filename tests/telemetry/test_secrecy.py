"""The ear that all tests have (tests/support/secrecy.py) hears what it is for."""

import io
import json

import pytest
from novakit import logs
from novakit.metrics import Metrics

from tests.support import secrecy
from tests.support.fakes import answer

PROMPT = 'Who wrote "Ulysses", and when?'
ANSWER = "James Joyce did, in 1922."


@pytest.fixture(autouse=True)
def said() -> None:
    body = {
        "messages": [{"role": "user", "content": PROMPT}],
        "contents": [{"parts": [{"text": "And what else is there?"}]}],
    }
    secrecy.told(json.dumps(body).encode(), answer(ANSWER))
    logs.setup("gateway", out=io.StringIO())


@pytest.mark.parametrize(
    "words",
    [
        PROMPT,
        f"before {PROMPT} after",
        ANSWER,
        "And what else is there?",
        "nc_" + "k" * 32,
        "AIza" + "k" * 32,
        "Bearer x",
    ],
)
def test_a_line_with_a_prompt_an_answer_or_a_key_is_found(words: str) -> None:
    logs.get("chat").warning("provider_failed", detail=words)
    assert len(secrecy.found()) == 1


def test_so_is_a_label_with_one_and_a_metric_without_bounds() -> None:
    told = Metrics()
    told.counter("x_total", "X.", "label")(PROMPT).inc()
    told.render()
    assert len(secrecy.found()) == 1
    numbers = Metrics()
    for number in range(secrecy.MOST_SERIES):
        numbers.counter(f"x{number}_total", "X.")().inc()
    numbers.render()
    [found] = secrecy.found()
    assert "series" in found


def test_so_is_a_line_of_another_process_among_others() -> None:
    secrecy.look_at('gateway | {"timestamp":"now","event":"' + json.dumps(PROMPT)[1:-1] + '"}\nReady.\n')
    assert len(secrecy.found()) == 1


def test_nothing_is_made_of_what_is_fine() -> None:
    logs.get("chat").info("chat_turn", model="llama3.2:latest", user="6cb24596e4f0", short=PROMPT[:10])
    Metrics().render()
    secrecy.look_at(f"you said: {PROMPT}")
    assert secrecy.found() == []
