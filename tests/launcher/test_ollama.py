import pytest

from novacore.fetch import Answer
from novacore.ollama import Choice, Kind, answers_with_a_model, choose


def never() -> bool:
    raise AssertionError("nobody had to look for an Ollama")


def test_an_address_that_was_set_is_taken_as_it_is() -> None:
    assert choose("http://box:11434", ["ollama"], installed=True, has_model=never) == Choice(Kind.SET)


def test_nothing_is_started_for_a_provider_that_is_not_asked_for() -> None:
    assert choose("auto", ["gemini"], installed=True, has_model=never) == Choice(Kind.NOT_WANTED)


@pytest.mark.parametrize("setting", ["auto", "AUTO"])
def test_an_ollama_with_a_model_is_taken_before_the_built_in_one(setting: str) -> None:
    expected = Choice(Kind.FOUND, "http://127.0.0.1:11434")
    assert choose(setting, ["ollama"], installed=True, has_model=lambda: True) == expected


def test_without_an_ollama_the_built_in_model_is_started() -> None:
    assert choose("auto", ["ollama"], installed=True, has_model=lambda: False) == Choice(Kind.BUILT_IN)


def test_where_neither_is_there_an_ollama_that_comes_later_is_still_looked_for() -> None:
    expected = Choice(Kind.NOT_INSTALLED, "http://127.0.0.1:11434")
    assert choose("auto", ["ollama"], installed=False, has_model=lambda: False) == expected


@pytest.mark.parametrize(
    ("version", "tags", "found"),
    [
        (Answer(200, b"{}"), Answer(200, b'{"models": [{"name": "m"}]}'), True),
        (Answer(200, b"{}"), Answer(200, b'{"models": []}'), False),
        (Answer(200, b"{}"), Answer(200, b'{"models": [{"name": "e", "capabilities": ["embedding"]}]}'), False),
        (Answer(200, b"{}"), Answer(200, b'{"models": [{"name": "m", "capabilities": ["completion"]}]}'), True),
        (Answer(200, b"{}"), Answer(200, b'{"models": [{"name": "m", "remote_host": "elsewhere"}]}'), False),
        (Answer(200, b"{}"), Answer(200, b'{"models": [{"name": "m:120b-cloud"}]}'), False),
        (Answer(200, b"{}"), Answer(200, b'{"models": ["m"]}'), False),
        (Answer(200, b"{}"), Answer(200, b"no json"), False),
        (Answer(200, b"{}"), Answer(200, b"[]"), False),
        (Answer(200, b"{}"), Answer(500, b'{"models": [{"name": "m"}]}'), False),
        (Answer(200, b"{}"), None, False),
        (Answer(404, b""), Answer(200, b'{"models": [{"name": "m"}]}'), False),
        (None, Answer(200, b'{"models": [{"name": "m"}]}'), False),
    ],
)
def test_an_ollama_counts_only_with_a_version_and_a_model(
    version: Answer | None, tags: Answer | None, found: bool
) -> None:
    answers = {"http://x/api/version": version, "http://x/api/tags": tags}
    assert answers_with_a_model("http://x", answers.__getitem__) is found
