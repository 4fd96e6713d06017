"""One ``up`` for each data folder. The kernel gives the lock up with the process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from novakit.settings import SettingsError

from .secrets import make_folder

FILE = "up.lock"


class InUseError(Exception):
    """Another ``up`` runs on this data folder; the message says which."""


def holder(data_dir: Path) -> str | None:
    """Who holds the folder, as ``process 1, http://…``; None where nobody does, or it cannot be told."""
    try:
        with (data_dir / FILE).open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except OSError:
        pass
    return None


@contextmanager
def hold(data_dir: Path, address: str) -> Iterator[None]:
    """Hold the folder; raises InUseError, or SettingsError where the folder cannot be used."""
    make_folder(data_dir)
    path = data_dir / FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingsError(f"NOVACORE_DATA_DIR: {path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = file.read().strip()
            raise InUseError(
                f"NovaCore already runs on the data folder {data_dir}{f' ({who})' if who else ''}: "
                "end that one, or set NOVACORE_DATA_DIR."
            ) from None
        except OSError as error:
            raise SettingsError(f"NOVACORE_DATA_DIR: {path} cannot be locked: {error.strerror}.") from None
        file.truncate()
        file.write(f"process {os.getpid()}, {address}\n")
        file.flush()
        yield
        file.truncate(0)
