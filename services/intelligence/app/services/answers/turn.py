"""One running chat turn: what was said so far, what its readers are told, and who of them is still there."""

import asyncio
from dataclasses import replace
from typing import Literal

from ...domain.chat import ProviderRequest
from ...domain.events import Finished, ReasoningDelta, TextDelta
from ...routing import facts
from ...routing.facts import NOTHING, Given
from ...routing.policy import barred
from ...routing.trail import Connecting, Handoff, Queued, Replaced, Reset, RouteEvent
from ...store.quotas import Hold
from ...store.turns import EndedPrompt, PromptStatus
from ..route_record import RouteRecord
from ..stored_route import CallRecord
from . import frames
from .event_log import CallLater, EventLog, Reader

SEAM_LINE = "\n\n--- The answer broke off here; another model begins it again: ---\n\n"
"""For readers who cannot take back what they have shown."""
Endpoint = Literal["message", "stream"]


class Turn:
    """One message and the answer that is being made to it.

    Its log keeps every event, so that a slow reader never holds up the provider's clock, and one that comes later
    reads from the start.
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
        patience: float | None = None,
        left: EndedPrompt | None = None,
        hold: Hold | None = None,
        given: Given = NOTHING,
        first_place: int = 0,
    ) -> None:
        """``rewinds``: its reader knows the events ``replace`` and ``reset``.

        ``left`` is what an earlier turn has left of the answer. ``patience`` is how many seconds it goes on
        without a reader; None: it ends with its last one. ``hold`` is what is reserved for it of its user's quotas.
        ``given`` are the remembered facts among the turns of the request. Its events have ids above ``first_place``,
        which no event of an earlier stream of the same answer has.
        """
        self.message_id = message_id
        self.session_id = session_id
        self.user_id = user_id
        self.endpoint: Endpoint = endpoint
        self.request = request
        self.route = route
        self.ending: PromptStatus | None = None
        """Set by whoever ends the turn early: the status that it is then stored with."""
        self.locked_out = False
        """Whether it is ended early by a lock that bars whoever was answering."""
        self.holds_private = False
        """Whether it holds what a local model has made of what must not leave, also where another one began anew."""
        self.task: asyncio.Task[None] | None = None
        self.outcome: EndedPrompt | None = None
        """How it ended, once that is stored."""
        self.rewinds = rewinds
        self.patience = patience
        self._begun = False
        self._ending = False
        self._readers = 0
        self._given_up: asyncio.TimerHandle | None = None
        self.left = left
        self.hold = hold
        self._given = given
        self._broken: CallRecord | None = None
        """Whoever broke off, until another begins anew beside what a reader keeps of it."""
        self._text = [left.text] if left is not None and left.text else []
        self._log = EventLog(first_place)
        self._named("start", frames.StartEvent(message_id, session_id))
        opening = self._log.since(0)
        if self._text:
            if rewinds:
                opening += frames.named(self._log.next_id, "replace", frames.ReplaceEvent(self.text))
            self._show(self.text)
        self.opening = opening, self._log.last_id
        """What is told in place of the events up to that id to whoever has the answer so far on show."""

    @property
    def text(self) -> str:
        """What was said so far."""
        if len(self._text) > 1:
            self._text[:] = ["".join(self._text)]
        return self._text[0] if self._text else ""

    @property
    def reads_private(self) -> bool:
        """Whether a local model is given, beside the message itself, what must not leave."""
        return any(turn.local_only for turn in self.request.turns[:-1])

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

    def lock_out(self) -> None:
        """A lock bars whoever is answering: end the turn now, and say so."""
        self.locked_out = self.locked_out or (self.ending is None and not self._ending)
        self.cut("interrupted")

    @property
    def fact_sessions(self) -> frozenset[str]:
        """Where the facts that it was given were told."""
        return self._given.told_in

    def close_facts_of(self, session_id: str) -> None:
        """The session was locked: from here on no fact goes to the cloud where one was told in it."""
        if session_id in self._given.told_in:
            self.request = replace(self.request, turns=facts.close(self.request.turns, self._given))

    def take(self, event: RouteEvent) -> None:
        """Book one event of the orchestrator."""
        if not self._can_take_back:
            match event:
                case Replaced() | Reset():
                    self._begin_beside(event)
                    return
                case Handoff():
                    # Counted in what this reader has: the answer so far is no longer the whole of it.
                    event = replace(event, at=len(self.text) + (0 if event.at else len(SEAM_LINE)))
                case TextDelta() if self._broken is not None:
                    self._hand_over(self._broken)
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
        if isinstance(event, Connecting) and barred(self.request, event.candidate):
            # The lock came while this was on its way here from a race: the call was not among the open ones.
            self.lock_out()

    def say(self, text: str) -> None:
        """Add to the answer."""
        self._text.append(text)
        self._show(text)

    def _show(self, text: str) -> None:
        if self.endpoint == "stream":
            self._log.append(frames.content(self._log.next_id, text))

    @property
    def _can_take_back(self) -> bool:
        """Whether whoever reads it can be shown another answer in place of the one so far."""
        return self.rewinds or self.endpoint != "stream"

    def _begin_again(self, text: str) -> None:
        """The answer so far gives way to this one."""
        self._text[:] = [text] if text else []
        if text:
            self._named("replace", frames.ReplaceEvent(text))
        else:
            self._named("reset", frames.ResetEvent())

    def _begin_beside(self, event: Replaced | Reset) -> None:
        """Another answer begins below the one so far, whose words and writer stay on record: they were read."""
        self.holds_private = self.holds_private or (self.reads_private and self._written_here())
        self.say(SEAM_LINE)
        if isinstance(event, Replaced):
            self.take(TextDelta(event.text))
        else:
            self._broken = self.route.speaker()

    def _hand_over(self, broken: CallRecord) -> None:
        self._broken = None
        speaker = self.route.speaker()
        if speaker is not None and speaker.provider != broken.provider and broken.reason is not None:
            self.take(Handoff(broken.provider, speaker.provider, len(self.text), broken.reason))

    def _written_here(self) -> bool:
        """Whether a local model has said some of what was said so far."""
        left = self.left is not None and bool(self.left.text) and self.left.locality != "cloud"
        return left or any(
            call.locality == "local" and call.first_token_ms is not None for call in self.route.own_calls()
        )

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
            self._log.append(frames.default(self._log.next_id, last))
        self._give_up_no_more()
        self._log.end()

    async def over(self) -> None:
        """Return once the turn has ended and is stored."""
        while not self._log.ended:
            await self._log.change()

    @property
    def last_id(self) -> int:
        """The id of the last event that its readers have been told."""
        return self._log.last_id

    def has(self, place: int) -> bool:
        """Whether this is the id of one of its events, or 0: what follows on it is then known."""
        return place == 0 or self._log.first_place < place <= self._log.last_id

    def reader(self, place: int, call_later: CallLater) -> Reader:
        """One more reader of its events, who has those up to the id ``place``."""
        return Reader(self._log, place, call_later)

    def join(self) -> None:
        """Somebody reads it, or waits for it."""
        self._readers += 1
        self._give_up_no_more()

    def leave(self) -> None:
        """One of those has gone before the end. With the last one the turn ends, at once or after ``patience``."""
        self._readers -= 1
        if self._readers or self._log.ended:
            return
        if self.patience is None:
            self.cut("interrupted")
        else:
            self._given_up = asyncio.get_running_loop().call_later(self.patience, self.cut, "interrupted")

    def _give_up_no_more(self) -> None:
        if self._given_up is not None:
            self._given_up.cancel()
            self._given_up = None

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
            self._log.append(frames.named(self._log.next_id, name, event))
