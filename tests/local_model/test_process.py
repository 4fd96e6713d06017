"""The real service in its own process: its limits, and how it ends."""

import http.client
import json
import os
import platform
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from novakit.settings import SettingsError

from services.local_model.app import main
from services.local_model.app.config import Settings
from services.local_model.app.process import process

from .fake_engine import FakeEngine
from .service_process import ROOT, ServiceProcess, service_process
from .serving import MODEL

pytestmark = pytest.mark.model

STORY = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Write a very long story about a dragon."}],
    "options": {"temperature": 1.0},
}


@pytest.fixture
def service() -> Iterator[ServiceProcess]:
    with service_process() as service:
        yield service


def test_a_process_that_is_killed_leaves_a_stream_without_its_end(service: ServiceProcess) -> None:
    with service.send("POST", "/api/chat", STORY) as answer:
        assert answer.status == 200
        lines = [answer.readline()]
        service.process.kill()
        try:
            lines += answer.read().splitlines()
        except (http.client.IncompleteRead, ConnectionResetError) as error:
            lines += getattr(error, "partial", b"").splitlines()

    assert service.process.wait(10) == -signal.SIGKILL
    assert b'"done":true' not in b"".join(lines)
    assert json.loads(lines[0])["done"] is False


def test_sigterm_ends_a_running_stream_with_an_error_and_the_process_at_once(service: ServiceProcess) -> None:
    with service.send("POST", "/api/chat", STORY) as answer:
        assert json.loads(answer.readline())["done"] is False
        for _ in range(3):
            service.process.send_signal(signal.SIGTERM)
        *_, last = answer.read().splitlines()

    assert json.loads(last) == {"error": "the server is shutting down"}
    # uvicorn raises the signal again once all is closed.
    assert service.process.wait(10) in {0, -signal.SIGTERM}


def test_sigterm_ends_an_idle_process(service: ServiceProcess) -> None:
    assert service.ask("GET", "/healthz")[0] == 200
    service.process.send_signal(signal.SIGTERM)

    assert service.process.wait(10) in {0, -signal.SIGTERM}


def test_a_client_that_leaves_while_the_real_model_reads_frees_the_slot_long_before_the_prompt_is_read() -> None:
    with service_process(LOCAL_MODEL_SLOTS="1", LOCAL_MODEL_QUEUE="0") as service:
        body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "word " * 3500}]})
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(f"POST /api/chat HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
            service.until_metric("local_model_loaded", 1)
        service.until_metric('local_model_requests_total{outcome="cancelled",route="chat"}', 1)

        assert service.metric("local_model_slots_busy") == 0
        assert service.metric("local_model_time_to_first_token_seconds_count") == 0
        assert service.ask("POST", "/api/chat", {**STORY, "options": {"num_predict": 1}, "stream": False})[0] == 200


def test_a_cap_that_is_too_small_fails_the_load_and_not_the_process() -> None:
    with service_process(LOCAL_MODEL_MEMORY_MB="150") as service:
        for _ in range(2):
            status, error = service.ask("POST", "/api/chat", STORY)

            assert status == 500
            assert "LOCAL_MODEL_MEMORY_MB" in error["error"]
        assert service.ask("GET", "/healthz") == (200, {"status": "ok"})
        assert service.ask("GET", "/api/ps") == (200, {"models": []})
        assert service.process.poll() is None


def test_the_process_caps_its_memory_and_steps_back_behind_the_others(service: ServiceProcess) -> None:
    assert service.ask("GET", "/healthz")[0] == 200
    row = next(row for row in service.proc("limits").splitlines() if row.startswith("Max data size"))

    assert row.split()[3] == str(768 * 1024 * 1024)
    assert os.getpriority(os.PRIO_PROCESS, service.process.pid) >= process.NICENESS
    assert int(service.proc("oom_score_adj")) == process.OOM_SCORE


def test_the_engine_s_threads_wait_without_spinning() -> None:
    environ: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda _step: 0)
        patch.setattr(Path, "write_text", lambda *_args, **_more: 0)
        process.limit(environ, 0)

    assert environ == {"OMP_WAIT_POLICY": "passive"}


def test_an_app_with_given_settings_leaves_its_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "limit", _never)
    monkeypatch.setattr(main, "_require_features", _never)

    main.create_app(Settings(), engine=FakeEngine())


def _never(*_args: object) -> None:
    raise AssertionError("this process is not the service's own")


def test_a_cpu_that_cannot_run_the_engine_stops_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(process, "read_text", lambda _path: "flags\t: avx f16c fma bmi2\n")
    monkeypatch.setattr(process, "limit", _never)

    with pytest.raises(SettingsError, match=r"lacks avx2: set OLLAMA_URL"):
        main.create_app(None)


def test_another_kind_of_machine_is_not_asked_for_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(process, "read_text", lambda _path: "flags\t: none\n")
    monkeypatch.setattr(process, "limit", lambda *_args: None)
    monkeypatch.setattr(main, "XllamaEngine", lambda _shape: FakeEngine())

    assert main.create_app(None)


@pytest.mark.parametrize(("block", "exit_code"), [("threading.Event().wait(60)", 1), ("pass", 0)])
def test_a_process_ends_where_a_guarded_block_freezes(block: str, exit_code: int) -> None:
    code = (
        "import threading\n"
        "from services.local_model.app.process import process\n"
        "process.FROZEN_SECONDS = 0.01\n"
        f"with process.end_if_frozen(): {block}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)

    assert done.returncode == exit_code
