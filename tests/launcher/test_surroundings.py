"""What the launcher looks at itself: this machine, the data folder, the port, and who the local model is."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from novacore import lock, secrets, surroundings
from novacore.fetch import Answer
from novacore.ollama import Choice, Kind
from novacore.settings import LauncherSettings

from .worlds import free_port


def levels(folder: Path, **more: bool) -> list[tuple[str, str]]:
    found = surroundings.data_folder(folder, **{name: lambda _folder: False for name in more})
    return [(one.level, one.check) for one in found if one.check != "space"]


def settings(folder: Path, port: int, **environ: str) -> LauncherSettings:
    return LauncherSettings.load({"NOVACORE_DATA_DIR": str(folder), "NOVACORE_PORT": str(port), **environ})


@contextmanager
def answering(status: int, body: object) -> Iterator[int]:
    """The port of a server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


READY = {"status": "ready", "checks": {"database": "ok"}}


def test_a_python_that_is_too_old_is_a_fault() -> None:
    assert surroundings.python((3, 11, 0)).level == "ok"
    old = surroundings.python((3, 10, 9))
    assert (old.level, old.text) == ("fault", "Python 3.10.9 is too old.")


@pytest.mark.parametrize(
    ("version", "level"), [("v22.1.0", "ok"), ("v20.0.0", "ok"), ("v18.20.1", "warning"), (None, "warning")]
)
def test_a_node_that_cannot_build_the_page_is_a_warning(version: str | None, level: str) -> None:
    assert surroundings.node(lambda: version).level == level


def test_a_data_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    assert levels(folder) == [("ok", "write")]
    assert not folder.parent.exists()


def test_a_data_folder_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    assert levels(tmp_path, can_write=False) == [("fault", "write")]
    file = tmp_path / "file"
    file.touch()
    assert levels(file) == [("fault", "write")]
    assert levels(file / "data") == [("fault", "write")]


@pytest.mark.parametrize(
    ("free", "level", "said"),
    [
        (99_000_000, "fault", "only 99 MB are free"),
        (999_000_000, "warning", "only 999 MB are free"),
        (5_000_000_000, "ok", "5.0 GB are free"),
    ],
)
def test_a_full_disk_is_told_before_it_is_full(free: int, level: str, said: str) -> None:
    finding = surroundings.free_space(free)
    assert finding.level == level
    assert said in finding.text


def test_secrets_that_others_can_read_are_a_fault_with_the_command_that_mends_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    secrets.make_folder(folder)
    made = secrets.ensure({}, folder)
    assert levels(folder) == [("ok", "write"), ("ok", "permissions")]
    path = folder / "secrets" / "jwt_secret"
    path.chmod(0o644)
    (fault,) = [one for one in surroundings.data_folder(folder) if one.level == "fault"]
    assert (fault.subject, fault.text) == ("secrets", f"other users can read {path}.")
    assert fault.advice == f"chmod 600 {path}"
    assert path.stat().st_mode & 0o777 == 0o644
    assert all(value not in str(surroundings.data_folder(folder)) for value in made.values())


def test_a_data_folder_that_others_can_look_into_is_a_warning(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert levels(tmp_path) == [("ok", "write"), ("warning", "permissions")]


def test_a_free_port_is_fine(tmp_path: Path) -> None:
    port = free_port()
    finding = surroundings.listening(settings(tmp_path, port))
    assert (finding.level, finding.text) == ("ok", f"port {port} is free.")


def test_a_port_of_another_program_is_a_fault(tmp_path: Path) -> None:
    with answering(200, {"status": "ready"}) as port:
        finding = surroundings.listening(settings(tmp_path, port))
    assert (finding.level, finding.text) == ("fault", f"port {port} is taken by another program.")
    assert finding.advice == "Stop what uses it, or set NOVACORE_PORT."


def test_an_address_that_is_not_this_machines_is_a_fault(tmp_path: Path) -> None:
    finding = surroundings.listening(settings(tmp_path, free_port(), NOVACORE_HOST="192.0.2.1"))
    assert finding.level == "fault"
    assert "NOVACORE_HOST" in finding.text


@pytest.mark.parametrize(
    ("status", "level", "said"),
    [(200, "ok", "NovaCore runs"), (503, "warning", "is not ready")],
)
def test_a_novacore_of_this_data_folder_may_listen_there(tmp_path: Path, status: int, level: str, said: str) -> None:
    with answering(status, READY) as port, lock.hold(tmp_path, "here"):
        finding = surroundings.listening(settings(tmp_path, port))
    assert finding.level == level
    assert said in finding.text


def test_a_novacore_of_another_data_folder_is_a_warning(tmp_path: Path) -> None:
    with answering(200, READY) as port:
        finding = surroundings.listening(settings(tmp_path, port))
    assert finding.level == "warning"
    assert "did not start on this data folder" in finding.text


@pytest.mark.parametrize("body", [b"", b"[]", b'{"checks": 1}', b'{"checks": {}}', b"<html>"])
def test_any_other_answer_is_no_novacores(body: bytes) -> None:
    assert not surroundings.is_novacore(body)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (Kind.BUILT_IN, "ok"),
        (Kind.FOUND, "ok"),
        (Kind.NOT_INSTALLED, "fault"),
        (Kind.SET, None),
        (Kind.NOT_WANTED, None),
    ],
)
def test_the_local_model_is_told_where_it_was_not_set(kind: Kind, level: str | None) -> None:
    found = surroundings.local_model(Choice(kind), lambda _url: None)
    assert [one.level for one in found] == ([] if level is None else [level])


def test_an_ollama_without_a_model_is_told_with_what_to_do() -> None:
    first, second = surroundings.local_model(Choice(Kind.BUILT_IN), lambda _url: Answer(200, b"{}"))
    assert (first.level, first.advice) == ("warning", "ollama pull llama3.2, or another model.")
    assert second.level == "ok"


def test_who_holds_a_folder_can_be_asked_without_holding_it(tmp_path: Path) -> None:
    assert lock.holder(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with lock.hold(tmp_path, "http://127.0.0.1:1"):
        assert lock.holder(tmp_path) == f"process {os.getpid()}, http://127.0.0.1:1"
    assert lock.holder(tmp_path) is None
    with lock.hold(tmp_path, "again"):
        pass


def test_a_preview_of_the_secrets_writes_nothing_and_shows_what_is_stored(tmp_path: Path) -> None:
    first = secrets.preview({"JWT_SECRET": "given"}, tmp_path)
    assert first["JWT_SECRET"] == "given"
    assert first["NOVACORE_BOOTSTRAP_API_KEY"].startswith("nc_")
    assert list(tmp_path.iterdir()) == []
    assert secrets.preview({}, tmp_path) != secrets.preview({}, tmp_path)
    made = secrets.ensure({}, tmp_path)
    assert secrets.preview({}, tmp_path) == made
