"""Model names."""

import pytest

from services.local_model.app.api.names import same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("smollm2:135m", "smollm2:135m"),
        ("SmolLM2:135M", "smollm2:135m"),
        ("library/smollm2:135m", "smollm2:135m"),
        ("registry.ollama.ai/library/smollm2:135m", "smollm2:135m"),
        ("tiny", "tiny:latest"),
    ],
)
def test_these_names_mean_one_model(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("smollm2", "smollm2:135m"),
        ("smollm2:latest", "smollm2:135m"),
        ("smollm2:360m", "smollm2:135m"),
        ("someone/smollm2:135m", "smollm2:135m"),
        ("host:5000/smollm2", "smollm2:135m"),
        ("", "smollm2:135m"),
    ],
)
def test_these_names_mean_two(one: str, other: str) -> None:
    assert not same(one, other)
