"""Not one packet leaves under a lock: counted by the kernel, in a network namespace that has nothing else in it."""

import json
import os
import shutil
import subprocess
import sys
from typing import Any

import pytest

from tests.support.services import ROOT

from .test_privacy import LOCKS, NOTHING_SENT

IN_A_NAMESPACE = ["unshare", "--net", "--"]


def allowed() -> bool:
    """Whether network namespaces can be made here: as root, with the two tools, and where the kernel lets us."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("ip")):
        return False
    probe = [*IN_A_NAMESPACE, "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not allowed(), reason="network namespaces need root, unshare and ip")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process in a namespace of its own has seen, by lock."""
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "libs" / "novakit" / "src")]),
    }
    folder = tmp_path_factory.mktemp("isolated")
    command = [*IN_A_NAMESPACE, sys.executable, "-m", "tests.intelligence.api.isolated", str(folder), *LOCKS, "none"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.mark.parametrize("lock", LOCKS)
def test_under_a_lock_no_packet_leaves_the_machine(told: dict[str, Any], lock: str) -> None:
    assert told[lock] == {"response": NOTHING_SENT, "packets": 0}


def test_without_a_lock_the_counter_counts(told: dict[str, Any]) -> None:
    assert told["none"]["packets"] > 0
