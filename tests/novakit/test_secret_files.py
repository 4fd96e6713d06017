"""Secrets in files that are replaced while the process runs."""

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from novakit import logs, secret_files
from novakit.clock import FakeClock
from novakit.secret_files import SecretFiles
from novakit.settings import Settings
from pydantic import Field, SecretStr

KEY = "KEY"


class Example(Settings):
    key: SecretStr | None = Field(default=None, description="a key")
    other: str = Field(default="", description="something else")


class Watched:
    """One file, what came of it, and what was logged."""

    def __init__(self, path: Path, *, least: int = 1) -> None:
        self.path = path
        self.log = io.StringIO()
        self.taken: list[str] = []
        logs.setup("test", out=self.log)
        self.files = SecretFiles({KEY: path}, logs.get("secrets"))
        self.files.watch(KEY, path.read_text().strip(), self.taken.append, least=least)

    def holds(self, text: str) -> "Watched":
        """Let the file hold this, and be looked at once."""
        self.path.write_text(text)
        self.files.look()
        return self

    def events(self) -> list[str]:
        """What was logged."""
        return [json.loads(line)["event"] for line in self.log.getvalue().splitlines()]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    path = tmp_path / "key"
    path.write_text("first\n")
    yield Watched(path)
    logs.setup("test")


def test_what_was_read_from_a_file_is_known_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("first")
    settings = Example.load({"KEY_FILE": str(path), "OTHER": "plain"})
    assert (settings.key, dict(settings.files)) == (SecretStr("first"), {KEY: path})
    assert not Example.load({"KEY_FILE": str(path), "KEY": "counts more"}).files


def test_a_new_value_counts_once_it_was_read_twice(watched: Watched) -> None:
    assert watched.holds("second").taken == []
    assert watched.holds("second\n").taken == ["second"]
    assert watched.holds("second").holds("second").taken == ["second"]


def test_a_file_that_is_still_being_written_is_no_secret(watched: Watched) -> None:
    assert watched.holds("sec").holds("second").taken == []
    assert watched.holds("second").taken == ["second"]


@pytest.mark.parametrize("text", ["", " \n", "replace-me"])
def test_an_empty_file_changes_nothing_and_is_told_once(watched: Watched, text: str) -> None:
    watched.holds(text).holds(text).holds(text)
    assert (watched.taken, watched.events()) == ([], ["secret_file_not_usable"])
    watched.holds("second").holds("second").holds(text)
    assert watched.taken == ["second"]
    assert watched.events() == ["secret_file_not_usable", "secret_replaced", "secret_file_not_usable"]


def test_a_file_that_is_gone_changes_nothing(watched: Watched) -> None:
    watched.path.unlink()
    watched.files.look()
    assert watched.taken == []
    assert watched.holds("first").holds("first").taken == []


def test_a_folder_whose_link_is_swapped_is_followed(tmp_path: Path) -> None:
    """So Kubernetes replaces what it mounts."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(name)
    data = tmp_path / "..data"
    data.symlink_to("one")
    (tmp_path / "key").symlink_to("..data/key")
    watched = Watched(tmp_path / "key")
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(data)
    watched.files.look()
    watched.files.look()
    assert watched.taken == ["two"]


def test_a_value_that_is_too_short_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("s" * 32)
    watched = Watched(path, least=32)
    assert watched.holds("t" * 31).holds("t" * 31).taken == []
    assert watched.holds("t" * 32).holds("t" * 32).taken == ["t" * 32]


def test_no_value_is_logged(watched: Watched) -> None:
    watched.holds("second").holds("second")
    line = json.loads(watched.log.getvalue())
    assert (line["event"], line["variable"]) == ("secret_replaced", KEY)
    assert "second" not in watched.log.getvalue()


def test_nothing_is_watched_that_came_from_no_file(tmp_path: Path) -> None:
    files = SecretFiles({}, logs.get("secrets"))
    secret = files.signing(KEY, "s" * 32, life=60, now=FakeClock().now)
    files.look()
    assert secret.accepted() == ("s" * 32,)


async def test_files_are_looked_at_for_as_long_as_the_service_runs(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_files, "LOOK_SECONDS", 0.001)
    noticed = asyncio.Event()
    watched.files.watch(KEY, "first", lambda _value: noticed.set())
    async with watched.files.watching():
        watched.path.write_text("second")
        await asyncio.wait_for(noticed.wait(), 10)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
