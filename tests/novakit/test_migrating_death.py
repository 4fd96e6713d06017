"""A migration ends with the process that has asked for it, also where that one is killed."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from services.memory.app.main import MIGRATIONS

PATIENCE = 20
ASK = (
    "import asyncio, sys; from pathlib import Path; from novakit.database.base import upgrade_elsewhere;"
    "asyncio.run(upgrade_elsewhere((None, sys.argv[1], 'memory'), Path(sys.argv[1]), '0001'))"
)


def test_a_migration_does_not_outlive_who_has_asked_for_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text((MIGRATIONS / "env.py").read_text())
    (tmp_path / "versions" / "0001_long.py").write_text(
        "import time\nrevision, down_revision = '0001', None\n"
        f"def upgrade():\n    told = open({str(told)!r}, 'w')\n    told.write('x')\n    told.flush()\n"
        f"    time.sleep({2 * PATIENCE})\n"
    )
    reading = os.open(told, os.O_RDONLY | os.O_NONBLOCK)

    def heard() -> bytes:
        """What the migration writes; nothing where it has ended."""
        assert select.select([reading], [], [], PATIENCE)[0], "it is still there"
        return os.read(reading, 1)

    asking = subprocess.Popen([sys.executable, "-c", ASK, str(tmp_path)])
    try:
        assert heard() == b"x"
        asking.send_signal(signal.SIGKILL)
        assert heard() == b""
    finally:
        asking.kill()
        asking.wait()
        os.close(reading)
