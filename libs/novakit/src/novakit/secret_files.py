"""Secrets that lie in files, and are replaced while the process runs.

The files that ``…_FILE`` names are looked at every few seconds. What one holds counts once it was read twice alike: a
file that is still being written is never taken for a secret. One that is empty, gone or too short changes nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .logs import Logger
from .settings import SettingsError, read_file
from .signing import SigningSecret

LOOK_SECONDS = 5.0
LEAST_SIGNING_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one file: the value in use, and another one that was read once; both empty while unknown."""

    used: str
    once: str = ""

    def after(self, found: str) -> "Seen":
        """What is known after one more look that found this value, or nothing."""
        if found in {"", self.used}:
            return Seen(self.used)
        return Seen(found) if found == self.once else Seen(self.used, found)


@dataclass(slots=True)
class _Watched:
    path: Path
    seen: Seen
    replaced: Callable[[str], None]
    least: int
    complained: bool = field(default=False)


class SecretFiles:
    """``files`` are the variables that were read from a file, each with its path (``Settings.files``)."""

    def __init__(self, files: Mapping[str, Path], log: Logger) -> None:
        self._files = files
        self._log = log
        self._watched: dict[str, _Watched] = {}

    def watch(self, variable: str, value: str, replaced: Callable[[str], None], *, least: int = 1) -> None:
        """Call ``replaced`` with each new value; nothing where the variable came from no file.

        ``value`` is the one in use. One with fewer than ``least`` characters is not taken.
        """
        path = self._files.get(variable)
        if path is not None:
            self._watched[variable] = _Watched(path, Seen(value), replaced, least)

    def signing(self, variable: str, secret: str, *, life: float, now: Callable[[], float]) -> SigningSecret:
        """A secret that signs what is good for ``life`` seconds, and is replaced when its file is."""
        signs = SigningSecret(secret, life=life, now=now)
        self.watch(variable, secret, signs.replace, least=LEAST_SIGNING_CHARACTERS)
        return signs

    def look(self) -> None:
        """Look at each file once."""
        for variable, watched in self._watched.items():
            self._look(variable, watched, _read(variable, watched.path))

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look every LOOK_SECONDS for as long as the block lasts."""
        task = asyncio.ensure_future(self._run()) if self._watched else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for variable, watched in self._watched.items():
                # A file may lie on a network.
                self._look(variable, watched, await asyncio.to_thread(_read, variable, watched.path))

    def _look(self, variable: str, watched: _Watched, found: str) -> None:
        usable = len(found) >= watched.least
        if usable is watched.complained:
            watched.complained = not usable
            if not usable:
                self._log.warning("secret_file_not_usable", variable=variable, least_characters=watched.least)
        before = watched.seen.used
        watched.seen = watched.seen.after(found if usable else "")
        if watched.seen.used != before:
            watched.replaced(watched.seen.used)
            self._log.info("secret_replaced", variable=variable)


def _read(variable: str, path: Path) -> str:
    try:
        return read_file(variable, path) or ""
    except SettingsError:
        return ""
