"""Every command that a document shows is run, or says in its first line what it needs that tests do not have."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gateway.app.config import Settings as Gateway
from services.intelligence.app.config import Row
from services.intelligence.app.config import Settings as Intelligence
from services.local_model.app.config import Settings as LocalModel
from services.memory.app.config import Settings as Memory
from tests.support.fakes import FakeGemini, FakeOllama, serve_in_thread
from tests.support.laid_out import laid_out
from tests.support.product import Product, running
from tests.support.services import ROOT

from .markdown import Block, documents

RUN_ELSEWHERE = {
    "docs/CLIENTS.md": "tests/clients/test_documents.py",
    "docs/adding-a-provider.md": "tests/intelligence/test_adding_a_provider.py",
}
"""Documents with tests of their own, which run all that stands there."""

NEEDS = re.compile(r"# Needs [^:\n]+: not run by the tests\.\n")
COMMANDS = {
    "sh": ["sh", "-e", "-c"],
    "python": [sys.executable, "-c"],
    "js": [shutil.which("node") or "node", "--input-type=module", "-e"],
}
BLOCKS = [block for document in documents() if document.name not in RUN_ELSEWHERE for block in document.blocks()]
TO_RUN = [block for block in BLOCKS if block.language in COMMANDS and not NEEDS.match(block.body)]
SETTINGS = [block for block in BLOCKS if block.language == "dotenv"]
OTHERS = {"", "text", "json", "sql", "ini", "dotenv", "yaml", "hcl"}
"""What is shown and not run: answers, files, and settings, which are loaded."""


def test_every_block_is_of_a_kind_that_somebody_looks_at() -> None:
    unknown = {str(block): block.language for block in BLOCKS if block.language not in COMMANDS.keys() | OTHERS}
    assert not unknown, "commands are sh, python or js; settings are dotenv"


def test_a_block_that_looks_like_commands_is_told_to_be_commands() -> None:
    command = re.compile(r"^(\$ )?(make|curl|docker|python|\.venv/bin/\S+|npm|git|terraform) ", re.MULTILINE)
    silent = [str(block) for block in BLOCKS if block.language in {"", "text"} and command.search(block.body)]
    assert not silent


@pytest.mark.parametrize(("document", "test"), RUN_ELSEWHERE.items())
def test_a_document_that_is_run_elsewhere_is_read_there(document: str, test: str) -> None:
    assert Path(document).name in (ROOT / test).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with serve_in_thread(FakeOllama()) as ollama, serve_in_thread(FakeGemini()) as gemini:
        settings = {
            "LLM_PROVIDER_PRIORITY": "ollama,gemini",
            "OLLAMA_URL": ollama.url,
            "GEMINI_API_KEY": "g" * 40,
            "GEMINI_API_URL": gemini.url,
            "GEMINI_MODEL": gemini.fake.models[0],
        }
        with running(laid_out(tmp_path_factory.mktemp("product")), **settings) as started:
            yield started


@pytest.fixture(scope="module")
def checkout(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the running product's data, in which `make` says what it would do, and does nothing."""
    folder = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if path.name not in {".git", ".env", "data", ".venv"}:
            (folder / path.name).symlink_to(path)
    (folder / "data").symlink_to(product.data)
    (folder / ".venv").symlink_to(sys.prefix)
    # What make would do is not done, and an answer that is an error is one for curl too.
    for name, option in (("make", "--dry-run"), ("curl", "--fail")):
        tool = folder / "tools" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f'#!/bin/sh\nexec {shutil.which(name)} {option} "$@"\n')
        tool.chmod(0o755)
    return folder


@pytest.mark.parametrize("block", TO_RUN, ids=str)
def test_a_block_runs(block: Block, product: Product, checkout: Path) -> None:
    done = subprocess.run(
        [*COMMANDS[block.language], block.body.replace("http://127.0.0.1:8080", product.url)],
        cwd=checkout,
        env={
            **product.environ,
            "PATH": f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}",
            "BASE_URL": product.url,
            "NOVACORE_API_KEY": product.key,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_settings_that_are_shown_can_be_used(block: Block) -> None:
    lines = [line for line in block.body.splitlines() if line and not line.startswith("#")]
    given = dict(line.split("=", 1) for line in lines)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in given)
    plain = {name: value for name, value in given.items() if not name.endswith("_FILE")}
    secrets = {"SERVICE_JWT_SECRET": "s" * 32, "JWT_SECRET": "j" * 32}
    rows = [name.upper() for name in plain.get("LLM_PROVIDER_PRIORITY", "").split(",") if name]
    known = {f"{row}{variable.name.removeprefix('X')}" for row in rows for variable in Row.variables()}
    known |= {"NOVACORE_ENV_FILE", "NOVACORE_URL", "NOVACORE_API_KEY", "SHUTDOWN_GRACE_SEC"}
    for settings in (Gateway, Intelligence, Memory, LocalModel):
        settings.load({**secrets, **plain})
        known |= {variable.name for variable in settings.variables()}
    assert {name.removesuffix("_FILE") for name in given} <= known
