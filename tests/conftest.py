"""What product tests share: providers that the test holds by the hand, and how the product is told of them."""

from collections.abc import Iterator

import pytest

from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake, serve_in_thread


@pytest.fixture(scope="module")
def ollama() -> Iterator[ThreadedFake[FakeOllama]]:
    with serve_in_thread(FakeOllama()) as fake:
        yield fake


@pytest.fixture(scope="module")
def gemini() -> Iterator[ThreadedFake[FakeGemini]]:
    with serve_in_thread(FakeGemini()) as fake:
        yield fake


@pytest.fixture(scope="module")
def providers(ollama: ThreadedFake[FakeOllama], gemini: ThreadedFake[FakeGemini]) -> dict[str, str]:
    """The settings with which the product asks these two."""
    return {
        "OLLAMA_URL": ollama.url,
        "GEMINI_API_KEY": "g" * 40,
        "GEMINI_API_URL": gemini.url,
        "GEMINI_MODEL": gemini.fake.models[0],
    }
