"""``doctor`` as it is called: what each service says of itself, merged, counted and turned into an exit code."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from novakit.findings import Finding

from novacore import doctor
from novacore.lifeline import Lifeline
from novacore.ollama import Choice, Kind
from novacore.topology import service

from .worlds import World, end, wait_until

SECRET = "s" * 40


def look(world: World, *args: str, faults: str = "", **environ: str) -> "subprocess.CompletedProcess[str]":
    return world.run("doctor", *args, FAKE_FAULTS=faults, **environ)


def findings(world: World, **more: Any) -> list[dict[str, str]]:
    done = look(world, "--json", **more)
    assert done.stderr == ""
    found: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return found


def test_where_all_is_well_each_service_has_spoken_and_nothing_was_made(world: World) -> None:
    before = set(world.folder.iterdir())
    done = look(world)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\033" not in done.stdout
    subjects = [line[10:22].strip() for line in done.stdout.splitlines()]
    assert [
        name for name in dict.fromkeys(subjects) if name in {"memory", "local_model", "gateway", "intelligence"}
    ] == [
        "memory",
        "local_model",
        "gateway",
        "intelligence",
    ]
    assert set(world.folder.iterdir()) == before


def test_warnings_alone_are_told_and_end_well(world: World) -> None:
    done = look(world, faults="memory:warning,gateway:warning")
    assert done.returncode == 0
    assert "warning   memory        is odd.\n                        → Look at it.\n" in done.stdout
    assert done.stdout.endswith("\nNo faults, 2 warnings.\n")


def test_a_fault_is_told_with_what_to_do_and_is_the_exit_code(world: World) -> None:
    done = look(world, faults="gateway:fault")
    assert done.returncode == 1
    assert "fault     gateway       is broken.\n                        → Mend it.\n" in done.stdout
    assert done.stdout.endswith("\n1 fault, no warnings.\n")


def test_the_json_document_is_all_that_is_written(world: World) -> None:
    done = look(world, "--json", faults="gateway:fault,memory:warning")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert (document["faults"], document["warnings"]) == (1, 1)
    assert {"level", "subject", "check", "text", "advice"} == set(document["findings"][0])


def test_each_service_sees_the_secrets_that_it_needs_and_no_others(world: World) -> None:
    (world.folder / ".env").write_text(f"GEMINI_API_KEY={SECRET}\nNOVACORE_API_KEY={SECRET}\n")
    said = {one["subject"]: one["text"] for one in findings(world) if one["check"] == "settings"}
    assert said["intelligence"] == "sees GEMINI_API_KEY"
    assert said["gateway"] == "sees NOVACORE_BOOTSTRAP_API_KEY"
    assert said["memory"] == "sees "


def test_a_service_that_breaks_while_it_looks_is_a_fault_and_its_words_are_not_repeated(world: World) -> None:
    done = look(world, faults="memory:crash", SERVICE_JWT_SECRET=SECRET)
    assert done.returncode == 1
    assert "fault     memory        could not be looked at: crashed error=RuntimeError" in done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert "ok        gateway" in done.stdout


async def test_what_several_services_find_wrong_with_one_setting_is_told_once() -> None:
    async def found() -> AsyncIterator[Finding]:
        for subject in ("memory", "gateway"):
            yield Finding("ok", subject, "settings", "its settings can be used.")
            yield Finding("fault", subject, "settings", "A: wrong.", "Correct it.")

    told = [(one.level, one.subject) async for one in doctor.once(found())]
    assert told == [("ok", "memory"), ("fault", "memory"), ("ok", "gateway")]


def test_a_bad_setting_of_the_launcher_does_not_keep_the_services_from_looking(world: World) -> None:
    found = findings(world, NOVACORE_PORT="80808")
    (fault,) = [one for one in found if one["level"] == "fault"]
    assert fault["text"].startswith("NOVACORE_PORT: '80808' cannot be used")
    assert {"memory", "gateway", "intelligence"} <= {one["subject"] for one in found}


async def test_a_service_that_comes_to_no_end_is_a_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MOST_SECONDS", 0.05)
    monkeypatch.chdir(world.folder)
    row = service("memory")
    assert row is not None
    with closing(Lifeline()) as lifeline:
        look = doctor.Look(row, {**world.environ, "FAKE_FAULTS": "memory:hang"}, lifeline)
        await look.take()
    assert [one.text for one in look.found if one.level == "fault"] == [
        "could not be looked at: it did not come to an end within 0.05 s."
    ]


def test_ctrl_c_ends_it(world: World) -> None:
    process = world.start("doctor", FAKE_FAULTS="memory:hang,gateway:hang")
    wait_until("the launcher has looked", lambda: "port" in world.out())
    assert end(process, signal.SIGINT) == 130
    assert "Traceback" not in world.out()


def test_who_has_read_enough_may_leave(world: World) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as nobody_reads:
        done = subprocess.run(
            [sys.executable, "-m", "novacore", "doctor"],
            cwd=world.folder,
            env=world.environ,
            stdout=nobody_reads,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


async def test_an_env_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    found = [one async for one in doctor.examine({"NOVACORE_ENV_FILE": "/no/such/file"}, tmp_path)]
    assert [one.text for one in found if one.level == "fault"] == [
        "NOVACORE_ENV_FILE names '/no/such/file', which is not a file."
    ]


def test_a_misspelt_setting_in_the_env_file_is_a_warning(world: World) -> None:
    (world.folder / ".env").write_text("FAKE_SETING=z\nSOMETHING_ELSE=1\n")
    warnings = [one["text"] for one in findings(world) if one["level"] == "warning"]
    assert warnings == ["nothing reads FAKE_SETING, which stands in .env; is FAKE_SETTING meant?"]


def test_it_works_beside_a_running_novacore_and_says_so(world: World) -> None:
    process = world.start("up")
    world.ready(process)
    done = look(world)
    assert done.returncode == 0
    assert f"NovaCore runs, listens on port {world.port}, and is ready." in done.stdout
    assert process.poll() is None
    assert end(process) == 0


def test_the_built_in_model_is_looked_at_where_it_is_the_one_to_answer(world: World) -> None:
    found = findings(world, OLLAMA_URL="http://127.0.0.1:9")
    assert [one["check"] for one in found if one["subject"] == "local_model"] == ["settings"]
    asked = [one["text"] for one in found if one["subject"] == "intelligence" and one["check"] == "model"]
    assert asked == ["asks http://127.0.0.1:9"]


@pytest.mark.parametrize(
    ("choice", "url"),
    [
        (Choice(Kind.FOUND, "http://127.0.0.1:11434"), "http://127.0.0.1:11434"),
        (Choice(Kind.BUILT_IN), "auto"),
        (Choice(Kind.NOT_INSTALLED, "http://127.0.0.1:11434"), "auto"),
    ],
)
def test_an_ollama_that_was_found_is_asked_and_none_other_is_guessed(choice: Choice, url: str) -> None:
    assert doctor.for_services({"OLLAMA_URL": "auto"}, choice)["OLLAMA_URL"] == url


def test_one_service_can_be_asked_alone(world: World) -> None:
    done = world.run("examine", "memory", FAKE_FAULTS="memory:warning")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert json.loads(lines[0]) == {"variables": ["FAKE_SETTING"]}
    assert json.loads(lines[-1])["level"] == "warning"
    assert world.run("examine", "nonsense").returncode == 2
