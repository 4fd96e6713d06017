"""A provider that does what its script says, step by step, in the loop's time. Verified: it obeys the grammar.

    ollama = ScriptedProvider("ollama", [(Pause(2), *says("Hello")), fails("reset")])

Each script is one call; a call beyond the scripts gets ``always``, and is an AssertionError where there is none.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.intelligence.app.domain.chat import Locality, ProviderRequest
from services.intelligence.app.domain.errors import (
    ContextTooLong,
    Faulted,
    Garbled,
    Misconfigured,
    ProviderError,
    Reason,
    Refused,
    RejectedRequest,
    Throttled,
    TimedOut,
    Unreachable,
)
from services.intelligence.app.domain.events import Delta, Finished, ReasoningDelta, TextDelta, Usage
from services.intelligence.app.services.providers.base import Provider


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing comes for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hangs:
    """Nothing ever comes again, though the connection stays open."""


@dataclass(frozen=True, slots=True)
class Fails:
    """This error."""

    error: ProviderError


@dataclass(frozen=True, slots=True)
class EndsBare:
    """The stream ends without its terminal mark."""


@dataclass(frozen=True, slots=True)
class LearnsModel:
    """From here on the provider knows which model it uses."""

    model: str


@dataclass(frozen=True, slots=True)
class LearnsContext:
    """From here on the provider knows how much its model reads."""

    tokens: int


Step: TypeAlias = (
    TextDelta | ReasoningDelta | Finished | Pause | Hangs | Fails | EndsBare | LearnsModel | LearnsContext
)
Script: TypeAlias = Sequence[Step]
Check: TypeAlias = Sequence[Pause | Hangs | Fails | LearnsModel]
"""What a free check does; one that reaches its end has passed."""

CLASS_OF: dict[Reason, type[ProviderError]] = {
    reason: kind
    for kind in (
        Unreachable, TimedOut, Throttled, Misconfigured, Faulted, Garbled, RejectedRequest, ContextTooLong, Refused
    )
    for reason in kind.reasons
}  # fmt: skip
"""Every reason that an error can carry: all but ``cancelled``."""

LAST = (Finished, Hangs, Fails, EndsBare)


@dataclass(slots=True)
class Call:
    """One call that was made. ``closed_at``: when its caller ended it early, by leaving or by a timer."""

    request: ProviderRequest
    at: float
    ended_at: float | None = None
    closed_at: float | None = None


class ScriptedProvider(Provider):
    """See the module. ``checks`` script the free checks likewise; beyond them every check passes."""

    def __init__(
        self,
        name: str,
        scripts: Sequence[Script] = (),
        *,
        always: Script | None = None,
        checks: Sequence[Check] = (),
        model: str = "model-1",
        locality: Locality | None = None,
        on_this_machine: bool | None = None,
        context_tokens: int = 8192,
        prefills: bool = False,
        cold: bool = False,
        load_seconds: float = 0.0,
        loaded_seconds: float = 0.0,
    ) -> None:
        """``cold``: the model is not loaded; a call or a warm-up loads it, in ``load_seconds``.

        ``loaded_seconds``: how long it takes to say whether it is loaded.
        """
        self.name = name
        self.prefills = prefills
        self.locality = locality or ("local" if name == "ollama" else "cloud")
        self.on_this_machine = self.locality == "local" if on_this_machine is None else on_this_machine
        self.context_tokens = context_tokens
        self.calls: list[Call] = []
        self.checked_at: list[float] = []
        self._scripts = [_grammatical(script) for script in scripts]
        self._always = None if always is None else _grammatical(always)
        self._checks = list(checks)
        self._model = model
        self.cold = cold
        self.warmed_at: list[float] = []
        self._load_seconds = load_seconds
        self._loaded_seconds = loaded_seconds

    @property
    def model(self) -> str:
        """See Provider."""
        return self._model

    @property
    def open_calls(self) -> int:
        """How many upstream calls are under way."""
        return sum(call.ended_at is None for call in self.calls)

    @property
    def last(self) -> Call:
        """The newest call."""
        return self.calls[-1]

    async def ensure_ready(self) -> None:
        """See Provider."""
        self.checked_at.append(_now())
        for step in self._checks.pop(0) if self._checks else ():
            await self._wait(step)

    async def is_cold(self, _model: str = "", /) -> bool:
        """See Provider."""
        if self._loaded_seconds:
            await asyncio.sleep(self._loaded_seconds)
        return self.cold

    async def warm_up(self, _model: str = "", /) -> None:
        """See Provider."""
        self.warmed_at.append(_now())
        await asyncio.sleep(self._load_seconds)
        self.cold = False

    async def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """See Provider."""
        call = Call(request, _now())
        self.calls.append(call)
        try:
            if self.cold:
                await asyncio.sleep(self._load_seconds)
                self.cold = False
            for step in self._next():
                if isinstance(step, TextDelta | ReasoningDelta | Finished):
                    yield step
                else:
                    await self._wait(step)
        except (GeneratorExit, asyncio.CancelledError):
            call.closed_at = _now()
            raise
        finally:
            call.ended_at = _now()

    def _next(self) -> Script:
        script = self._scripts.pop(0) if self._scripts else self._always
        if script is None:
            raise AssertionError(f"{self.name} was asked {len(self.calls)} times, more often than scripted")
        return script

    async def _wait(self, step: Step) -> None:
        match step:
            case Pause():
                await asyncio.sleep(step.seconds)
            case Hangs():
                await asyncio.get_running_loop().create_future()
            case Fails():
                # A new one each time: a raised exception keeps its traceback.
                raise _copy(step.error)
            case LearnsModel():
                self._model = step.model
            case LearnsContext():
                self.context_tokens = step.tokens


def says(*texts: str, usage: Usage | None = None) -> Script:
    """A whole answer without pauses."""
    return (*map(TextDelta, texts), Finished("stop", "stop", usage))


def fails(reason: Reason, *, after: Sequence[Step] = (), retry_after: float | None = None) -> Script:
    """An error, after these steps."""
    return (*after, Fails(error(reason, retry_after=retry_after)))


def error(reason: Reason, *, retry_after: float | None = None) -> ProviderError:
    """An error of the class that carries this reason."""
    return CLASS_OF[reason](f"scripted: {reason}", reason=reason, retry_after=retry_after)


def _grammatical(script: Script) -> Script:
    if not script or not isinstance(script[-1], LAST) or any(isinstance(step, LAST) for step in script[:-1]):
        raise AssertionError(f"a script ends with Finished, Hangs, Fails or EndsBare, and only there: {script}")
    if any(isinstance(step, TextDelta | ReasoningDelta) and not step.text for step in script):
        raise AssertionError("a delta is never empty")
    return script


def _copy(error: ProviderError) -> ProviderError:
    copy = type(error)(error.detail, reason=error.reason, status=error.status, retry_after=error.retry_after)
    copy.may_retry = error.may_retry
    copy.retry_alone_after = error.retry_alone_after
    copy.of_model = error.of_model
    copy.of_request = error.of_request
    return copy


def _now() -> float:
    return asyncio.get_running_loop().time()
