"""A killed test run leaves no product behind."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from .services import ROOT

STARTER = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-m", "tests.support.tethered",
     sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"],
    start_new_session=True, stdout=subprocess.PIPE,
)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""
PATIENCE = 10.0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_what_is_tethered_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert Path(f"/proc/{child}").exists()
        parent.kill()
    deadline = time.monotonic() + PATIENCE
    while _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
