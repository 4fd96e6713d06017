"""The compose files: whatever they mount is there, and the programs find in it what they are started with."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.services import ROOT

from . import rules

FILE = ROOT / "docker-compose.observability.yml"


class Loader(yaml.SafeLoader):
    """Reads compose's own tags as the values that they mark."""


def marked(loader: Loader, _tag: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_object(node) if isinstance(node, yaml.MappingNode) else node.value


Loader.add_multi_constructor("!", marked)


def services(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader)["services"]
    return found


def mounts() -> dict[str, tuple[Path, str, str]]:
    """Each folder of the checkout that is mounted: the service, where it is there, and how."""
    return {
        mount: (ROOT / source, target, mode)
        for service in services(FILE).values()
        for mount in service["volumes"]
        for source, target, mode in [mount.split(":") if mount.count(":") == 2 else (*mount.split(":"), "")]
        if source.startswith("./")
    }


def test_what_is_mounted_is_there_and_cannot_be_changed_from_inside() -> None:
    assert len(mounts()) == 4
    for source, _, mode in mounts().values():
        assert source.is_dir()
        assert mode == "ro"


@pytest.mark.parametrize("file", [FILE, rules.FOLDER / "containers.yml"], ids=lambda path: path.name)
def test_each_program_is_started_with_a_file_that_is_mounted(file: Path) -> None:
    inside = {target: source for source, target, _ in mounts().values()}
    started = re.findall(r"--config\.file=(\S+)/([\w.]+)", file.read_text(encoding="utf-8"))

    assert len(started) == 2
    for folder, name in started:
        assert (inside[folder] / name).is_file()


def test_grafana_finds_its_dashboards_where_it_is_told_to_look() -> None:
    inside = {target: source for source, target, _ in mounts().values()}
    provisioned = inside["/etc/grafana/provisioning"] / "dashboards" / "novacore.yml"
    [provider] = yaml.safe_load(provisioned.read_text(encoding="utf-8"))["providers"]
    home = Path(services(FILE)["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert sorted(inside[provider["options"]["path"]].glob("*.json")) == rules.DASHBOARDS
    assert (inside[str(home.parent)] / home.name).is_file()


def test_nothing_listens_on_more_than_loopback() -> None:
    text = FILE.read_text(encoding="utf-8")
    published = services(rules.FOLDER / "containers.yml")["prometheus"]["ports"]

    assert re.findall(r"--web\.listen-address=([\w.]+):", text) == ["127.0.0.1", "127.0.0.1"]
    assert services(FILE)["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert all(port.startswith("127.0.0.1:") for port in published)


def composed(folder: Path, *files: Path) -> None:
    """Let compose itself read the files together."""
    beside = Path(sys.executable).with_name("docker-compose")
    compose = str(beside) if beside.exists() else shutil.which("docker-compose")
    if compose is None:
        pytest.skip("no docker-compose on this machine")
    settings = folder / "settings.env"
    settings.write_text(f"METRICS_TOKEN={'m' * 32}\nNOVACORE_ENV_FILE={settings}\n", encoding="utf-8")
    named = [word for file in files for word in ("-f", str(file))]
    command = [compose, "--env-file", str(settings), *named, "--profile", "embedded", "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_compose_takes_the_file(tmp_path: Path) -> None:
    composed(tmp_path, FILE)


def test_compose_takes_it_beside_novacore_in_containers(tmp_path: Path) -> None:
    product = ROOT / "docker-compose.yml"
    if not product.exists():
        pytest.skip("no docker-compose.yml in this checkout")
    composed(tmp_path, product, FILE, rules.FOLDER / "containers.yml")
