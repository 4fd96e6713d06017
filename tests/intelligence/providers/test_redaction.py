"""What an error may quote."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intelligence.app.services.providers.redaction import (
    MOST_COMPARED,
    QUOTE_CHARS,
    code_word,
    quote,
)
from tests.support.patience import PATIENCE_SEC, quickest

KEY = "kq" + "7fJx" * 10
PROMPT = "My doctor says the biopsy of the left kidney came back yesterday."


def test_a_plain_message_is_quoted_as_it_is() -> None:
    assert quote("The model `x` does not exist.", keys=[KEY], texts=[PROMPT]) == "The model `x` does not exist."


def test_a_long_message_is_cut() -> None:
    assert len(quote("word " * 500, keys=[], texts=[])) == QUOTE_CHARS


def test_a_quote_is_one_line() -> None:
    assert quote("one\n\n two\r\nthree", keys=[], texts=[]) == "one two three"


@pytest.mark.parametrize("echo", [KEY, KEY[:8] + "*" * 20 + KEY[-4:], KEY[:12], f"Bearer {KEY}", f"'{KEY}',"])
def test_a_key_that_a_provider_echoes_is_taken_out(echo: str) -> None:
    quoted = quote(f"Incorrect API key provided: {echo}. You can find yours.", keys=[KEY], texts=[])
    assert KEY[:8] not in quoted
    assert KEY[-4:] not in quoted
    assert quoted.startswith("Incorrect API key provided:")


def test_a_placeholder_for_a_key_is_taken_out_as_a_word_and_not_within_others() -> None:
    assert (
        quote("the key none is wrong, nonetheless", keys=["none"], texts=[]) == "the key [key] is wrong, nonetheless"
    )


def test_a_masked_key_that_is_not_ours_is_taken_out() -> None:
    assert "2345" not in quote("Incorrect API key provided: invalid-*****2345.", keys=[KEY], texts=[])


@pytest.mark.parametrize("prefix", ["sk-", "sk-proj-", "AIza", "AQ.", "nc_"])
def test_what_has_the_shape_of_a_key_is_taken_out(prefix: str) -> None:
    stranger = prefix + "Zy8" * 12
    assert "Zy8Zy8" not in quote(f"the key {stranger} is wrong", keys=[], texts=[])


def test_a_repeated_prompt_is_taken_out_and_the_rest_stays() -> None:
    quoted = quote(f"Invalid value: '{PROMPT}'. Expected an object.", keys=[], texts=[PROMPT])
    assert quoted == "Invalid value: '[prompt]'. Expected an object."


def test_a_prompt_that_is_repeated_with_other_spaces_is_taken_out() -> None:
    spaced = PROMPT.replace(" ", "\n  ")
    assert quote(f"bad: {PROMPT}", keys=[], texts=[spaced]) == "bad: [prompt]"
    assert quote(f"bad: {spaced}", keys=[], texts=[PROMPT]) == "bad: [prompt]"


@pytest.mark.parametrize(
    "prompt", ["pin 4711\nuser bob\niban DE12\n", "我的密码是四七一一请不要告诉任何人", 'it\'s "s3cret"\t\\o/ é']
)
@pytest.mark.parametrize(
    "written", [repr, json.dumps, lambda text: json.dumps(text, ensure_ascii=False)], ids=["repr", "ascii", "json"]
)
def test_a_prompt_that_is_repeated_in_the_writing_of_a_language_is_taken_out(
    prompt: str, written: Callable[[str], str]
) -> None:
    echo = written({"content": prompt})  # type: ignore[arg-type]
    assert quote(f"bad: {echo}, sorry", keys=[], texts=["Be brief.", prompt]).count("[prompt]") == 1
    for part in ("4711", "bob", "DE12", "s3cret", "密码", "\\u5bc6", "\\u7801"):
        assert part not in quote(f"bad: {echo}", keys=[], texts=[prompt])


ENGLISH = "How to reduce the length of messages? " * 1724
HOSTILE = "".join("abcdefgh"[number * number % 7] for number in range(MOST_COMPARED))


@pytest.mark.parametrize(
    "prompt",
    [
        HOSTILE,
        HOSTILE[:-1] + "é",
        "我" * MOST_COMPARED,
        "a" * MOST_COMPARED,
        "How to reduce the length of messages? " * 1724,
    ],
)
@pytest.mark.parametrize(
    "message", ["aaaaab" * 200, "Please reduce the length of the messages. " * 30, HOSTILE[:1199] + "\\"]
)
def test_no_prompt_makes_a_quote_slow(prompt: str, message: str) -> None:
    assert len(prompt) <= MOST_COMPARED
    assert quickest(lambda: quote(message, keys=[], texts=[prompt])) < 4 * PATIENCE_SEC


def test_of_what_is_said_to_a_longer_conversation_the_code_alone_is_quoted() -> None:
    texts = ["a" * MOST_COMPARED, "b"]
    assert quote("context_length_exceeded", keys=[], texts=texts) == "context_length_exceeded"
    assert quote("Please reduce the length.", keys=[], texts=texts) == ""
    assert quote("Please reduce the length.", keys=[], texts=texts[:1]) == "Please reduce the length."
    assert quote("a" * 20, keys=[], texts=texts) == ""
    assert quote(f"no_{KEY}", keys=[KEY], texts=texts) == "[key]"
    assert (
        quickest(lambda: quote("code_of_sixty_characters_or_so" * 2, keys=[], texts=["a_" * 500_000])) < PATIENCE_SEC
    )


def test_a_short_prompt_is_taken_out_whole() -> None:
    assert quote("bad input: Anna!", keys=[], texts=["Anna"]) == "bad input: [prompt]!"


@settings(deadline=None, derandomize=True)
@given(st.text(min_size=12, max_size=60), st.integers(0, 40), st.text(max_size=30), st.text(max_size=30))
def test_no_twelve_characters_of_a_prompt_survive(prompt: str, start: int, before: str, after: str) -> None:
    quoted = quote(before + prompt[start:] + after, keys=[], texts=[prompt])
    runs = {prompt[at : at + 12] for at in range(len(prompt) - 11)}
    assert not any(run in quoted for run in runs if run == " ".join(run.split()))


@pytest.mark.parametrize(
    ("given", "shown"),
    [("SAFETY", "SAFETY"), ("max-tokens.v2", "max-tokens.v2"), ("", "unnamed"), ("as you said", "unnamed")],
)
def test_a_code_is_quoted_only_where_it_is_one_word(given: str, shown: str) -> None:
    assert code_word(given) == shown
    assert code_word("x" * 61) == "unnamed"
