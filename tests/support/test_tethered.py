"""A killed test run leaves no product behind."""

import subprocess
import sys
import time

import pytest

from .services import ROOT

STARTER = """
import subprocess, sys
subprocess.run(
    [sys.executable, "-m", "tests.support.tethered",
     sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"],
    start_new_session=True,
)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help is Linux's")
def test_what_is_tethered_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.kill()
        killed = time.monotonic()
        # The pipe ends with the last process that holds it.
        assert parent.stdout.read() == b""
        assert time.monotonic() - killed < 30
