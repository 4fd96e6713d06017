"""Who is behind the provider ``ollama``: an address that was set, an Ollama found here, or the built-in model."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .fetch import Answer, get

DEFAULT_URL = "http://127.0.0.1:11434"
PROVIDER = "ollama"
AUTO = "auto"
PROBE_SECONDS = 1.0

Get = Callable[[str], Answer | None]


class Kind(StrEnum):
    """How the local model was chosen."""

    SET = "set"
    FOUND = "found"
    BUILT_IN = "built-in"
    NOT_INSTALLED = "not installed"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice, and the address to hand on; None where the setting or the built-in model's port decides."""

    kind: Kind
    url: str | None = None


def choose(setting: str, priority: Sequence[str], *, installed: bool, has_model: Callable[[], bool]) -> Choice:
    """Decide. ``has_model`` looks for an Ollama with a model at DEFAULT_URL, and is called only where that counts."""
    if PROVIDER not in priority:
        return Choice(Kind.NOT_WANTED)
    if setting.lower() != AUTO:
        return Choice(Kind.SET)
    if has_model():
        return Choice(Kind.FOUND, DEFAULT_URL)
    if not installed:
        return Choice(Kind.NOT_INSTALLED, DEFAULT_URL)
    return Choice(Kind.BUILT_IN)


def ask(url: str) -> Answer | None:
    """A GET that takes no longer than somebody who starts NovaCore would wait."""
    return get(url, timeout=PROBE_SECONDS)


def answers_with_a_model(base_url: str = DEFAULT_URL, get: Get = ask) -> bool:
    """Whether an Ollama answers there and lists at least one model."""
    version = get(f"{base_url}/api/version")
    if version is None or version.status != 200:
        return False
    tags = get(f"{base_url}/api/tags")
    return tags is not None and tags.status == 200 and lists_a_model(tags.body)


def lists_a_model(body: bytes) -> bool:
    """Whether the answer of ``/api/tags`` names a model that could answer a chat on that machine.

    One that only embeds could not, and one that Ollama fetches its answers for from elsewhere is not local.
    """
    try:
        document: Any = json.loads(body)
    except ValueError:
        return False
    models = document.get("models") if isinstance(document, dict) else None
    return isinstance(models, list) and any(_answers_here(model) for model in models)


def _answers_here(model: Any) -> bool:
    if not isinstance(model, dict) or model.get("remote_host"):
        return False
    capabilities = model.get("capabilities")
    if isinstance(capabilities, list) and capabilities and "completion" not in capabilities:
        return False
    return not str(model.get("name", "")).endswith(("-cloud", ":cloud"))
