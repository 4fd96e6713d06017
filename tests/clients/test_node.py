"""The official ``openai`` client for Node works unchanged."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeOllama, ThreadedFake, answer
from tests.support.product import Product

HERE = Path(__file__).parent / "node"


pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / "openai").is_dir(),
    reason="the client for Node is not installed; make test installs it",
)


def node(product: Product, what: str) -> Any:
    done = subprocess.run(
        ["node", "ask.js", what],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "BASE_URL": f"{product.url}/v1", "API_KEY": product.key},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_models(product: Product) -> None:
    assert "auto" in node(product, "models")["models"]


def test_a_plain_answer(product: Product, ollama: ThreadedFake[FakeOllama]) -> None:
    ollama.add(answer("From Node."))
    assert node(product, "plain") == {"text": "From Node.", "model": "llama3.2:latest", "total": 18}


def test_a_stream(product: Product, ollama: ThreadedFake[FakeOllama]) -> None:
    ollama.add(answer("One two three."))
    assert node(product, "stream") == {"text": "One two three.", "finish": "stop", "total": 19}


def test_an_error(product: Product) -> None:
    assert node(product, "unsupported") == {"kind": "BadRequestError", "param": "n"}
