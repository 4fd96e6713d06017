"""The whole product, for clients that others have written: started once for all of them."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake, serve_in_thread
from tests.support.laid_out import laid_out
from tests.support.product import Product, asking, running


@pytest.fixture(scope="package")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="package")
def ollama(stack: ExitStack) -> ThreadedFake[FakeOllama]:
    return stack.enter_context(serve_in_thread(FakeOllama()))


@pytest.fixture(scope="package")
def gemini(stack: ExitStack) -> ThreadedFake[FakeGemini]:
    return stack.enter_context(serve_in_thread(FakeGemini()))


@pytest.fixture(scope="package")
def product(
    stack: ExitStack,
    tmp_path_factory: pytest.TempPathFactory,
    ollama: ThreadedFake[FakeOllama],
    gemini: ThreadedFake[FakeGemini],
) -> Product:
    settings = {
        "LLM_PROVIDER_PRIORITY": "ollama,gemini",
        "RATE_LIMIT_PER_MINUTE": "1000",
        **asking(ollama, gemini),
    }
    return stack.enter_context(running(laid_out(tmp_path_factory.mktemp("clients")), **settings))


@pytest.fixture(scope="package")
def base_url(product: Product) -> str:
    """What a client is pointed at."""
    return f"{product.url}/v1"
