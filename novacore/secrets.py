"""The secrets that a first start makes, so that nobody needs to: one file each in the data folder, mode 600."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from novakit.settings import SettingsError, file_of, read

from .environment import BOOTSTRAP_KEY

FOLDER = "secrets"
SIGNING = ("JWT_SECRET", "SERVICE_JWT_SECRET")
NAMES = (*SIGNING, BOOTSTRAP_KEY)
_PREFIXES = {BOOTSTRAP_KEY: "nc_"}
_TOKEN_BYTES = 32


def ensure(
    environ: Mapping[str, str], data_dir: Path, new_token: Callable[[int], str] = secrets.token_hex
) -> dict[str, str]:
    """The value of each name: from the environment or its ``…_FILE``, else stored, else made and stored.

    Raises SettingsError where the folder cannot be used.
    """
    return {name: read(environ, name) or _stored_or_made(name, data_dir, new_token) for name in NAMES}


def preview(
    environ: Mapping[str, str], data_dir: Path, new_token: Callable[[int], str] = secrets.token_hex
) -> dict[str, str]:
    """What ``ensure`` would give, without making a file: values that a first start would make are made up anew.

    Raises SettingsError where a file cannot be read.
    """
    return {name: read(environ, name) or stored(name, data_dir) or _made(name, new_token) for name in NAMES}


def by_file(environ: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    """The variables that name the files of the signing secrets, less those that stand in the environment themselves.

    A service that is given the file notices when it is replaced, and the secret is in no process's environment.
    """
    plain = {name for name in SIGNING if read({name: environ.get(name, "")}, name) is not None}
    found = {name: file_of(environ, name).get(name, _path(name, data_dir)) for name in SIGNING if name not in plain}
    return {f"{name}_FILE": str(path.resolve()) for name, path in found.items()}


def stored(name: str, data_dir: Path) -> str | None:
    """A secret that an earlier start made; raises SettingsError where its file cannot be read."""
    path = _path(name, data_dir)
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not the text that was written"
        raise SettingsError(f"{name} cannot be read from {path}: {reason}.") from None


def make_folder(folder: Path) -> None:
    """Make a folder that is its owner's alone, where there is none; raises SettingsError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"NOVACORE_DATA_DIR: the folder {folder} cannot be made: {error.strerror}.") from None


def _path(name: str, data_dir: Path) -> Path:
    return data_dir / FOLDER / name.lower()


def _stored_or_made(name: str, data_dir: Path, new_token: Callable[[int], str]) -> str:
    value = stored(name, data_dir)
    path = _path(name, data_dir)
    if value is None:
        value = _made(name, new_token)
        make_folder(path.parent)
        _write(path, value)
    elif path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return value


def _made(name: str, new_token: Callable[[int], str]) -> str:
    return _PREFIXES.get(name, "") + new_token(_TOKEN_BYTES)


def _write(path: Path, value: str) -> None:
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{value}\n")
            file.flush()
            os.fsync(descriptor)
        unfinished.replace(path)
    except OSError as error:
        raise SettingsError(f"NOVACORE_DATA_DIR: {path} cannot be written: {error.strerror}.") from None
