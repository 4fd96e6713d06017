"""What is deployed, as far as it can be told without an engine: the Dockerfiles, compose's files, the secrets."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from novakit.settings import PLACEHOLDER

from bench.footprint import INSTALLED_LIMIT_MB, installed
from novacore.environment import may_see
from novacore.topology import SERVICES, Service
from scripts import deployment
from tests.support.services import ROOT

PROFILES = ("embedded", "ollama", "cloud", "local-only", "local-only-ollama")
BASE = ("docker-compose.yml",)
PRODUCTION = ("docker-compose.yml", "docker-compose.prod.yml")
NO_WAY_OUT = ("local-only", "local-only-ollama")
MODELS = {"embedded": "local_model", "local-only": "local_model", "ollama": "ollama", "local-only-ollama": "ollama"}


def variables_in(text: str) -> set[str]:
    """The variables that an example of a ``.env`` lists."""
    return set(re.findall(r"^# ([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))


def compose(tmp_path: Path, profile: str, files: tuple[str, ...], **settings: str) -> Any:
    """What compose makes of the files: raises where it refuses them."""
    env = tmp_path / "env"
    env.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = [str(Path(sys.executable).with_name("docker-compose")), "--env-file", str(env), "--profile", profile]
    done = subprocess.run(
        [*command, *(word for file in files for word in ("-f", file)), "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NOVACORE_ENV_FILE": str(env)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ours(document: Any) -> dict[str, Any]:
    """The containers of our own services, by the service's name."""
    return {
        name.removesuffix("-local-only"): container
        for name, container in document["services"].items()
        if name.removesuffix("-local-only") in {row.name for row in SERVICES}
    }


@pytest.mark.parametrize("row", SERVICES, ids=lambda row: row.name)
def test_the_dockerfiles_differ_in_what_must_differ_alone(row: Service) -> None:
    pattern = (ROOT / "services" / "memory" / "Dockerfile").read_text()
    text = (ROOT / "services" / row.name / "Dockerfile").read_text()
    more = {
        "gateway": (r"FROM node:.*?\n\n", r"COPY --from=page [^\n]*\n"),
        "local_model": (
            r"# What the engine is linked with.*?/cache/apt/\*\n",
            r"COPY requirements/local-.*?\n(?=\n)",
        ),
    }
    for extra in more.get(row.name, ()):
        text, count = re.subn(extra, "", text, flags=re.DOTALL)

        assert count == 1, f"{extra} is not in {row.name}'s file"
    port = re.search(r"EXPOSE (\d+)", text)
    assert port is not None
    own = ((port[1], "8082"), (row.host_variable, "MEMORY_HOST"), (row.port_variable, "MEMORY_PORT"))
    for name, common in (*own, (row.name, "memory")):
        text = text.replace(name, common)

    assert text == pattern


def test_hadolint_finds_nothing_in_the_dockerfiles() -> None:
    files = [str(path) for path in sorted((ROOT / "services").glob("*/Dockerfile"))]
    program = str(Path(sys.executable).with_name("hadolint"))
    done = subprocess.run([program, *files], cwd=ROOT, capture_output=True, text=True, check=False)

    assert len(files) == len(SERVICES)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_generated_for_deployments_is_what_the_settings_say() -> None:
    for path, text in deployment.targets():
        assert path.read_text() == text, "run: make documents"


def test_env_example_compose_and_terraform_know_the_same_variables() -> None:
    listed = variables_in((ROOT / "env.example").read_text())
    rows = {name for name in listed if name.startswith("X_")}
    known = listed - deployment.DECIDED - deployment.COMMAND_LINES - rows
    in_compose = set(re.findall(r"^      ([A-Z0-9_]+):$", deployment.compose(), re.MULTILINE))
    in_terraform = {name.upper() for name in re.findall(r'^variable "(.*)"', deployment.terraform(), re.MULTILINE)}
    documented = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", (ROOT / "docs/CONFIGURATION.md").read_text(), re.MULTILINE)
    in_files = {name.upper() for name in re.findall(r"^      - (.*)$", deployment.compose_files(), re.MULTILINE)}

    assert set(documented) - deployment.DECIDED - deployment.COMMAND_LINES - rows == known
    assert in_compose == known
    assert in_terraform | set(deployment.all_secrets()) == known
    assert in_files == set(deployment.all_secrets())
    assert in_terraform.isdisjoint(deployment.all_secrets())


def test_every_variable_of_the_compose_files_is_a_setting_or_stands_in_the_document() -> None:
    used = {name for file in PRODUCTION for name in re.findall(r"\$\{([A-Z_]+)", (ROOT / file).read_text())}
    table = re.findall(r"^\| (`[A-Z].*?) \|", (ROOT / "docs/DEPLOYMENT.md").read_text(), re.MULTILINE)
    told = {name for cell in table for name in re.findall(r"`([A-Z][A-Z_]+)`", cell)}

    assert used - variables_in((ROOT / "env.example").read_text()) - {"NOVACORE_ENV_FILE"} == told


@pytest.mark.parametrize("profile", PROFILES)
def test_each_setting_reaches_the_services_that_read_it_and_each_secret_those_alone_that_need_it(
    tmp_path: Path, profile: str
) -> None:
    names = {v.name for row in SERVICES for v in deployment.settings_of(row)} | {"GROQ_API_KEY", "GROQ_MODEL"}
    # One whose value is part of others' would be found where it is not.
    told = {name: f"<{name}>" for name in names}
    for name, container in ours(compose(tmp_path, profile, BASE, **told)).items():
        row = next(row for row in SERVICES if row.name == name)
        environment = container["environment"]
        fixed = {"CLOUD_ENABLED"} if profile in NO_WAY_OUT else set()
        for variable in {v.name for v in deployment.settings_of(row)} - fixed:
            assert environment[variable] == told[variable]
        for variable, value in told.items():
            if not may_see(row, variable):
                assert value not in environment.values(), f"{name} is given {variable}"
        assert ("GROQ_MODEL" in environment) == row.asks_providers


@pytest.mark.parametrize("files", [BASE, PRODUCTION], ids=["base", "prod"])
@pytest.mark.parametrize("profile", PROFILES)
def test_only_intelligence_has_a_way_out_and_with_local_only_nothing_has(
    tmp_path: Path, profile: str, files: tuple[str, ...]
) -> None:
    document = compose(tmp_path, profile, files)
    closed = {name for name, network in document["networks"].items() if network.get("internal")} | {"door"}
    out = {name for name, one in document["services"].items() if set(one["networks"]) - closed}
    door = document["networks"].get("door")

    assert out - {"tls"} == (set() if profile in NO_WAY_OUT else {"intelligence"})
    assert ("tls" in out) == (files == PRODUCTION)
    assert MODELS.get(profile) in {None, *document["services"]}
    if door is not None:
        [config] = door["ipam"]["config"]
        assert door["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
        assert config["aux_addresses"]["DefaultGatewayIPv4"] != config["gateway"]
    for name, container in ours(document).items():
        assert container.get("environment", {}).get("CLOUD_ENABLED") == (
            "false" if name == "intelligence" and profile in NO_WAY_OUT else None
        )


@pytest.mark.parametrize("files", [BASE, PRODUCTION], ids=["base", "prod"])
def test_our_containers_are_shut_in_and_start_when_what_they_need_is_healthy(
    tmp_path: Path, files: tuple[str, ...]
) -> None:
    document = compose(tmp_path, "embedded", files)
    published = {name: one["ports"] for name, one in document["services"].items() if one.get("ports")}

    assert set(published) == {"tls" if files == PRODUCTION else "gateway"}
    if files == BASE:
        assert [port["host_ip"] for port in published["gateway"]] == ["127.0.0.1"]
    for name, container in ours(document).items():
        assert container["read_only"], name
        assert container["cap_drop"] == ["ALL"]
        assert container["security_opt"] == ["no-new-privileges:true"]
        assert container["restart"] in {"unless-stopped", "always"}
        assert container["stop_grace_period"] == "45s"
        needs = {other for other, how in container.get("depends_on", {}).items()}
        row = next(row for row in SERVICES if row.name == name)
        assert set(row.depends_on) <= needs
        assert {how["condition"] for how in container.get("depends_on", {}).values()} <= {"service_healthy"}


def test_in_production_no_secret_is_in_an_environment_and_everything_has_limits(tmp_path: Path) -> None:
    told = {name: f"<{name}>" for name in deployment.all_secrets()}
    document = compose(tmp_path, "embedded", PRODUCTION, **told)
    for name, container in ours(document).items():
        row = next(row for row in SERVICES if row.name == name)
        files = {one["target"].rpartition("/")[2] for one in container.get("secrets", [])}
        environment = container["environment"]

        assert set(told.values()).isdisjoint(environment.values())
        assert files == {each.lower() for each in deployment.secrets_of(row)}
        for each in deployment.secrets_of(row):
            assert environment[f"{each}_FILE"] == f"/run/secrets/{each.lower()}"
        assert int(container["mem_limit"]) > 0
        assert container["pids_limit"] > 0
    assert {*document["secrets"]} == {*map(str.lower, deployment.all_secrets()), "postgres_password"}


def test_the_secrets_are_made_once_and_only_what_is_missing(tmp_path: Path) -> None:
    env, folder = tmp_path / "env", tmp_path / "secrets"
    env.write_text("LOG_LEVEL=debug\nJWT_SECRET=replace-me\nMETRICS_TOKEN=mine\n")
    for arguments in (("env", env), ("files", folder)) * 2:
        command = ["sh", str(ROOT / "scripts" / "make-secrets"), *map(str, arguments)]
        subprocess.run(command, check=True, capture_output=True)
        if arguments == ("env", env) and not folder.exists():
            first = env.read_text()
    told = dict(line.split("=", 1) for line in env.read_text().splitlines())
    made = {path.name: path.read_text().strip() for path in folder.iterdir()}

    assert env.read_text() == first
    assert (told["LOG_LEVEL"], told["METRICS_TOKEN"]) == ("debug", "mine")
    assert all(len(told[name]) >= 32 for name in ("JWT_SECRET", "SERVICE_JWT_SECRET", "NOVACORE_BOOTSTRAP_API_KEY"))
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert set(made) == {*map(str.lower, deployment.all_secrets()), "postgres_password"}
    assert made["postgres_password"] in made["database_url"]
    assert {value for name, value in made.items() if name.endswith(("gemini_api_key", "ollama_api_key"))} == {
        PLACEHOLDER
    }


def test_what_is_installed_is_small_without_the_model() -> None:
    sizes = installed()

    assert min(sizes.values()) > 0
    assert sum(sizes.values()) <= INSTALLED_LIMIT_MB * 1e6, sizes
