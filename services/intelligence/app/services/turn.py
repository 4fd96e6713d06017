"""One running chat turn: what was said so far, and the log of its events that readers follow at their own pace."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

from novakit import sse

from ..domain.chat import ProviderRequest
from ..domain.events import Finished, ReasoningDelta, TextDelta
from ..routing.trail import Handoff, Queued, Replaced, Reset, RouteEvent
from ..store.turns import EndedPrompt, PromptStatus
from . import frames
from .route_record import RouteRecord

HEARTBEAT_SEC = 15.0
SEAM_LINE = "\n\n--- The answer broke off here; another model begins it again: ---\n\n"
"""For readers who cannot take back what they have shown."""
Endpoint = Literal["message", "stream"]


class Turn:
    """One message and the answer that is being made to it.

    The log keeps every event, so that a slow reader never holds up the provider's clock, and a second one could
    read from the start.
    """

    def __init__(
        self,
        *,
        message_id: str,
        session_id: str,
        user_id: str,
        endpoint: Endpoint,
        request: ProviderRequest,
        route: RouteRecord,
        rewinds: bool = False,
    ) -> None:
        """``rewinds``: its reader knows the events ``replace`` and ``reset``."""
        self.message_id = message_id
        self.session_id = session_id
        self.user_id = user_id
        self.endpoint: Endpoint = endpoint
        self.request = request
        self.route = route
        self.ending: PromptStatus | None = None
        """Set by whoever ends the turn early: the status that it is then stored with."""
        self.task: asyncio.Task[None] | None = None
        self.outcome: EndedPrompt | None = None
        """How it ended, once that is stored."""
        self._rewinds = rewinds
        self._begun = False
        self._ending = False
        self._text: list[str] = []
        self._log: list[bytes] = []
        self._ended = False
        self._waiting: list[asyncio.Future[None]] = []
        self._named("start", frames.StartEvent(message_id, session_id))

    @property
    def text(self) -> str:
        """What was said so far."""
        if len(self._text) > 1:
            self._text[:] = ["".join(self._text)]
        return self._text[0] if self._text else ""

    def begin(self) -> None:
        """The task runs; raises CancelledError where the turn was cut before it did."""
        self._begun = True
        if self.ending is not None:
            raise asyncio.CancelledError

    def ending_begins(self) -> None:
        """The answer is being stored: from here on the turn cannot be cut."""
        self._ending = True

    def cut(self, ending: PromptStatus) -> None:
        """End the turn now, to be stored with what was said so far. The first ending given counts."""
        if self._ending or self.task is None:
            return
        self.ending = self.ending or ending
        # A task that is cancelled before its first step would never reach the code that stores its turn.
        if self._begun:
            self.task.cancel()

    def take(self, event: RouteEvent) -> None:
        """Book one event of the orchestrator."""
        self.route.take(event)
        match event:
            case TextDelta():
                self.say(event.text)
            case ReasoningDelta() | Finished():
                pass
            case Replaced():
                self._begin_again(event.text)
            case Reset():
                self._begin_again("")
            case Handoff():
                handoff = frames.HandoffEvent(event.source, event.target, event.at, event.reason)
                self._named("handoff", handoff)
            case _:
                self._tell_route(event)

    def say(self, text: str) -> None:
        """Add to the answer."""
        self._text.append(text)
        if self.endpoint == "stream":
            self._log.append(frames.content(len(self._log) + 1, text))
            self._wake()

    def _begin_again(self, text: str) -> None:
        """The answer so far gives way to this one, before the eyes of a reader who cannot take it back."""
        if self.endpoint == "stream" and not self._rewinds:
            self.say(SEAM_LINE + text)
            return
        self._text[:] = [text] if text else []
        if text:
            self._named("replace", frames.ReplaceEvent(text))
        else:
            self._named("reset", frames.ResetEvent())

    def cancelled(self) -> None:
        """Book that the calls under way were cut off."""
        for call in self.route.cancel():
            self._named(
                "route",
                frames.RouteStateEvent(
                    self.message_id, call.attempt, call.provider, call.model, call.locality, "cancelled", call.sent
                ),
            )

    def finish(self, last: frames.DoneEvent | frames.ErrorEvent, usage: frames.UsageEvent | None = None) -> None:
        """Write the last events. The answer must be stored by now."""
        if usage is not None:
            self._named("usage", usage)
        if self.endpoint == "stream":
            self._log.append(frames.default(len(self._log) + 1, last))
        self._ended = True
        self._wake()

    async def over(self) -> None:
        """Return once the turn has ended and is stored."""
        while not self._ended:
            await self._change()

    async def read(self, call_later: Callable[..., asyncio.TimerHandle]) -> AsyncIterator[bytes]:
        """A heartbeat with all events so far, then each event as it comes, joined where several came."""
        position = len(self._log)
        beat = _Heartbeat(call_later, self._wake)
        try:
            yield b"".join((sse.HEARTBEAT, *self._log))
            while True:
                if position < len(self._log):
                    new = self._log[position:]
                    position = len(self._log)
                    yield new[0] if len(new) == 1 else b"".join(new)
                elif self._ended:
                    return
                elif beat.due():
                    yield sse.HEARTBEAT
                else:
                    await self._change()
        finally:
            beat.stop()

    async def _change(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    def _tell_route(self, event: RouteEvent) -> None:
        if self.endpoint != "stream":
            return
        if isinstance(event, Queued):
            wait = None if event.expected_wait is None else round(event.expected_wait * 1000)
            self._named("queue", frames.QueueEvent(event.place, wait))
        for state in frames.route_states(self.message_id, event, self.route.sent_by):
            self._named("route", state)

    def _named(self, name: str, event: frames.NamedEvent) -> None:
        if self.endpoint == "stream":
            self._log.append(frames.named(len(self._log) + 1, name, event))
            self._wake()


class _Heartbeat:
    """Says when a comment is due. One timer a reader, not one an event."""

    def __init__(self, call_later: Callable[..., asyncio.TimerHandle], wake: Callable[[], None]) -> None:
        self._call_later = call_later
        self._wake = wake
        self._due = False
        self._timer = call_later(HEARTBEAT_SEC, self._tick)

    def due(self) -> bool:
        due, self._due = self._due, False
        return due

    def stop(self) -> None:
        self._timer.cancel()

    def _tick(self) -> None:
        self._due = True
        self._wake()
        self._timer = self._call_later(HEARTBEAT_SEC, self._tick)
