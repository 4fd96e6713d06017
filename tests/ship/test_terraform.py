"""Terraform's modules: read and checked everywhere, run by Terraform itself where it and its provider are found."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.support.services import ROOT

FOLDER = ROOT / "infrastructure" / "terraform"
MODULES = sorted(path for path in (FOLDER / "modules").iterdir() if path.is_dir())
PLACES = (Path("/opt"), Path("/usr/share"), Path("/usr/local/share"), Path.home() / ".terraform.d")
"""Where a provider may lie, beside those that Terraform looks into by itself."""


def unquoted(name: str) -> str:
    return name.strip('"')


@cache
def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The blocks of all files of a module: by their kind, then by their name."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        with path.open() as file:
            document = hcl2.load(file)
        for kind, blocks in document.items():
            if not isinstance(blocks, list):
                continue
            for block in blocks:
                for name, body in block.items():
                    found.setdefault(kind, {})[unquoted(name)] = body
    return found


def text_of(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))


@pytest.mark.parametrize("folder", [FOLDER, *MODULES], ids=lambda path: path.name)
def test_every_variable_is_declared_and_used(folder: Path) -> None:
    used = set(re.findall(r"\bvar\.([a-z0-9_]+)", text_of(folder)))

    assert used == set(read(folder)["variable"])


def test_every_module_is_given_what_it_asks_for_and_gives_what_is_asked_of_it() -> None:
    text = text_of(FOLDER)
    calls = read(FOLDER)["module"]
    for name, call in calls.items():
        blocks = read(FOLDER / unquoted(call["source"]))
        asked = set(re.findall(rf"\bmodule\.{name}(?:\[[^\]]*\])?\.([a-z_]+)", text))
        given = {key for key in call if not key.startswith("__")} - {"source", "for_each"}

        assert given == set(blocks["variable"]), name
        assert asked <= set(blocks["output"]), name
    assert {unquoted(call["source"]) for call in calls.values()} == {f"./modules/{path.name}" for path in MODULES}


def test_the_only_value_that_is_given_to_a_secret_is_the_placeholder() -> None:
    values = re.findall(r"\b(?:secret_string|secret_binary|password)\s*=\s*(.+)", text_of(FOLDER))
    for module in MODULES:
        values += re.findall(r"\b(?:secret_string|secret_binary|password)\s*=\s*(.+)", text_of(module))

    assert values == ['"replace-me"']


def mirrors() -> Iterator[Path]:
    for place in PLACES:
        for depth in ("", "*/", "*/*/"):
            if place.is_dir():
                yield from (found.parent for found in place.glob(f"{depth}registry.terraform.io"))


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Terraform needs to work here without a network; skips where it or its provider is missing."""
    if shutil.which("terraform") is None:
        pytest.skip("Terraform is not installed")
    mirror = next(mirrors(), None)
    if mirror is None:
        pytest.skip("there is no folder with Terraform's providers here")
    folder = tmp_path_factory.mktemp("terraform")
    (folder / "rc").write_text(
        f'provider_installation {{\n filesystem_mirror {{\n  path = "{mirror}"\n  include = ["*/*/*"]\n }}\n}}\n'
    )
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(folder / "rc"),
        "TF_DATA_DIR": str(folder / "data"),
        "CHECKPOINT_DISABLE": "1",
    }


def terraform(environ: dict[str, str], folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["terraform", *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_terraform_finds_the_files_well_formed_and_its_own_tests_pass(
    environ: dict[str, str], tmp_path: Path
) -> None:
    # A copy: Terraform writes its lock file beside what it reads.
    folder = Path(shutil.copytree(FOLDER, tmp_path / "terraform"))
    form = terraform(environ, folder, "fmt", "-check", "-recursive")
    begun = terraform(environ, folder, "init", "-backend=false", "-no-color")
    if begun.returncode != 0 and "provider" in begun.stderr:
        pytest.skip("the provider for AWS is not here in a version that fits")
    valid = terraform(environ, folder, "validate", "-no-color")
    tested = terraform(environ, folder, "test", "-no-color")

    assert (form.returncode, form.stdout) == (0, "")
    assert begun.returncode == 0, begun.stderr
    assert valid.returncode == 0, valid.stdout + valid.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr
