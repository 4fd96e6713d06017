"""docs/adding-a-provider.md, followed word for word in a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.intelligence.app.config import Settings
from tests.support.services import ROOT

DOCUMENT = (ROOT / "docs" / "adding-a-provider.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\S+)`\n```\w+\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL))
ROW, _commands = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
PROVIDERS = "services/intelligence/app/services/providers"
ADAPTER, REGISTRY, SETTINGS = (
    f"{PROVIDERS}/parrot.py",
    f"{PROVIDERS}/registry.py",
    "services/intelligence/app/config.py",
)
FIXTURES = "tests/intelligence/providers/fixtures/parrot/"
BEFORE = {REGISTRY: '}\n"""The providers that have settings of their own."""', SETTINGS: "    cloud_enabled: bool"}
"""Where the document says that a block goes."""
NEEDED = ("services", "libs", "novacore", "scripts", "tests/conftest.py", "tests/intelligence", "tests/support",
          "docs", "deploy", "infrastructure", "pyproject.toml")  # fmt: skip
TESTS = {
    "tests/intelligence/providers/test_conformance.py": 55,
    "tests/intelligence/providers/test_fixtures.py": 7,
    "tests/intelligence/providers/test_replaced_keys.py": 3,
    "tests/intelligence/providers/test_examine.py": 2,
    "tests/intelligence/api/test_each_provider.py": 3,
    "tests/intelligence/test_config.py": 100,
    "tests/intelligence/test_rows.py": 5,
    "tests/intelligence/test_provider_documents.py": 10,
}
"""What tells whether a provider has been added, and how many tests of each at least."""
CHOSEN = "parrot or registry or test_config or test_rows or test_provider_documents"
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
NOT_NEEDED = shutil.ignore_patterns("__pycache__", "frontend")


@dataclass(frozen=True)
class Copy:
    """What is needed of the tree, with Parrot in it."""

    folder: Path

    def run(self, *arguments: str, **environ: str) -> str:
        """What Python prints that is started in the copy, and ends well."""
        done = self.start(*arguments, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """What comes of Python, started in the copy."""
        paths = os.pathsep.join([str(self.folder), str(self.folder / "libs" / "novakit" / "src")])
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("tree")
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=NOT_NEEDED)
        else:
            shutil.copy(source, target)
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_inserted(path.read_text(), text, BEFORE[name]) if name in BEFORE else text, encoding="utf-8")
    return Copy(folder)


def _inserted(text: str, block: str, before: str) -> str:
    assert text.count(before) == 1, f"the document is wrong about where this goes: {block}"
    return text.replace(before, f"{block}{before}")


def test_a_server_with_openais_protocol_is_settings_alone() -> None:
    environ = dict(line.split("=", 1) for line in ROW.splitlines())
    [row] = Settings.load({"SERVICE_JWT_SECRET": "s" * 32, **environ}).rows
    assert (row.name, row.model) == ("aviary", "macaw-70b")


def test_it_takes_one_file_one_line_one_block_and_one_folder() -> None:
    fixtures = {name for name in FILES if name.startswith(FIXTURES)}
    assert set(FILES) - fixtures == {ADAPTER, REGISTRY, SETTINGS}
    assert not any((ROOT / name).exists() for name in (ADAPTER, *fixtures))
    assert FILES[REGISTRY].count("\n") == 1


def test_the_code_is_as_all_code_here_is(copy: Copy) -> None:
    written = [name for name in FILES if name.endswith(".py")]
    copy.run("-m", "ruff", "check", "--no-cache", *written)
    copy.run("-m", "ruff", "format", "--check", "--no-cache", *written)
    copy.run("-c", LINT_IMPORTS, "--no-cache")


def test_nobody_else_may_know_it(copy: Copy) -> None:
    leak = copy.folder / "services/intelligence/app/services/leak.py"
    leak.write_text("from .providers.parrot import ParrotProvider as ParrotProvider\n", encoding="utf-8")
    done = copy.start("-c", LINT_IMPORTS, "--no-cache")
    leak.unlink()
    assert done.returncode == 1
    assert "services.leak ->" in done.stdout


def test_the_settings_are_listed(copy: Copy) -> None:
    copy.run("-m", "scripts.documents")
    for name, told in (
        ("env.example", "# PARROT_MODEL=polly-1"),
        ("docs/CONFIGURATION.md", "| `PARROT_MODEL` | `polly-1` |"),
        ("docs/ARCHITECTURAL_IMPROVEMENTS.md", "| `parrot` | `ParrotProvider` | not in the default priority | yes |"),
    ):
        assert told in (copy.folder / name).read_text(encoding="utf-8"), name


def test_it_passes_what_every_provider_has_to_pass(copy: Copy) -> None:
    told = copy.run(
        "-m", "pytest", "-v", "-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-k", CHOSEN, *TESTS,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )  # fmt: skip
    passed = Counter(line.partition("::")[0] for line in told.splitlines() if "PASSED" in line)
    assert all(passed[name] >= at_least for name, at_least in TESTS.items()), passed
    assert "SKIPPED" not in told
