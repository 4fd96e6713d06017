"""A Docker engine of our own: Debian's, on its own socket and folder, with stand-ins for the base images.

It needs root, ``dockerd`` and ``mmdebstrap``, and a machine on which no other engine has its bridge. The Dockerfiles
stay as they are: images under the names that they begin with are made here from Debian's packages, and know the
certificates and the package indexes that pip and npm use on this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.services import ROOT

PYTHON_BASE = "python:3.11-slim-bookworm"
NODE_BASE = "node:22-bookworm-slim"
NEIGHBOURS = {"postgres": "novacore-test/postgres", "caddy": "novacore-test/caddy"}
PACKAGES = "ca-certificates,python3,python3-venv"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
BRIDGE = "docker0"
# capabilities(7): CAP_NET_ADMIN is bit 12, CAP_SYS_ADMIN is bit 21.
NEEDED_CAPABILITIES = 1 << 12 | 1 << 21
START_SECONDS = 30.0
BACK_SECONDS = 60.0
# What an engine leaves behind, in the order in which it can be taken away.
CHAINS = {
    "filter": (
        "DOCKER",
        "DOCKER-ISOLATION-STAGE-1",
        "DOCKER-ISOLATION-STAGE-2",
        "DOCKER-USER",
        "DOCKER-FORWARD",
        "DOCKER-BRIDGE",
        "DOCKER-CT",
        "DOCKER-INTERNAL",
    ),
    "nat": ("DOCKER",),
}


def why_not() -> str | None:
    """Why there can be no engine here; None where there can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Docker engine needs root"
    if NEEDED_CAPABILITIES & ~_capabilities():
        return "a Docker engine needs the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN"
    missing = [name for name in ("dockerd", "docker", "mmdebstrap", "iptables", "ip") if _found(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if Path("/sys/class/net", BRIDGE).exists():
        return f"another Docker engine has {BRIDGE}"
    return None


def _capabilities() -> int:
    """The effective ones of this process, as bits; none where there is no /proc."""
    status = Path("/proc/self/status")
    text = status.read_text() if status.exists() else ""
    return int(text.partition("CapEff:")[2].split()[0], 16) if "CapEff:" in text else 0


def _found(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def run(*command: str | Path, check: bool = True, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run to the end; raises AssertionError with all that it wrote."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **{"timeout": 900, **more},
    )
    assert done.returncode == 0 or not check, f"{' '.join(map(str, command))}:\n{done.stdout[-6000:]}"
    return done


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        """What its clients need."""
        return {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/docker.sock"}

    def docker(self, *arguments: str | Path, check: bool = True, **more: Any) -> str:
        """What a docker command writes."""
        # The client's own builder is all that is needed for the stand-ins; compose brings BuildKit for ours.
        environ = {**self.environ, "DOCKER_BUILDKIT": "0"}
        return run(_found("docker") or "docker", *arguments, check=check, env=environ, **more).stdout.strip()

    def succeeds(self, *arguments: str) -> bool:
        """Whether a docker command ends well."""
        return run(_found("docker") or "docker", *arguments, check=False, env=self.environ).returncode == 0

    def inspect(self, name: str) -> Any:
        """All that the engine knows of a container or an image."""
        return json.loads(self.docker("inspect", name))[0]

    def waits_for(self, container: str, holds: Callable[[Any], bool]) -> Any:
        """What the engine knows of a container as soon as that ``holds``; None where it does not within a minute."""
        until = time.monotonic() + BACK_SECONDS
        while time.monotonic() < until:
            now = self.inspect(container)
            if holds(now):
                return now
            time.sleep(0.2)
        return None

    def make_neighbours(self) -> None:
        """What production puts beside our services, in the place of the images ``postgres`` and ``caddy``."""
        for name, tag in NEIGHBOURS.items():
            file = Path(__file__).with_name(f"{name}.Dockerfile")
            self.docker("build", "--quiet", "--tag", tag, "--file", file, file.parent)

    def make_base_images(self) -> None:
        """The images that the Dockerfiles begin with."""
        raw = "novacore-test/debian:bookworm"
        with tempfile.TemporaryDirectory() as temporary:
            context = Path(temporary)
            self.docker("import", _debian(), raw)
            shutil.copy(CERTIFICATES, context / CERTIFICATES.name)
            (context / "pip.conf").write_text(_pip_settings())
            (context / "Dockerfile").write_text(
                f"FROM {raw}\n"
                f"COPY {CERTIFICATES.name} {CERTIFICATES}\n"
                "COPY pip.conf /etc/pip.conf\n"
                "RUN ln -s python3 /usr/bin/python\n"
            )
            self.docker("build", "--quiet", "--tag", PYTHON_BASE, context)
        with tempfile.TemporaryDirectory() as temporary:
            context = Path(temporary)
            node, npm = _real("node"), _real("npm")
            shutil.copy(node, context / "node")
            shutil.copytree(npm.parent.parent, context / "npm", symlinks=True)
            (context / "npmrc").write_text(_npm_settings())
            (context / "Dockerfile").write_text(
                f"FROM {PYTHON_BASE}\n"
                "COPY node /usr/local/bin/node\n"
                "COPY npm /usr/local/lib/node_modules/npm\n"
                "COPY npmrc /usr/local/etc/npmrc\n"
                "RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm\n"
            )
            self.docker("build", "--quiet", "--tag", NODE_BASE, context)


def _debian() -> Path:
    """A small Debian as a tar file, made once on a machine."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "novacore"
    made = cache / "debian-bookworm.tar"
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        half = cache / f"half-{os.getpid()}.tar"
        run("mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", half)
        half.rename(made)
    return made


def _pip_settings() -> str:
    """Pip's settings of this machine that mean something on another: an index and whether it is trusted."""
    wanted = {"global.index-url": "index-url", "global.trusted-host": "trusted-host", "global.proxy": "proxy"}
    listed = run(sys.executable, "-m", "pip", "config", "list").stdout.splitlines()
    pairs = dict(line.split("=", 1) for line in listed if "=" in line)
    found = {**{wanted[name]: value.strip("'") for name, value in pairs.items() if name in wanted}}
    for name in wanted.values():
        value = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
        if value:
            found[name] = value
    lines = [f"{name} = {value}\n" for name, value in found.items()]
    return f"[global]\ncert = {CERTIFICATES}\ntimeout = 180\n{''.join(lines)}"


def _npm_settings() -> str:
    registry = run("npm", "config", "get", "registry").stdout.strip()
    return f"cafile={CERTIFICATES}\nregistry={registry}\n"


def _real(name: str) -> Path:
    found = shutil.which(name)
    assert found is not None, f"there is no {name} here"
    return Path(found).resolve()


@contextmanager
def running() -> Iterator[Engine]:
    """An engine that is gone with the block, with what it made on this machine."""
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    before = forwarding.read_text()
    policy = run("iptables", "-S", "FORWARD").stdout.splitlines()[0].split()
    with tempfile.TemporaryDirectory(prefix="novacore-docker-", ignore_cleanup_errors=True) as temporary:
        engine = Engine(Path(temporary))
        process = _start(engine)
        try:
            yield engine
        finally:
            _remove_containers(engine)
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _clean_up(engine.folder)
            forwarding.write_text(before)
            run("iptables", *policy, check=False)


def _start(engine: Engine) -> "subprocess.Popen[bytes]":
    command = [
        *(sys.executable, "-m", "tests.support.tethered", _found("dockerd") or "dockerd"),
        *("-H", f"unix://{engine.folder}/docker.sock"),
        *("--data-root", str(engine.folder / "data"), "--exec-root", str(engine.folder / "exec")),
        *("-p", str(engine.folder / "docker.pid")),
    ]
    log = engine.folder / "dockerd.log"
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=out, stderr=out)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if engine.docker("version", "--format", "{{.Server.Version}}", check=False)[:1].isdecimal():
            return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    raise AssertionError(f"dockerd did not start:\n{log.read_text()[-4000:]}")


def _remove_containers(engine: Engine) -> None:
    identities = engine.docker("ps", "--all", "--quiet", check=False).split()
    if identities:
        engine.docker("rm", "--force", *identities, check=False)
    engine.docker("network", "prune", "--force", check=False)


def _clean_up(folder: Path) -> None:
    """The bridge, the chains and the mounts outlive an engine."""
    run("ip", "link", "delete", BRIDGE, check=False)
    for table, chains in CHAINS.items():
        saved = run("iptables", "-t", table, "-S", check=False).stdout.splitlines()
        for line in saved:
            words = line.split()
            if words[:1] == ["-A"] and (BRIDGE in words or any(chain in words for chain in chains)):
                run("iptables", "-t", table, "-D", *words[1:], check=False)
        for action in ("-F", "-X"):
            for chain in chains:
                run("iptables", "-t", table, action, chain, check=False)
    mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for place in sorted((place for place in mounted if Path(place).is_relative_to(folder)), reverse=True):
        run("umount", "--lazy", place, check=False)


@dataclass(frozen=True, slots=True)
class Project:
    """Containers of one compose project."""

    engine: Engine
    environ_file: Path
    profile: str
    name: str = "novacore"
    files: tuple[Path, ...] = (ROOT / "docker-compose.yml",)
    more: Mapping[str, str] | None = None

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What a compose command writes."""
        files = [word for file in self.files for word in ("-f", str(file))]
        environ = {**self.engine.environ, "NOVACORE_ENV_FILE": str(self.environ_file), **(self.more or {})}
        command = [compose_program(), "--env-file", str(self.environ_file), "-p", self.name, *files]
        return run(*command, "--profile", self.profile, *arguments, check=check, env=environ, cwd=ROOT).stdout

    def container(self, service: str) -> Any:
        """What the engine knows of a service's container."""
        identity = self.compose("ps", "--all", "--quiet", service).strip()
        return self.engine.inspect(identity)

    def services(self) -> list[str]:
        """The names of those that run."""
        return sorted(self.compose("ps", "--services", "--status", "running").split())

    def logs(self, service: str, text: str) -> str:
        """The first line of a service's log that holds the text; raises AssertionError where none comes in time."""
        until = time.monotonic() + BACK_SECONDS
        while time.monotonic() < until:
            lines = self.compose("logs", "--no-log-prefix", service).splitlines()
            found = next((line for line in lines if text in line), None)
            if found is not None:
                return found
            time.sleep(0.5)
        raise AssertionError(f"{service} logs no {text!r}:\n" + "\n".join(lines[-40:]))

    @contextmanager
    def up(self) -> Iterator["Project"]:
        """Started and healthy; taken down with the block, its volumes too."""
        try:
            self.compose("up", "--wait", "--wait-timeout", "180", "--no-build")
            yield self
        except AssertionError as error:
            error.add_note(self.compose("logs", "--tail", "40", check=False))
            raise
        finally:
            self.compose("down", "--volumes", "--timeout", "5", "--remove-orphans", check=False)


def compose_program() -> str:
    """Compose from the development packages."""
    return str(Path(sys.executable).with_name("docker-compose"))
