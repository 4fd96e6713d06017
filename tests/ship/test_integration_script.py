"""scripts/test_ngs_integration.sh against the whole product, with fakes in the place of the providers."""

import http.server
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import FakeGemini, FakeOllama, ThreadedFake, answer
from tests.support.laid_out import laid_out
from tests.support.product import Product, running
from tests.support.services import ROOT

NAME, PASSWORD = "captain", 'a "long" enough \\password'
TOKEN = "m" * 32
AREAS = {
    f"{name}:"
    for name in ("health", "page", "sign-in", "chat", "history", "route", "v1", "stream", "fallback", "metrics")
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, providers: dict[str, str]) -> Iterator[Product]:
    settings = {"LLM_PROVIDER_PRIORITY": "ollama,gemini", "METRICS_TOKEN": TOKEN, **providers}
    with running(laid_out(tmp_path_factory.mktemp("product")), **settings) as product:
        yield product


@pytest.fixture(scope="module")
def switch(ollama: ThreadedFake[FakeOllama]) -> Iterator[str]:
    """An address that stops and starts the local model, for commands of the script: GET /stop, GET /start."""

    class Switch(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (ollama.refuse if self.path == "/stop" else ollama.accept)()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Switch) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def script(product: Product, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", str(ROOT / "scripts" / "test_ngs_integration.sh")],
        env={"PATH": os.environ["PATH"], "BASE_URL": product.url, "NOVACORE_API_KEY": product.key, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def lines(done: "subprocess.CompletedProcess[str]", kind: str) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith(kind)]


def test_every_check_passes_and_nothing_that_was_asked_stays(
    product: Product, gemini: ThreadedFake[FakeGemini], switch: str, tmp_path: Path
) -> None:
    arguments = tmp_path / "arguments"
    watched = tmp_path / "curl"
    watched.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{arguments}\nexec {shutil.which("curl")} "$@"\n')
    watched.chmod(0o755)
    product.call("POST", "/api/auth/password", {"name": NAME, "new_password": PASSWORD})
    gemini.add(answer("From the cloud."))
    done = script(
        product,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        NOVACORE_NAME=NAME,
        NOVACORE_PASSWORD=PASSWORD,
        METRICS_TOKEN=TOKEN,
        STOP_LOCAL_MODEL=f"curl -fsS {switch}/stop",
        START_LOCAL_MODEL=f"curl -fsS {switch}/start",
        EXPECT_FALLBACK="gemini",
    )

    assert (done.returncode, lines(done, "FAIL"), lines(done, "skip")) == (0, [], []), done.stdout
    assert {line.split()[1] for line in lines(done, "ok")} == AREAS
    assert "ok    fallback: gemini answered" in done.stdout
    assert product.call("GET", "/api/chat/sessions")[1]["total"] == 0
    shown = arguments.read_text()
    assert "/api/auth/login" in shown
    assert not any(secret in shown for secret in (PASSWORD, "enough", product.key, TOKEN))


def test_what_it_was_not_told_is_skipped_visibly(product: Product) -> None:
    done = script(product)

    assert (done.returncode, lines(done, "FAIL")) == (0, [])
    assert [line.split()[1] for line in lines(done, "skip")] == ["sign-in:", "fallback:"]


def test_a_check_that_fails_is_named_and_ends_it_with_an_error(product: Product) -> None:
    done = script(product, STOP_LOCAL_MODEL="true", START_LOCAL_MODEL="true", EXPECT_FALLBACK="gemini")

    assert done.returncode == 1
    assert any("gemini answered: it was ollama" in line for line in lines(done, "FAIL"))


def test_where_nothing_listens_every_check_fails(product: Product, tmp_path: Path) -> None:
    done = script(product, BASE_URL="http://127.0.0.1:9", TIMEOUT="2")

    assert done.returncode == 1
    assert lines(done, "ok") == []


def test_without_a_key_it_says_what_to_set(product: Product) -> None:
    done = script(product, NOVACORE_API_KEY="")

    assert done.returncode == 2
    assert "NOVACORE_API_KEY is not set" in done.stderr
