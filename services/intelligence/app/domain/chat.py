"""What a model is asked. Values without behaviour."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
Locality = Literal["local", "cloud"]
Lock = Literal["deployment", "user", "session", "message"]
"""Who forbade the cloud: the operator, the user's preference, the session's lock, or this message's own."""


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One thing that was said, and by whom. ``local_only``: it must never reach a cloud model."""

    role: Role
    text: str
    local_only: bool = False


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an answer is drawn; None leaves it to the provider, and a provider leaves out what its model does not take.

    ``temperature`` is from 0 to 2, ``top_p`` from 0 to 1, a penalty from -2 to 2, ``seed`` a whole number of 64 bits.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A provider, and which of its models; empty: the configured one."""

    provider: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One question with its history, oldest turn first.

    ``locks`` is who forbade the cloud (empty: it may be asked). ``prefer`` is a wish within what the locks allow.
    ``order`` names providers that the user wants asked first; ``hedging`` is whether a second one may be asked beside
    a slow first one, None: as it is configured. ``chain`` is the caller's own list: nobody else is asked (empty: the
    configured priority). ``model`` is for a provider's eyes: the model that this call is for, empty for the
    provider's own. ``traceparent`` is who asks, in W3C Trace Context's form, for whoever is asked; empty: not traced.
    """

    turns: tuple[ChatTurn, ...]
    sampling: Sampling = field(default_factory=Sampling)
    locks: frozenset[Lock] = frozenset()
    prefer: Locality | None = None
    order: tuple[str, ...] = ()
    hedging: bool | None = None
    chain: tuple[Target, ...] = ()
    model: str = ""
    traceparent: str = ""
