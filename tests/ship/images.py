"""The images in a real Docker engine: built from their own files, started by compose, used, killed, shut in.

``make test-images`` runs this; it is no part of ``make test``. Where there can be no engine, it is skipped.
"""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import FakeGemini
from tests.support.services import ROOT, free_port

from .engine import NEIGHBOURS, PYTHON_BASE, Engine, Project, compose_program, run, running, why_not
from .outside import FAR, PORT, Outside, reachable

SERVICES = ("gateway", "intelligence", "memory", "local_model")
MOST_ADDED = 120_000_000
MOST_MEMORY_MB = 90
PROBE = f"""
import socket, sys
try:
    socket.create_connection(({FAR!r}, {PORT}), 3)
except OSError:
    sys.exit(7)
"""

EMBEDDED = pytest.mark.parametrize("project", ["embedded"], indirect=True)
PRODUCTION = pytest.mark.parametrize("project", ["production"], indirect=True)
LOCAL_ONLY = pytest.mark.parametrize("project", ["local-only"], indirect=True)

pytestmark = pytest.mark.skipif(why_not() is not None, reason=why_not() or "")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine with all images built."""
    with running() as engine:
        engine.make_base_images()
        project = Project(engine, Path("/dev/null"), "embedded")
        project.compose("build", "--quiet")
        yield engine


@pytest.fixture(scope="module")
def outside(engine: Engine) -> Iterator[Outside]:
    """The world outside, where a cloud provider answers."""
    with reachable() as outside:
        yield outside


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, outside: Outside) -> Path:
    """A ``.env`` as a user makes it, with a cloud provider in it."""
    path = tmp_path_factory.mktemp("settings") / "env"
    run("sh", ROOT / "scripts" / "make-secrets", "env", path)
    more = {
        "NOVACORE_PORT": str(free_port()),
        "LLM_PROVIDER_PRIORITY": "ollama,gemini",
        "GEMINI_API_KEY": "g" * 40,
        "GEMINI_API_URL": outside.url,
        "GEMINI_MODEL": FakeGemini().models[0],
    }
    with path.open("a") as file:
        file.writelines(f"{name}={value}\n" for name, value in more.items())
    return path


@pytest.fixture(scope="module")
def project(
    engine: Engine, settings: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """NovaCore as ``docker compose --profile NAME up --wait`` starts it: one at a time, the last one's data gone."""
    if request.param == "production":
        project = in_production(engine, settings, tmp_path_factory.mktemp("production"))
    else:
        project = Project(engine, settings, request.param)
    with project.up():
        yield project


def in_production(engine: Engine, settings: Path, folder: Path) -> Project:
    """As on a machine that others reach, with Debian's PostgreSQL and Caddy in the place of the official images."""
    engine.make_neighbours()
    run("sh", ROOT / "scripts" / "make-secrets", "files", folder / "secrets")
    (folder / "secrets" / "gemini_api_key").write_text("g" * 40)
    secret = ("JWT_SECRET", "SERVICE_JWT_SECRET", "NOVACORE_BOOTSTRAP_API_KEY", "METRICS_TOKEN", "GEMINI_API_KEY")
    lines = settings.read_text().splitlines(keepends=True)
    (folder / "env").write_text("".join(line for line in lines if not line.startswith(secret)))
    more = {
        "NOVACORE_SECRETS": str(folder / "secrets"),
        "NOVACORE_HTTP_PORT": str(free_port()),
        "NOVACORE_HTTPS_PORT": str(free_port()),
        "POSTGRES_IMAGE": NEIGHBOURS["postgres"],
        "CADDY_IMAGE": NEIGHBOURS["caddy"],
    }
    files = (ROOT / "docker-compose.yml", ROOT / "docker-compose.prod.yml")
    return Project(engine, folder / "env", "embedded", files=files, more=more)


def setting(settings: Path, name: str) -> str:
    return next(line.partition("=")[2] for line in settings.read_text().splitlines() if line.startswith(f"{name}="))


def call(settings: Path, path: str, body: Any = None) -> Any:
    key = setting(settings, "NOVACORE_BOOTSTRAP_API_KEY")
    request = urllib.request.Request(
        f"http://127.0.0.1:{setting(settings, 'NOVACORE_PORT')}{path}",
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return json.loads(response.read())


def comes_back(project: Project, service: str) -> Any:
    """The container once it is healthy again after its process was killed."""
    before = project.container(service)
    os.kill(before["State"]["Pid"], signal.SIGKILL)
    after = project.engine.waits_for(
        before["Id"],
        lambda now: now["RestartCount"] > before["RestartCount"] and now["State"]["Health"]["Status"] == "healthy",
    )
    assert after is not None, f"{service} did not come back:\n{project.compose('logs', '--tail', '40', service)}"
    return after


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_adds_little_to_its_base_and_holds_no_tools(
    engine: Engine, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"novacore/{service}:local"
    image = engine.inspect(name)
    added = image["Size"] - engine.inspect(PYTHON_BASE)["Size"]
    with capsys.disabled():
        print(f"\nimage of {service}: {image['Size'] / 1e6:.0f} MB, {added / 1e6:.0f} MB more than its base")
    tools = "ls /opt/novacore/bin | grep -E '^(pip|easy_install)' || true; command -v gcc node npm make || true"

    holds = "cd /srv/novacore && ls -A . services"

    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["StopSignal"] == "SIGTERM"
    assert image["Config"]["Healthcheck"]["Test"][:1] == ["CMD"]
    assert engine.docker("run", "--rm", "--entrypoint", "sh", name, "-c", tools) == ""
    assert set(engine.docker("run", "--rm", "--entrypoint", "sh", name, "-c", holds).split()) == {
        *(".:", "libs", "novacore", "services", "services:", service),
        *(["frontend"] if service == "gateway" else []),
    }
    assert added <= MOST_ADDED or service == "local_model", f"{service} adds {added / 1e6:.0f} MB"


@EMBEDDED
def test_everything_runs_shut_in_and_only_the_gateway_is_reached_from_this_machine(project: Project) -> None:
    for service in SERVICES:
        host = project.container(service)["HostConfig"]
        published = [one["HostIp"] for ports in (host["PortBindings"] or {}).values() for one in ports]

        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert published == (["127.0.0.1"] if service == "gateway" else [])


@EMBEDDED
def test_each_container_is_given_its_own_secrets_alone(project: Project, settings: Path) -> None:
    told = {service: "\n".join(project.container(service)["Config"]["Env"]) for service in SERVICES}
    owners = {
        "SERVICE_JWT_SECRET": {"gateway", "intelligence", "memory"},
        "JWT_SECRET": {"gateway"},
        "NOVACORE_BOOTSTRAP_API_KEY": {"gateway"},
        "METRICS_TOKEN": {"gateway"},
        "GEMINI_API_KEY": {"intelligence"},
    }
    for name, those in owners.items():
        assert {service for service, text in told.items() if setting(settings, name) in text} == those, name


@EMBEDDED
def test_the_integration_script_passes_and_the_cloud_takes_over_when_the_local_model_stops(
    project: Project, settings: Path
) -> None:
    compose = f"docker-compose --env-file {settings} -p {project.name} --profile {project.profile}"
    environ = {
        **project.engine.environ,
        "PATH": f"{Path(compose_program()).parent}:{os.environ['PATH']}",
        "NOVACORE_ENV_FILE": str(settings),
        "BASE_URL": f"http://127.0.0.1:{setting(settings, 'NOVACORE_PORT')}",
        "NOVACORE_API_KEY": setting(settings, "NOVACORE_BOOTSTRAP_API_KEY"),
        "METRICS_TOKEN": setting(settings, "METRICS_TOKEN"),
        "STOP_LOCAL_MODEL": f"{compose} stop --timeout 5 local_model",
        "START_LOCAL_MODEL": f"{compose} start local_model",
        "EXPECT_FALLBACK": "gemini",
    }
    done = run("bash", ROOT / "scripts" / "test_ngs_integration.sh", env=environ, cwd=ROOT, check=False)

    assert done.returncode == 0, done.stdout
    assert "ok    fallback: gemini answered" in done.stdout
    assert "ok    fallback: the local model answers again" in done.stdout


@EMBEDDED
def test_a_killed_service_comes_back_with_nothing_lost_and_is_small_when_idle(
    project: Project, settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = call(settings, "/api/chat/message", {"message": "Remember that my boat is called Aurora."})[
        "session_id"
    ]
    history = call(settings, f"/api/chat/history/{session}")
    memory = {}
    for service in SERVICES:
        container = comes_back(project, service)
        status = Path(f"/proc/{container['State']['Pid']}/status").read_text()
        memory[service] = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        with capsys.disabled():
            print(f"\n{service} idle in its container: {memory[service]:.0f} MB")

    assert call(settings, f"/api/chat/history/{session}") == history
    assert call(settings, "/api/chat/message", {"message": "Hello!"})["tokens_used"] > 0
    assert max(memory.values()) <= MOST_MEMORY_MB, memory


def reach_out(project: Project) -> set[str]:
    """The services that can open a connection to the world outside; each running container tries."""
    return {
        service
        for service in project.services()
        if project.engine.succeeds("exec", project.container(service)["Id"], "python", "-c", PROBE)
    }


@EMBEDDED
def test_only_intelligence_has_a_way_out(project: Project) -> None:
    assert project.services() == sorted(SERVICES)
    assert reach_out(project) == {"intelligence"}


@LOCAL_ONLY
def test_with_the_profile_local_only_no_container_has_a_way_out_and_the_chat_works(
    project: Project, settings: Path, outside: Outside
) -> None:
    before = outside.connections()
    reply = call(settings, "/api/chat/message", {"message": "Hello!"})
    project.compose("stop", "--timeout", "5", "local_model")
    left_alone = call(settings, "/api/chat/message", {"message": "Anyone there?"})
    project.compose("start", "local_model")

    assert reply["tokens_used"] > 0
    assert left_alone["tokens_used"] == 0
    assert project.services() == ["gateway", "intelligence-local-only", "local_model", "memory"]
    assert reach_out(project) == set()
    assert outside.connections() == before


@PRODUCTION
def test_in_production_tls_is_in_front_postgresql_behind_and_no_secret_in_an_environment(
    project: Project, tmp_path: Path
) -> None:
    more = project.more or {}
    secrets = {path.name: path.read_text().strip() for path in Path(more["NOVACORE_SECRETS"]).iterdir()}
    root = project.compose("exec", "-T", "tls", "cat", "/data/caddy/pki/authorities/local/root.crt")
    (tmp_path / "root.crt").write_text(root)
    login = f"https://localhost:{more['NOVACORE_HTTPS_PORT']}/api/auth/login"
    environ = {
        "PATH": os.environ["PATH"],
        "BASE_URL": f"https://localhost:{more['NOVACORE_HTTPS_PORT']}",
        "CURL_CA_BUNDLE": str(tmp_path / "root.crt"),
        "NOVACORE_API_KEY": secrets["novacore_bootstrap_api_key"],
        "METRICS_TOKEN": secrets["metrics_token"],
    }
    done = run("bash", ROOT / "scripts" / "test_ngs_integration.sh", env=environ, check=False)
    count = "SELECT count(*) FROM novacore_gateway.users"
    users = project.compose("exec", "-T", "postgres", "psql", "-U", "novacore", "-Atc", count)
    # A page behind the proxy is the gateway's own, and any other is not.
    body = ("--json", json.dumps({"name": "nobody", "password": "not the right one"}))
    answers = [
        run(
            "curl", "-so", "/dev/null", "-w", "%{http_code}", *body, "-H", f"Origin: {origin}", login, env=environ
        ).stdout
        for origin in (environ["BASE_URL"], "https://elsewhere.example")
    ]
    # As docs/SECRETS_MANAGEMENT.md tells: into the file that is mounted.
    Path(more["NOVACORE_SECRETS"], "gemini_api_key").write_text("h" * 40)
    noticed = project.logs("intelligence", "secret_replaced")
    told = "\n".join("\n".join(project.container(name)["Config"]["Env"]) for name in project.services())

    assert done.returncode == 0, done.stdout
    assert answers == ["401", "403"]
    assert '"GEMINI_API_KEY"' in noticed
    assert users.strip() == "1"
    assert project.compose("exec", "-T", "memory", "ls", "-A", "/data") == ""
    assert not [name for name, value in secrets.items() if value != "replace-me" and value in told]
    assert reach_out(project) == {"intelligence", "tls"}
