"""What happened along the way: the events that the orchestrator tells beside the deltas, and how it may end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..domain.chat import ChatTurn
from ..domain.errors import ProviderError, Reason
from ..domain.events import Delta, Finished
from .policy import Candidate, RouteDecision, Skipped

_NO_CONNECTION: frozenset[Reason] = frozenset({"connect_refused", "connect_timeout", "dns", "tls"})


@dataclass(frozen=True, slots=True)
class Queued:
    """Waiting for a slot of this provider, ``place`` from 1. ``expected_wait`` is seconds, None while not known."""

    candidate: Candidate
    place: int
    expected_wait: float | None


@dataclass(frozen=True, slots=True)
class Connecting:
    """Upstream call number ``call`` (from 1, retries counted) is about to be made, with these turns.

    ``hold`` is the id of what is reserved for it of its provider's budget, where that has one. ``probe``: it is to
    show whether the provider is back.
    """

    call: int
    candidate: Candidate
    asked: tuple[ChatTurn, ...] = ()
    hold: str | None = None
    probe: bool = False


@dataclass(frozen=True, slots=True)
class Loading:
    """The model of this call has to be loaded first."""

    call: int
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Answering:
    """The first words of this call came, said or only thought, ``after`` seconds from its start.

    ``closed``: they closed a circuit.
    """

    call: int
    candidate: Candidate
    after: float
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """This call failed. ``spoke``: some of its text was yielded; thoughts alone are not, for nobody is shown them.

    ``opened``: it opened a circuit. ``prompted``: the prompt may have been sent; false where a free check failed.
    """

    call: int
    candidate: Candidate
    error: ProviderError
    spoke: bool
    opened: bool = False
    prompted: bool = True

    @property
    def sent(self) -> bool:
        """Whether bytes of the prompt may have left this machine."""
        return self.prompted and not self.candidate.on_this_machine and self.error.reason not in _NO_CONNECTION


@dataclass(frozen=True, slots=True)
class Succeeded:
    """This call brought a whole answer: ``finished``, or a refusal (``refusal`` is then the error that says so).

    ``closed``: it closed a circuit.
    """

    call: int
    candidate: Candidate
    finished: Finished | None = None
    refusal: ProviderError | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """This call was ended: another one of the same race spoke first, or a lock came before its prompt was sent.

    ``prompted``: the prompt may have been sent.
    """

    call: int
    candidate: Candidate
    prompted: bool = True


@dataclass(frozen=True, slots=True)
class Handoff:
    """From here, ``at`` characters into the answer, another provider speaks; ``reason`` is why the first did not."""

    source: str
    target: str
    at: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Replaced:
    """The provider that goes on began again and says something else: this is the answer so far, anew."""

    text: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Forget the answer so far: the next provider begins anew."""


RouteEvent: TypeAlias = (
    RouteDecision
    | Skipped
    | Queued
    | Connecting
    | Loading
    | Answering
    | Failed
    | Cancelled
    | Succeeded
    | Handoff
    | Replaced
    | Reset
    | Delta
)
"""What ``ProviderOrchestrator.generate_streaming_response`` yields: the decision first, then the story as it goes."""


class RoutingError(Exception):
    """The orchestrator has no whole answer."""


class InterruptedAnswer(RoutingError):
    """An answer broke after some of its text was shown."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__(f"the answer broke off: {error.reason}")
        self.error = error


class AllProvidersFailed(RoutingError):
    """Nobody answered. ``failures`` in the order of the calls; ``skipped`` says who was not asked."""

    def __init__(self, failures: Sequence[Failed], skipped: Sequence[Skipped]) -> None:
        asked = ", ".join(f"{failed.candidate.name}: {failed.error.reason}" for failed in failures)
        left_out = ", ".join(f"{skip.candidate.name}: {skip.reason}" for skip in skipped)
        super().__init__(f"no provider answered (asked: {asked or 'none'}; skipped: {left_out or 'none'})")
        self.failures = tuple(failures)
        self.skipped = tuple(skipped)

    @property
    def locked_out(self) -> bool:
        """Whether the cloud was forbidden to this request, and could otherwise have been asked."""
        return any(skip.reason in {"cloud_disabled", "preference", "local_only"} for skip in self.skipped)

    @property
    def sent(self) -> bool:
        """Whether bytes of the prompt left this machine."""
        return any(failed.sent for failed in self.failures)
