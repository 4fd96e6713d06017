"""The whole product, for clients that others have written."""

from collections.abc import Iterator

import pytest

from tests.support.product import Product, running


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]) -> Iterator[Product]:
    settings = {**providers, "LLM_PROVIDER_PRIORITY": "ollama,gemini", "RATE_LIMIT_PER_MINUTE": "1000"}
    with running(tmp_path_factory.mktemp("clients"), **settings) as started:
        yield started


@pytest.fixture(scope="module")
def base_url(product: Product) -> str:
    """What a client is pointed at."""
    return f"{product.url}/v1"
