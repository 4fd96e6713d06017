"""What docs/CLIENTS.md shows works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fakes import FakeOllama, ThreadedFake
from tests.support.product import Product
from tests.support.services import ROOT

NODE = Path(__file__).parent / "node"
DOCUMENT = (ROOT / "docs" / "CLIENTS.md").read_text()
BLOCKS = re.findall(r"^```(sh|python|js)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
COMMANDS = {"sh": ["sh", "-c"], "python": [sys.executable, "-c"], "js": ["node", "--input-type=module", "-e"]}


def test_there_is_something_to_run() -> None:
    assert sorted(language for language, _ in BLOCKS) == ["js", "python", "python", "sh"]


@pytest.mark.parametrize(("language", "code"), BLOCKS)
def test_a_block_runs(product: Product, ollama: ThreadedFake[FakeOllama], language: str, code: str) -> None:
    if language == "js" and not (NODE / "node_modules" / "openai").is_dir():
        pytest.skip("the client for Node is not installed; make test installs it")
    asked = len(ollama.chats)
    done = subprocess.run(
        [*COMMANDS[language], code],
        cwd=NODE,
        env={"PATH": os.environ["PATH"], "BASE_URL": f"{product.url}/v1", "API_KEY": product.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "The quick brown fox" in done.stdout
    assert len(ollama.chats) > asked
