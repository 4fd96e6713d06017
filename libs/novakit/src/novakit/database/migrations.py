"""``python -m novakit.database.migrations``: one migration, run by ``base.upgrade_elsewhere``."""

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from . import open_database
from .base import URL_VARIABLE, DatabaseError


def _main(data_dir: str, service: str, scripts: str, head: str) -> None:
    url = os.environ.get(URL_VARIABLE)
    database = open_database(None if url is None else SecretStr(url), Path(data_dir), service)
    try:
        database.upgrade(Path(scripts), head)
    except DatabaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main(*sys.argv[1:])
