"""``up`` as a process of its own, with fake services, and its decisions as values."""

import hashlib
import os
import re
import signal
import socket
from pathlib import Path

import pytest

from novacore import up
from novacore.ollama import Kind
from novacore.settings import LauncherSettings

from .worlds import World, end, wait_until


def test_everything_starts_in_order_says_where_it_is_and_stops_with_its_stores_last(world: World) -> None:
    process = world.start("up", GEMINI_API_KEY="secret")
    world.ready(process)
    written = world.out()
    assert re.search(r"\n  memory +ready after \d", written)
    assert "NovaCore is ready after " in written
    assert "  local  ollama · tiny\n" in written
    assert "  cloud  openai: no key (set OPENAI_API_KEY)\n" in written
    assert "memory       | {" in written
    assert end(process) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert world.out().endswith("NovaCore has stopped.\n")
    started, stopped = world.journal()[:3], world.journal()[3:]
    assert started == ["memory startup", "intelligence startup", "gateway startup"]
    # Intelligence ends its answers while the gateway still passes them on.
    assert sorted(stopped[:2]) == ["gateway shutdown", "intelligence shutdown"]
    assert stopped[2:] == ["memory shutdown"]


def test_the_sign_in_link_stands_in_the_output_alone_and_the_gateway_gets_its_hash(world: World) -> None:
    process = world.start("up")
    world.ready(process)
    link = re.search(rf"http://127\.0\.0\.1:{world.port}/#signin=([\w-]{{43}})\n", world.out())
    assert link is not None
    token = link[1]
    assert world.seen("gateway")["NOVACORE_SIGNIN_TOKEN_HASH"] == hashlib.sha256(token.encode()).hexdigest()
    assert end(process) == 0
    files = [path for path in world.folder.rglob("*") if path.is_file()]
    written = [path for path in files if token.encode() in path.read_bytes()]
    assert written == [world.folder / "out"]


def test_it_outlives_its_terminal_where_it_was_told_to(world: World) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        # As nohup leaves it: what is ignored stays so in the process that is started.
        process = world.start("up")
    finally:
        signal.signal(signal.SIGHUP, before)
    world.ready(process)
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    ignored = re.search(r"SigIgn:\t(\w+)", status)
    assert ignored is not None
    assert int(ignored[1], 16) >> (signal.SIGHUP - 1) & 1
    assert end(process) == 0


def test_each_process_gets_the_secrets_it_needs_and_a_session_of_its_own(world: World) -> None:
    (world.folder / ".env").write_text("GEMINI_API_KEY=secret\nMETRICS_TOKEN=hidden\n")
    process = world.start("up", NOVACORE_API_KEY="mine")
    world.ready(process)
    assert end(process) == 0
    gateway, intelligence, memory = (world.seen(name) for name in ("gateway", "intelligence", "memory"))
    shared = {seen["SERVICE_JWT_SECRET_FILE"] for seen in (gateway, intelligence, memory)}
    assert len(shared) == 1
    assert not any(
        name in seen for seen in (gateway, intelligence, memory) for name in ("JWT_SECRET", "SERVICE_JWT_SECRET")
    )
    assert intelligence["GEMINI_API_KEY"] == "secret"
    assert gateway["METRICS_TOKEN"] == "hidden"
    assert gateway["NOVACORE_BOOTSTRAP_API_KEY"].startswith("nc_")
    assert {"GEMINI_API_KEY", "NOVACORE_API_KEY"}.isdisjoint(gateway)
    others = {"JWT_SECRET_FILE", "METRICS_TOKEN", "NOVACORE_BOOTSTRAP_API_KEY", "NOVACORE_API_KEY"}
    assert others.isdisjoint(intelligence)
    assert {"GEMINI_API_KEY", "JWT_SECRET_FILE", "METRICS_TOKEN", "NOVACORE_SIGNIN_TOKEN_HASH"}.isdisjoint(memory)
    assert gateway["MEMORY_URL"] == f"http://127.0.0.1:{memory['MEMORY_PORT']}"
    assert all(world.record(name)["own_session"] for name in ("gateway", "intelligence", "memory"))


def test_each_process_learns_where_its_settings_came_from(world: World) -> None:
    (world.folder / ".env").write_text("LOG_LEVEL=info\n")
    process = world.start("up")
    world.ready(process)
    assert end(process) == 0
    told = dict(part.split("=") for part in world.seen("intelligence")["NOVACORE_SOURCES"].split(","))
    assert (told["LOG_LEVEL"], told["MEMORY_URL"]) == ("env_file", "launcher")
    assert told["SERVICE_JWT_SECRET_FILE"] == "launcher"
    assert "NOVACORE_PORT" not in told


def test_a_second_start_keeps_the_secrets_and_is_not_stopped_by_what_the_first_left(world: World) -> None:
    seen = []
    for number in (signal.SIGKILL, signal.SIGTERM):
        process = world.start("up")
        world.ready(process)
        seen.append(world.seen("gateway"))
        end(process, number)
        wait_until("the port is free", lambda: not world.any_alive(["memory", "intelligence", "gateway"]))
    assert process.returncode == 0
    for name in ("JWT_SECRET_FILE", "SERVICE_JWT_SECRET_FILE", "NOVACORE_BOOTSTRAP_API_KEY"):
        assert seen[0][name] == seen[1][name]
    assert seen[0]["NOVACORE_SIGNIN_TOKEN_HASH"] != seen[1]["NOVACORE_SIGNIN_TOKEN_HASH"]


def test_a_second_launcher_is_told_about_the_first(world: World) -> None:
    process = world.start("up")
    world.ready(process)
    second = world.run("up")
    assert second.returncode == 1
    assert f"process {process.pid}, http://127.0.0.1:{world.port}" in second.stderr
    other = world.run("up", NOVACORE_DATA_DIR="other")
    assert other.returncode == 1
    assert other.stderr == f"Port {world.port} is taken: stop what uses it or set NOVACORE_PORT.\n"
    assert end(process) == 0


def test_a_taken_port_is_said_before_anything_starts(world: World) -> None:
    with socket.create_server(("127.0.0.1", world.port)):
        done = world.run("up")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {world.port} is taken: stop what uses it or set NOVACORE_PORT.\n"
    assert world.journal() == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("NOVACORE_PORT", "80808"), ("NOVACORE_HOST", "192.0.2.1"), ("NOVACORE_ENV_FILE", "/no/such/file")],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(world: World, variable: str, value: str) -> None:
    done = world.run("up", **{variable: value})
    assert (done.returncode, done.stdout) == (2, "")
    assert variable in done.stderr
    assert value in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_that_refuses_its_settings_ends_the_start_with_its_sentence(world: World) -> None:
    done = world.run("up", FAKE_FAULTS="intelligence:settings")
    assert done.returncode == 1
    assert "intelligence | FAKE_SETTING: 'x' cannot be used: it must be y.\n" in done.stdout
    assert "intelligence could not start (exit code 2). NovaCore stops.\n" in done.stdout
    assert "NovaCore has stopped because of the above. make doctor looks for what is wrong.\n" in done.stdout
    assert world.journal() == ["memory startup", "memory shutdown"]


def test_a_service_that_dies_is_named_and_everything_is_stopped(world: World) -> None:
    process = world.start("up")
    world.ready(process)
    os.kill(world.record("intelligence")["pid"], signal.SIGKILL)
    assert process.wait(30) == 1
    assert "intelligence ended (signal SIGKILL). NovaCore stops.\n" in world.out()
    assert world.journal()[-2:] == ["gateway shutdown", "memory shutdown"]


def test_ctrl_c_stops_in_order_and_a_second_one_kills_at_once(world: World) -> None:
    process = world.start("up", FAKE_FAULTS="gateway:hang")
    world.ready(process)
    process.send_signal(signal.SIGINT)
    wait_until("the gateway is told", lambda: "gateway shutdown" in world.journal())
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    assert not world.any_alive(["memory", "intelligence", "gateway"])
    assert "memory shutdown" not in world.journal()


def plan_of(folder: Path, *, found: bool = False, installed: bool = True, **environ: str) -> up.Plan:
    environ = {"NOVACORE_DATA_DIR": str(folder), **environ}
    settings = LauncherSettings.load(environ)
    return up.make_plan(settings, environ, has_model=lambda: found, is_installed=lambda _row: installed)


def test_without_an_ollama_the_built_in_model_is_started_and_intelligence_asks_it(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert plan.local_model is Kind.BUILT_IN
    rows = {program.name: program for program in up.programs(plan, {})}
    assert set(rows) == {"memory", "local_model", "intelligence", "gateway"}
    port = rows["local_model"].environ["LOCAL_MODEL_PORT"]
    assert rows["intelligence"].environ["OLLAMA_URL"] == f"http://127.0.0.1:{port}"
    assert rows["local_model"].ready_url == f"http://127.0.0.1:{port}/readyz"
    assert rows["local_model"].restarted
    assert "SERVICE_JWT_SECRET_FILE" not in rows["local_model"].environ


def test_with_an_ollama_the_built_in_model_is_not_started(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, found=True)
    assert plan.local_model is Kind.FOUND
    assert [row.name for row in plan.services] == ["memory", "intelligence", "gateway"]
    assert plan.environ["OLLAMA_URL"] == "http://127.0.0.1:11434"


def test_without_the_modules_of_the_built_in_model_it_is_not_started(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, installed=False)
    assert plan.local_model is Kind.NOT_INSTALLED
    assert "local_model" not in [row.name for row in plan.services]


def test_an_address_that_was_set_stays(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, OLLAMA_URL="http://box:11434")
    assert plan.local_model is Kind.SET
    assert plan.environ["OLLAMA_URL"] == "http://box:11434"
    assert "local_model" not in [row.name for row in plan.services]


def test_a_provider_in_trouble_is_told_with_who_can_tell_more() -> None:
    fine, trouble = "local  ollama · tiny", "cloud  gemini · flash: not answering (auth)"
    assert up.with_hint([fine]) == [fine]
    assert up.with_hint([fine, trouble]) == [fine, trouble, "make doctor looks for what is wrong."]


def test_the_gateway_is_looked_for_where_it_listens(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, NOVACORE_HOST="0.0.0.0", NOVACORE_PORT="9999")
    assert plan.address == "http://127.0.0.1:9999"
    assert up.programs(plan, {})[-1].ready_url == "http://127.0.0.1:9999/readyz"
