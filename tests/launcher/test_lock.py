import subprocess
import sys
from pathlib import Path

import pytest
from novakit.settings import SettingsError

from novacore import lock

from .worlds import python_path

HOLD_FOREVER = """
import signal, sys
from pathlib import Path
from novacore import lock
with lock.hold(Path(sys.argv[1]), "http://127.0.0.1:8080"):
    print("held", flush=True)
    signal.pause()
"""


def test_a_second_launcher_on_the_same_folder_is_told_who_has_it(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, "http://127.0.0.1:8080"),
        pytest.raises(lock.InUseError, match=r"process \d+, http://127\.0\.0\.1:8080"),
        lock.hold(tmp_path, "http://127.0.0.1:9090"),
    ):
        raise AssertionError("held twice")


def test_a_folder_that_was_let_go_can_be_held_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.hold(tmp_path / "new" / "data", "address"):
            pass


def test_a_lock_that_a_killed_process_left_does_not_block_a_start(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD_FOREVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONPATH": python_path()}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(lock.InUseError), lock.hold(tmp_path, "address"):
            raise AssertionError("held twice")
        process.kill()
        process.wait()
    assert (tmp_path / lock.FILE).read_text() != ""
    with lock.hold(tmp_path, "address"):
        pass


def test_a_data_folder_that_is_a_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(SettingsError, match="NOVACORE_DATA_DIR"), lock.hold(tmp_path / "data", "address"):
        raise AssertionError("held")
