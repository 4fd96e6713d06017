import json
import signal
import socket
import subprocess
import urllib.request

import pytest
from novakit.settings import SettingsError

from novacore import fetch
from novacore.lifeline import VARIABLE
from novacore.process import detail_of, service_environment
from novacore.topology import Service, service

from .worlds import World, end, wait_until


def intelligence() -> Service:
    row = service("intelligence")
    assert row is not None
    return row


def serving(world: World, **environ: str) -> tuple[subprocess.Popen[str], str]:
    """The memory service in the foreground, ready, and its address."""
    process = world.start("serve", "memory", **{"MEMORY_PORT": str(world.port), **environ})
    url = f"http://127.0.0.1:{world.port}"
    wait_until("the service answers", lambda: fetch.get(f"{url}/readyz", timeout=1) is not None)
    return process, url


def test_a_service_runs_in_the_foreground_and_ends_well_when_told_to(world: World) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        (world.folder / "journal").unlink(missing_ok=True)
        process, _ = serving(world)
        assert end(process, number) == 0
        assert world.journal() == ["memory startup", "memory shutdown"]


def test_the_collector_does_not_look_through_what_was_there_at_the_start(world: World) -> None:
    _, url = serving(world)
    with urllib.request.urlopen(f"{url}/garbage") as response:
        assert json.loads(response.read())["frozen"] > 10_000


def test_garbage_is_collected_little_by_little_and_not_when_much_is_alive(world: World) -> None:
    _, url = serving(world)

    def garbage(path: str) -> dict[str, object]:
        with urllib.request.urlopen(url + path) as response:
            found: dict[str, object] = json.loads(response.read())
            return found

    garbage("/litter")
    wait_until("it is collected", lambda: not garbage("/garbage")["left"])
    assert not garbage("/garbage")["automatic"]


def test_what_is_told_of_a_request_is_told_later_and_before_the_end(world: World) -> None:
    process, url = serving(world)

    def told() -> int:
        return (world.folder / "out").read_text(encoding="utf-8").count('"told"')

    urllib.request.urlopen(f"{url}/told").close()
    wait_until("it is told", lambda: told() == 1)
    urllib.request.urlopen(f"{url}/told").close()
    assert end(process, signal.SIGTERM) == 0
    assert told() == 2


def test_a_running_answer_is_finished_however_often_the_signal_comes(world: World) -> None:
    process, url = serving(world)
    with urllib.request.urlopen(f"{url}/slow") as response:
        assert response.read(6) == b"first "
        for _ in range(3):
            process.send_signal(signal.SIGTERM)
        wait_until("nobody listens any more", lambda: fetch.get(f"{url}/readyz", timeout=1) is None)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        (world.folder / "go").touch()
        assert response.read() == b"last"
    assert process.wait() == 0


def test_an_answer_that_outlasts_the_grace_is_cut(world: World) -> None:
    process, url = serving(world, SHUTDOWN_GRACE_SEC="0")
    with urllib.request.urlopen(f"{url}/slow") as response:
        assert response.read(6) == b"first "
        process.send_signal(signal.SIGTERM)
        wait_until("the service shuts down", lambda: "memory shutdown" in world.journal())
    (world.folder / "go").touch()
    assert process.wait() == 0


def test_a_setting_that_cannot_be_used_is_one_sentence_and_exit_code_2(world: World) -> None:
    done = world.run("serve", "memory", FAKE_FAULTS="memory:settings")
    assert (done.returncode, done.stderr) == (2, "FAKE_SETTING: 'x' cannot be used: it must be y.\n")
    done = world.run("serve", "memory", MEMORY_PORT="x")
    assert done.returncode == 2
    assert done.stderr == "MEMORY_PORT: 'x' cannot be used: it must be a number from 1 to 65535.\n"


def test_a_service_that_breaks_while_starting_says_it_in_one_log_line(world: World) -> None:
    done = world.run("serve", "memory", FAKE_FAULTS="memory:crash")
    assert (done.returncode, done.stderr) == (1, "")
    entry = json.loads(done.stdout)
    assert (entry["event"], entry["level"], entry["service"]) == ("crashed", "error", "memory")
    assert entry["error"] == "RuntimeError"
    assert "create_app" in entry["at"]


def test_what_the_app_cannot_use_at_its_start_is_one_sentence_and_exit_code_2(world: World) -> None:
    done = world.run("serve", "memory", FAKE_FAULTS="memory:database")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "FAKE_DATABASE: it does not answer.")


def test_an_app_that_breaks_at_its_start_is_told_by_its_place_and_without_its_words(world: World) -> None:
    done = world.run("serve", "memory", FAKE_FAULTS="memory:secret")
    assert done.returncode == 1
    assert "secret" not in done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["error"] == "RuntimeError"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ModuleNotFoundError("No module named 'greenlet'"), "No module named 'greenlet'"),
        (PermissionError(13, "Permission denied", "secret/path"), "Permission denied"),
        (ValueError("the value was secret"), ""),
    ],
)
def test_a_crash_at_start_tells_what_is_missing_and_no_value(error: Exception, detail: str) -> None:
    assert detail_of(error) == detail


def test_a_taken_port_is_one_sentence(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = world.run("serve", "memory", MEMORY_PORT=str(port))
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is taken: stop what uses it or set MEMORY_PORT.\n"
    assert world.journal() == []


def test_an_unknown_service_is_said_with_the_known_ones(world: World) -> None:
    done = world.run("serve", "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr
    assert "intelligence" in done.stderr


def test_a_service_of_its_own_reads_the_env_file_and_sees_only_what_is_meant_for_it(world: World) -> None:
    (world.folder / ".env").write_text(f"MEMORY_PORT={world.port}\nGEMINI_API_KEY=secret\nLOG_LEVEL=debug\n")
    process, _ = serving(world, MEMORY_PORT="", SERVICE_JWT_SECRET="shared")
    assert end(process) == 0
    seen = world.seen("memory")
    assert seen["LOG_LEVEL"] == "debug"
    assert seen["SERVICE_JWT_SECRET"] == "shared"
    assert "GEMINI_API_KEY" not in seen


def test_a_child_of_up_reads_no_env_file(world: World) -> None:
    (world.folder / ".env").write_text("GEMINI_API_KEY=secret\n")
    assert service_environment(intelligence(), {VARIABLE: "9", "A": "b"}, world.folder) == {"A": "b"}
    assert "GEMINI_API_KEY" in service_environment(intelligence(), {}, world.folder)


def test_a_named_env_file_that_is_missing_is_said(world: World) -> None:
    with pytest.raises(SettingsError, match="NOVACORE_ENV_FILE"):
        service_environment(intelligence(), {"NOVACORE_ENV_FILE": "/no/such/file"}, world.folder)


def test_the_service_decides_itself_which_proxy_to_believe_and_does_not_name_its_server(world: World) -> None:
    process, url = serving(world)
    request = urllib.request.Request(url, headers={"X-Forwarded-For": "203.0.113.9"})
    with urllib.request.urlopen(request) as response:
        assert b"127.0.0.1" in response.read()
        assert response.headers["server"] is None
        assert response.headers["date"] is not None
    assert end(process) == 0
