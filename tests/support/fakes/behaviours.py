"""What a fake does with one request: a tuple of steps, played in order.

The functions below make the usual ones. A test that needs something else writes its own tuple.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .gate import Gate

FinishReason = Literal["stop", "length", "content_filter"]
CutKind = Literal["fin", "reset", "clean"]


@dataclass(frozen=True, slots=True)
class Open:
    """Send the status line and the headers now; otherwise they leave with the first bytes of the body.

    ``greet`` false leaves out the frame with which some providers begin.
    """

    greet: bool = True


@dataclass(frozen=True, slots=True)
class Say:
    """One token of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Think:
    """One token of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class Decline:
    """One token of a refusal, where the provider has a field for it; a token of the answer elsewhere."""

    text: str


@dataclass(frozen=True, slots=True)
class Ping:
    """A frame without content: it keeps the connection busy and says nothing."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Pass:
    """Wait at a gate."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class Silence:
    """Say nothing more, and keep the connection open until the client leaves."""


@dataclass(frozen=True, slots=True)
class Raw:
    """These bytes as they are, in place of a frame."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Chop:
    """From here on, every frame travels in pieces of so many bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class Fail:
    """The provider's error frame inside a stream."""

    message: str
    status: int = 500


@dataclass(frozen=True, slots=True)
class Block:
    """The provider's way to say that the prompt is not acceptable."""


@dataclass(frozen=True, slots=True)
class End:
    """The frames that end an answer: finish reason, usage, terminal mark."""

    finish: FinishReason = "stop"
    usage: bool = True


@dataclass(frozen=True, slots=True)
class Cut:
    """End the connection here.

    ``fin`` leaves the body unfinished, ``reset`` drops the connection hard, ``clean`` ends the HTTP body properly but
    without the provider's terminal mark.
    """

    kind: CutKind = "fin"


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole answer that is not streamed; ``body`` None means the provider's own error shape for the status."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Step: TypeAlias = (
    Open | Say | Think | Decline | Ping | Pause | Pass | Silence | Raw | Chop | Fail | Block | End | Cut | Reply
)
Behaviour: TypeAlias = tuple[Step, ...]

TEXT = "The quick brown fox jumps over the lazy dog."


def answer(
    text: str = TEXT,
    *,
    tokens: int | None = None,
    reasoning: str = "",
    finish: FinishReason = "stop",
    usage: bool = True,
    gate: Gate | None = None,
    gap: float = 0.0,
    chop: int | None = None,
) -> Behaviour:
    """A good answer in ``tokens`` pieces (None: one a word).

    With a ``gate`` the test lets each token, and then the end, through. ``gap`` is in seconds before each token.
    ``chop`` sends every frame in pieces of so many bytes.
    """
    steps: list[Step] = [Chop(chop)] if chop else []
    thoughts: list[Step] = [Think(piece) for piece in pieces(reasoning, None)]
    words: list[Step] = [Say(piece) for piece in pieces(text, tokens)]
    for step in (*thoughts, *words, End(finish, usage)):
        if gate is not None:
            steps.append(Pass(gate))
        if gap and not isinstance(step, End):
            steps.append(Pause(gap))
        steps.append(step)
    return tuple(steps)


def late(seconds: float, text: str = TEXT) -> Behaviour:
    """A good answer whose first byte comes late."""
    return (Pause(seconds), *answer(text))


def hang() -> Behaviour:
    """Take the request and never answer, not even with headers."""
    return (Silence(),)


def stall(after: int = 2, text: str = TEXT) -> Behaviour:
    """Fall silent after ``after`` tokens (0: after the headers)."""
    return (Open(), *_first(text, after), Silence())


def cut(after: int = 2, text: str = TEXT, *, kind: CutKind = "fin") -> Behaviour:
    """Lose the connection after ``after`` tokens."""
    return (Open(), *_first(text, after), Cut(kind))


def reset() -> Behaviour:
    """Take the request and drop the connection without a byte."""
    return (Cut("reset"),)


def error_in_stream(after: int = 2, message: str = "something broke", *, status: int = 500) -> Behaviour:
    """Report an error after ``after`` tokens, inside the 200 that had begun."""
    return (Open(), *_first(TEXT, after), Fail(message, status))


def garbage(data: bytes = b"\x00\xff this is no frame }\n\n") -> Behaviour:
    """A 200 whose body means nothing."""
    return (Open(greet=False), Raw(data), Cut("clean"))


def empty(*, finish: FinishReason = "stop") -> Behaviour:
    """A complete answer without a word in it."""
    return (Open(), End(finish))


def blocked(after: int = 0) -> Behaviour:
    """The safety filter steps in: at the prompt, or after ``after`` tokens of the answer."""
    if after:
        return (*_first(TEXT, after), End("content_filter"))
    return (Block(),)


def refused(text: str = "I am sorry, I cannot help with that.") -> Behaviour:
    """The model itself declines."""
    return (*(Decline(piece) for piece in pieces(text, None)), End())


def status(code: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer with this status. ``body``: None for the provider's own shape, bytes or text as is, else JSON."""
    return (Reply(code, body, headers or {}),)


def pings(count: int = 3) -> Behaviour:
    """Frames without content, then silence."""
    return (Open(), *(Ping() for _ in range(count)), Silence())


def pieces(text: str, count: int | None) -> list[str]:
    """The text in ``count`` pieces as equal as can be; None: one a word, spaces kept at the front."""
    if not text:
        return []
    if count is None:
        words = text.split(" ")
        return [words[0], *(f" {word}" for word in words[1:])] if words[0] else [text]
    edges = [round(len(text) * at / count) for at in range(count + 1)]
    return [text[start:end] for start, end in itertools.pairwise(edges) if end > start]


def _first(text: str, count: int) -> tuple[Say, ...]:
    return tuple(Say(piece) for piece in pieces(text, None)[:count])
