"""Which provider and model a caller means by a name: ``auto``, a provider, ``provider/model``, or a model's name."""

from collections.abc import Sequence

from ..domain.chat import Target
from .policy import Candidate

AUTO = "auto"


class UnknownModelError(Exception):
    """No configured provider answers to this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def resolve(names: Sequence[str], candidates: Sequence[Candidate]) -> tuple[Target, ...]:
    """The chain that these names mean, in their order; empty: the configured priority. Raises UnknownModelError.

    ``candidates`` are all of the priority. ``auto`` among other names stands for all of them. A provider without a
    key is known by name, so that its absence is told as what it is.
    """
    if tuple(names) == (AUTO,):
        return ()
    chain: dict[Target, None] = {}
    for name in names:
        found = [candidate.target for candidate in candidates] if name == AUTO else [_target(name, candidates)]
        chain.update(dict.fromkeys(found))
    return tuple(chain)


def _target(name: str, candidates: Sequence[Candidate]) -> Target:
    for candidate in candidates:
        if candidate.name == name:
            return candidate.target
    for candidate in candidates:
        if _same(candidate.model, name):
            return candidate.target
    provider, slash, model = name.partition("/")
    found = next((candidate for candidate in candidates if candidate.name == provider), None)
    if found is None or not slash or not model:
        raise UnknownModelError(name)
    return found.target if _same(found.model, model) else Target(provider, model)


def _same(configured: str, name: str) -> bool:
    """Whether a name is that of a configured model: Gemini's ``models/`` and Ollama's ``:latest`` may be left out."""
    plain = name.removeprefix("models/")
    return bool(configured) and plain in {configured, configured.removesuffix(":latest")}
