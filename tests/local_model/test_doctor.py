"""The built-in model's look at its own set-up: the file is read, the model is not loaded."""

import platform
import sys
from pathlib import Path

import pytest
from novakit.clock import FakeClock
from novakit.findings import Finding
from novakit.settings import SettingsError

from services.local_model.app import doctor
from services.local_model.app.engine import library, model_file
from services.local_model.app.process import process


async def look(**environ: str) -> list[Finding]:
    return [finding async for finding in doctor.examine(environ, FakeClock())]


@pytest.mark.model
async def test_the_installed_model_is_told_with_its_size_and_the_engine_stays_away() -> None:
    loaded = "xllamacpp" in sys.modules
    found = await look()
    assert [(one.level, one.check) for one in found] == [("ok", "settings"), ("ok", "model")]
    assert "smollm2:135m is installed (134.52M parameters" in found[1].text
    assert ("xllamacpp" in sys.modules) == loaded


async def test_a_file_that_is_no_model_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"text" * 100)
    found = await look(LOCAL_MODEL_PATH=str(path))
    assert found[-1].level == "fault"
    assert (
        found[-1].text == f"the model's file {path} cannot be used: the model file is no GGUF file of version 2 or 3."
    )


async def test_a_model_that_is_not_installed_is_a_fault_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise SettingsError("The embedded model is not installed: run make setup.")

    monkeypatch.setattr(model_file, "bundled", missing)
    found = await look()
    assert (found[-1].level, found[-1].advice) == ("fault", "The embedded model is not installed: run make setup.")


async def test_a_cpu_that_cannot_run_it_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(process, "read_text", lambda _path: "flags\t\t: fpu sse2\n")
    (fault,) = [one for one in await look() if one.level == "fault" and one.check == "machine"]
    assert "lacks avx" in fault.text


async def test_a_machine_without_the_engine_s_library_is_a_fault_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(library, "ENGINE_LIBRARY", "libnobodyhasthis.so.1")
    (fault,) = [one for one in await look() if one.level == "fault"]
    assert (fault.check, "apt-get install libgomp1" in fault.text) == ("machine", True)


async def test_a_setting_that_cannot_be_used_is_told() -> None:
    (fault,) = await look(LOCAL_MODEL_SLOTS="many")
    assert fault.text.startswith("LOCAL_MODEL_SLOTS: 'many' cannot be used")
