"""``python -m novakit.database.migrations``: one migration, run by ``base.upgrade_elsewhere``."""

import os
import sys
import threading
from pathlib import Path

from pydantic import SecretStr

from . import open_database
from .base import URL_VARIABLE, DatabaseError


def _end_with_parent() -> None:
    """Whoever waits for this migration has died. What it has done is rolled back."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _main(data_dir: str, service: str, scripts: str, head: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    url = os.environ.get(URL_VARIABLE)
    database = open_database(None if url is None else SecretStr(url), Path(data_dir), service)
    try:
        database.upgrade(Path(scripts), head)
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
