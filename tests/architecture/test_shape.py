"""The shape of the tree."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from services.intelligence.app.services.providers import registry

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST_FILE = 400
CODE = ("services", "libs", "novacore", "tests", "bench", "scripts", "observability")
SERVICES = ("gateway", "intelligence", "memory", "local_model")


def python_files() -> list[Path]:
    return sorted(
        path
        for folder in CODE
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts and "__pycache__" not in path.parts
    )


def tracked_text_files() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    suffixes = {".png", ".svg", ".ico", ".woff2", ".webp"}
    paths = [ROOT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in suffixes]


def test_no_file_is_longer_than_a_few_screens() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files()}
    too_long = {name: lines for name, lines in long.items() if lines > LONGEST_FILE}

    assert not too_long, f"split these by what they do: {too_long}"


def test_every_shared_module_serves_at_least_two_parts() -> None:
    graph = grimp.build_graph("novakit", "services", "novacore", include_external_packages=False, cache_dir=None)
    for module in sorted(graph.find_children("novakit")):
        users = {
            ".".join(importer.split(".")[:2]) if importer.startswith("services.") else importer.split(".")[0]
            for importer in graph.find_modules_that_directly_import(module)
            if not importer.startswith("novakit")
        }
        inside = {i for i in graph.find_modules_that_directly_import(module) if i.startswith("novakit")}

        assert len(users) >= 2 or (users and inside), f"{module} is used only by {users}: move it into that service"


def test_a_concrete_provider_is_named_in_the_registrys_table_and_nowhere_else() -> None:
    graph = grimp.build_graph("services", include_external_packages=False, cache_dir=None)
    room = registry.__name__.removesuffix(".registry")
    for adapter in {*registry.ADAPTERS.values(), registry.ROW}:
        importers = graph.find_modules_that_directly_import(f"{room}.{adapter.module}")

        assert not importers, f"{adapter.module} is a provider's own: move what {importers} need of it"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_also_imports_from_its_own_folder(service: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import app.main"],
        cwd=ROOT / "services" / service,
        env={**os.environ, "PYTHONPATH": str(ROOT / "libs" / "novakit" / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_importing_a_service_does_nothing(service: str) -> None:
    """No environment is read, no thread is started and nothing is printed by an import."""
    code = f"import services.{service}.app.main, threading; assert threading.active_count() == 1"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "PYTHONPATH": f"{ROOT}:{ROOT / 'libs' / 'novakit' / 'src'}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_code_waits_with_a_sleep_in_tests() -> None:
    """A test that sleeps is slow when it passes and wrong when the machine is slow."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep"
    ]

    assert not found, f"wait for the event itself: {found}"


def test_no_text_names_a_machine_or_a_registry() -> None:
    home = re.compile(r"(^|[^A-Za-z0-9._/-])/(root|home|work)/[A-Za-z.]")
    registry = re.compile(r"https?://[^ \"]*(/simple/|\.whl\b|\.tgz\b)|^--(extra-)?index-url", re.MULTILINE)
    for path in tracked_text_files():
        text = path.read_text(encoding="utf-8")
        if path == Path(__file__):
            continue

        assert not home.search(text), f"{path.relative_to(ROOT)} holds an absolute path"
        assert not registry.search(text), f"{path.relative_to(ROOT)} holds a registry's address"


def test_no_text_holds_a_key() -> None:
    shapes = re.compile(
        r"sk-[A-Za-z0-9_-]{20,}|AIza[A-Za-z0-9_-]{30,}|\bAQ\.[A-Za-z0-9_-]{20,}|\bnc_[A-Za-z0-9_-]{32,}"
    )
    for path in tracked_text_files():
        found = shapes.search(path.read_text(encoding="utf-8"))

        assert found is None, f"{path.relative_to(ROOT)} holds something shaped like a key"
