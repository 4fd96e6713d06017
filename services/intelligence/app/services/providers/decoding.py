"""From the bytes of one answer to deltas. Pure: no socket, no clock; one decoder serves one answer.

A decoder gives the same deltas, joined, wherever the network cut the bytes. Neighbouring pieces that arrive in one
read leave as one delta.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

import msgspec
from novakit import sse

from ...domain.errors import Garbled, ProviderError
from ...domain.events import Delta, Finished, FinishReason, ReasoningDelta, TextDelta, Usage
from .redaction import code_word

T = TypeVar("T")

_NOTHING = frozenset({b"", b"null", b'""', b"{}", b"false"})


class StreamDecoder(ABC):
    """Feed it each read while ``over`` is false, then close it.

    ``failure`` is the error that ends the answer, to be raised after the deltas that came before it. ``whole`` says
    that the provider's mark of completion was seen, so that a cut from here on loses nothing of the answer.
    ``ran_out``: the limit of the answer was reached before its first word, by thoughts alone.
    """

    end_mark: ClassVar[str] = ""
    """The frame that is no JSON and ends the stream, where the provider has one."""

    def __init__(self) -> None:
        self.failure: ProviderError | None = None
        self.over = False
        self.whole = False
        self.ran_out = False
        self._model: str | None = None
        self._spoke = False
        self._good = 0
        self._skipped = 0
        self._kind: type[TextDelta] | type[ReasoningDelta] = TextDelta
        self._pieces: list[str] = []
        self._deltas: list[Delta] = []

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas that this read completes."""
        self._take_all(lambda: self._split(chunk))
        return self._collected()

    def close(self) -> list[Delta]:
        """What is left at the end of the body: the last deltas and Finished, unless ``failure`` is set."""
        if not self.over:
            self._take_all(self._rest)
        deltas = self._collected()
        if self.failure is not None:
            return deltas
        try:
            if self._skipped and not self._good:
                raise Garbled(f"none of {self._skipped} frames could be read", reason="malformed")
            return [*deltas, self._finish()]
        except ProviderError as error:
            self._fail(error)
            return deltas

    def reported(self) -> Usage | None:
        """The tokens that the provider has reported so far; None where it has reported nothing."""
        return None

    @property
    def complete(self) -> bool:
        """Whether the provider has named the answer's end: all that may still come is its usage and its end mark.

        Some servers send neither and keep the connection. How long to wait for them is for whoever feeds.
        """
        return self.whole

    @abstractmethod
    def _split(self, chunk: bytes) -> Sequence[bytes | str]:
        """The whole frames that this read completes."""

    @abstractmethod
    def _rest(self) -> Sequence[bytes | str]:
        """The frames that only the end of the body completes."""

    @abstractmethod
    def _take(self, frame: bytes | str) -> None:
        """Take one frame in; raises msgspec.DecodeError for a bad one, ProviderError where it ends the answer."""

    @abstractmethod
    def _finish(self) -> Finished:
        """The verdict at the end; raises ProviderError where the answer is not one."""

    def _take_all(self, frames: Callable[[], Sequence[bytes | str]]) -> None:
        try:
            for frame in frames():
                if self.over:
                    return
                if frame == self.end_mark:
                    self.over = True
                    return
                try:
                    self._take(frame)
                    self._good += 1
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    self._skipped += 1
        except sse.EventTooLargeError as error:
            self._fail(Garbled(str(error), reason="malformed"))
        except ProviderError as error:
            self._fail(error)

    def _say(self, text: str) -> None:
        self._spoke = True
        if self._kind is not TextDelta:
            self._flush(TextDelta)
        self._pieces.append(text)

    def _think(self, text: str) -> None:
        if self._kind is not ReasoningDelta:
            self._flush(ReasoningDelta)
        self._pieces.append(text)

    def _flush(self, kind: type[TextDelta] | type[ReasoningDelta]) -> None:
        if self._pieces:
            self._deltas.append(self._kind("".join(self._pieces)))
            self._pieces = []
        self._kind = kind

    def _collected(self) -> list[Delta]:
        if self._pieces:
            self._flush(self._kind)
        deltas, self._deltas = self._deltas, []
        return deltas

    def _fail(self, error: ProviderError) -> None:
        self.failure = error
        self.over = True

    def _finished(self, reason: FinishReason, raw_reason: str | None, usage: Usage | None) -> Finished:
        """The terminal mark of an answer; raises Garbled (empty) where nothing was said."""
        if not self._spoke:
            self.ran_out = reason == "length"
            empty = Garbled(f"no text in the answer (finish: {code_word(raw_reason or '')})", reason="empty")
            # The same thoughts would fill the same limit again.
            empty.may_retry = not self.ran_out
            raise empty
        return Finished(reason, raw_reason, usage, self._model, self._skipped)

    def _truncated(self) -> Garbled:
        return Garbled("the stream ended without its terminal mark", reason="truncated")


class NdjsonDecoder(StreamDecoder):
    """One JSON object a line."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = sse.LineSplitter()

    def _split(self, chunk: bytes) -> Sequence[bytes]:
        return [line for line in self._lines.feed(chunk) if line]

    def _rest(self) -> Sequence[bytes]:
        return self._lines.close()


class SseDecoder(StreamDecoder):
    """One JSON object an event.

    Lines that belong to no event are put together and taken as one more frame once they make a whole: that is how an
    error without ``data:`` ends a stream, and how a body looks that was no event stream at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._events = sse.Decoder()
        self._stray: list[bytes] = []
        self._stray_size = 0

    def _split(self, chunk: bytes) -> Sequence[bytes | str]:
        return self._frames(self._events.items(chunk))

    def _rest(self) -> Sequence[bytes | str]:
        return [*self._frames(self._events.last_items()), *self._take_stray()]

    def _frames(self, items: Sequence[sse.Event | bytes]) -> list[bytes | str]:
        frames: list[bytes | str] = []
        for item in items:
            if isinstance(item, sse.Event):
                frames.append(item.data)
                continue
            self._stray.append(item)
            self._stray_size += len(item)
            if self._stray_size > sse.MAX_EVENT_BYTES:
                raise sse.EventTooLargeError(f"an event is longer than {sse.MAX_EVENT_BYTES} bytes")
            if _is_whole(self._stray):
                frames.extend(self._take_stray())
        return frames

    def _take_stray(self) -> list[bytes]:
        stray, self._stray, self._stray_size = self._stray, [], 0
        start = next((at for at, line in enumerate(stray) if line.startswith((b"{", b"["))), len(stray))
        return [b"\n".join(lines) for lines in (stray[:start], stray[start:]) if lines]


def _is_whole(stray: list[bytes]) -> bool:
    """Whether these lines look like one complete JSON value, pretty or on one line."""
    closer = b"]" if stray[0].startswith(b"[") else b"}"
    return stray[-1].startswith(closer) or (len(stray) == 1 and stray[0].endswith(closer))


def lenient(raw: msgspec.Raw | bytes | str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """The value of a side field, or None: a bad count must not cost the text beside it."""
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def present(raw: msgspec.Raw) -> bool:
    """Whether a raw field is there and holds something."""
    return bytes(raw) not in _NOTHING
