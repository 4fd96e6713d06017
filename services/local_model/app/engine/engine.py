"""What the service asks of an inference engine: load, answer, unload. All calls block their thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
Emit = Callable[[str], bool]
"""Called from the engine's thread with each piece of text, and with "" for progress without text.

Returns whether to go on; must not raise.
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. The defaults suit a model of 135 million parameters, which rambles when it is warmer.

    ``repeat_last_n`` -1 is the whole context. ``seed`` None is a random one. ``max_tokens`` None is all that fits.
    """

    temperature: float = 0.2
    top_k: int = 40
    top_p: float = 0.9
    min_p: float = 0.0
    typical_p: float = 1.0
    repeat_last_n: int = 64
    repeat_penalty: float = 1.1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One answer to write.

    ``prompt`` is a conversation, or a text that is continued as it stands. A conversation whose last turn is the
    assistant's is gone on with. ``schema`` is a JSON schema that the answer must follow.
    """

    prompt: tuple[Turn, ...] | str
    sampling: Sampling
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer: why, how many tokens, and how long they took in seconds."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    answer_tokens: int
    prompt_seconds: float
    answer_seconds: float


class EngineError(Exception):
    """The engine could not do what it was asked. The message holds nothing of the prompt or the answer."""


class LoadFailedError(EngineError):
    """The model could not be loaded."""


class PromptTooLongError(EngineError):
    """The prompt has ``tokens`` tokens; fewer than ``limit`` fit. Always raised before the first piece."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, and the context holds {limit}")
        self.tokens = tokens
        self.limit = limit


class JobRefusedError(EngineError):
    """The job cannot be done by this engine, however often it is asked."""


class Engine(Protocol):
    """One model. ``run`` may be called from as many threads at once as there are slots."""

    def load(self) -> None:
        """Bring the model into memory, ready for its first answer; raises LoadFailedError."""
        ...

    def unload(self) -> None:
        """Give the memory back. Only called while nothing runs."""
        ...

    def run(self, job: Job, emit: Emit) -> Finished | None:
        """Write one answer; None where ``emit`` ended it. Raises EngineError."""
        ...
