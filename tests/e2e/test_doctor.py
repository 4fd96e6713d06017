"""``novacore doctor`` against the real services, where nothing runs; beside a running product see test_product."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.fakes import FakeAnthropic, FakeGemini, FakeOllama, FakeOpenAI, serve_in_thread
from tests.support.services import ROOT

KEY = "kq" + "7fJx" * 10


def test_where_much_is_wrong_all_of_it_is_told_at_once_and_nobody_is_asked_for_an_answer(tmp_path: Path) -> None:
    with (
        serve_in_thread(FakeOllama(models=["qwen3:8b"], loaded=[])) as ollama,
        serve_in_thread(FakeGemini(key="another")) as gemini,
        serve_in_thread(FakeOpenAI(models=["other"])) as openai,
        serve_in_thread(FakeAnthropic(ends={"claude-sonnet-5-5": ("retired", None)})) as anthropic,
    ):
        fakes = (ollama, gemini, openai, anthropic)
        (tmp_path / "settings.env").write_text(f"GEMINI_API_KEY={KEY}\nGEMINI_APIKEY={KEY}\n")
        environ = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'libs' / 'novakit' / 'src'}",
            "NOVACORE_ENV_FILE": str(tmp_path / "settings.env"),
            "NOVACORE_DATA_DIR": str(tmp_path / "data"),
            "NOVACORE_PORT": str(ollama.fake.url.rpartition(":")[2]),
            "LLM_PROVIDER_PRIORITY": "ollama,gemini,openai,anthropic",
            "LLM_STALL_TIMEOUTS": "gemni:5",
            "OLLAMA_URL": ollama.url,
            "OLLAMA_MODEL": "llama3.2",
            "GEMINI_API_URL": gemini.url,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": openai.url,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_MODEL": "claude-sonnet-5-5",
            "ANTHROPIC_BASE_URL": anthropic.url,
        }
        done = subprocess.run(
            [sys.executable, "-m", "novacore", "doctor", "--json"],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        requests = [request for fake in fakes for request in fake.fake.requests]
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert [
        (one["level"], one["subject"], one["check"]) for one in found if one["level"] in {"warning", "fault"}
    ] == [
        ("fault", "port", "port"),
        ("warning", "intelligence", "settings"),
        ("fault", "ollama", "model"),
        ("fault", "gemini", "access"),
        ("warning", "openai", "model"),
        ("fault", "anthropic", "model"),
        ("warning", "settings", "spelling"),
    ]
    assert all(one["advice"] for one in found if one["level"] in {"warning", "fault"})
    assert {request.method for request in requests} == {"GET"}
    assert KEY[:8] not in done.stdout + done.stderr
    assert not (tmp_path / "data").exists()
