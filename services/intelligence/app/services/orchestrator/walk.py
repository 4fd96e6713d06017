"""Where one request stands on its way from provider to provider, and what its reader has by now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...domain.chat import ChatTurn, ProviderRequest, Target
from ...domain.errors import Reason, SkipReason
from ...domain.events import TextDelta
from ...routing.policy import Candidate, Skipped
from ...routing.seam import Divergent, Piece, Seam
from ...routing.trail import AllProvidersFailed, Failed, Handoff, InterruptedAnswer, Replaced, Reset, RouteEvent

Midstream = Literal["continue", "restart", "fail"]
Continuing = Literal["prefill", "instructed"]

MOST_HANDOFFS = 2
LATER_SHARE = 0.25
"""How much of the time that is left whoever is asked leaves to those after it."""
GO_ON = (
    "Your last message was cut off. Begin with its last five words, exactly as they are, and go on from there. "
    "Do not begin the message again, and say nothing about this."
)
"""The repeated words tell the seam where the texts join: models leave out the white space that a message begins with,
and whether the last word was whole nobody knows.
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An answer that broke off earlier and is to be gone on with.

    ``writer`` wrote its end, and ``reason`` is why that did not go on; ``calls`` were made for it. ``private``: it
    was made of what was marked local. Without ``text`` it begins anew.
    """

    text: str
    writer: Candidate | None
    reason: Reason
    calls: int
    private: bool


class Walk:
    """The way of one request. ``deadline`` is when its first token is due, in the clock's seconds.

    ``too_small`` is the largest context that its prompt did not fit.
    """

    def __init__(
        self,
        deadline: float,
        skipped: Sequence[Skipped],
        midstream: Midstream,
        *,
        shown: bool,
        unfinished: Unfinished | None = None,
    ) -> None:
        """``shown``: the reader gets the words as they come.

        One that gets the answer whole has missed nothing where it breaks: ``fail`` is then ``restart``. What is left
        of an ``unfinished`` answer is never given up.
        """
        self.deadline = deadline
        self.skipped = list(skipped)
        self.failures: list[Failed] = []
        self.calls = 0
        self.too_small = 0
        self.last = False
        self.over = False
        self.stuck = False
        self._shown = shown
        self._midstream: Midstream = "restart" if midstream == "fail" and not shown else midstream
        self._said: list[str] = []
        self._writer: Candidate | None = None
        self._private = False
        self._handoffs = 0
        self._speaking = 0
        self._loading = 0.0
        self._seam: Seam | None = None
        self._left: Unfinished | None = None
        if unfinished is not None:
            self.calls = unfinished.calls
            if unfinished.text:
                self._take_up(unfinished)

    def _take_up(self, unfinished: Unfinished) -> None:
        self._left = unfinished
        self._said = [unfinished.text]
        self._writer = unfinished.writer
        self._private = unfinished.private
        if self._midstream == "restart":
            self._midstream = "continue"

    @property
    def said(self) -> str:
        """What the reader has; empty before the first words."""
        if len(self._said) > 1:
            self._said[:] = ["".join(self._said)]
        return self._said[0] if self._said else ""

    def time_left(self, now: float) -> float:
        """Seconds that whoever is asked now may wait: all that is left, but for a share where others come after."""
        left = self.deadline - now
        return left if self.last else left * (1 - LATER_SHARE)

    def loads(self, seconds: float) -> None:
        """A model has to be loaded, and nobody else may answer: the first token is due so much later, once."""
        self.deadline += max(0.0, seconds - self._loading)
        self._loading = max(seconds, self._loading)

    def skip(self, skipped: Skipped) -> Skipped:
        """Book that somebody is left out after all."""
        self.skipped.append(skipped)
        return skipped

    @property
    def asked(self) -> set[Target]:
        """Who has failed so far."""
        return {failed.candidate.target for failed in self.failures}

    def barred(self, candidate: Candidate) -> SkipReason | None:
        """Why this candidate cannot take over what has happened so far, or None where it can."""
        if self._private and self._said and candidate.locality == "cloud":
            # The answer so far was made of what was marked local.
            return "local_only"
        return "prompt_too_long" if candidate.context_tokens <= self.too_small else None

    def request(self, request: ProviderRequest, continuing: Continuing) -> ProviderRequest:
        """What to ask: the request itself, or with the answer so far, to go on with it."""
        if not self._said:
            return request
        turns = (*request.turns, ChatTurn("assistant", self.said, self._private))
        return replace(request, turns=turns if continuing == "prefill" else (*turns, ChatTurn("user", GO_ON)))

    def kept(self, continuing: Continuing) -> int:
        """How many turns at the end of such a request must not be cut off."""
        if not self._said:
            return 1
        return 2 if continuing == "prefill" else 3

    def begins(self) -> int:
        """A call is about to be made; its number."""
        self._seam = Seam(self.said) if self._said else None
        self.calls += 1
        return self.calls

    def gives_the_word_to(self, number: int) -> bool:
        """Whether this call may speak: of several at a time, the first one does."""
        self._speaking = self._speaking or number
        return self._speaking == number

    def text(self, text: str, writer: Candidate, asked: Sequence[ChatTurn]) -> list[RouteEvent]:
        """Words came; what of them the reader gets."""
        if self._seam is not None:
            return self._joined(self._seam.feed(text), writer, asked)
        self._wrote(text, writer, asked)
        return [TextDelta(text)]

    def ends(self, writer: Candidate, asked: Sequence[ChatTurn]) -> list[RouteEvent]:
        """The call brought its answer to an end; what was still held back."""
        self.over = True
        return [] if self._seam is None else self._joined(self._seam.close(), writer, asked)

    def fails(self, failed: Failed, spent_answering: float) -> list[RouteEvent]:
        """The call failed, after ``spent_answering`` seconds of words; sets ``stuck`` where nobody may go on."""
        self.failures.append(failed)
        if self._speaking == failed.call:
            self._speaking = 0
        self.deadline += spent_answering
        if not failed.spoke:
            return []
        if self._midstream == "restart":
            self._said.clear()
            return [Reset()]
        self.stuck = self._midstream == "fail" or self._handoffs == MOST_HANDOFFS
        return []

    @property
    def lost(self) -> bool:
        """Whether the reader has words that nobody stands for: all failed, and they were not there before."""
        return bool(self._said) and self._left is None

    def outcome(self) -> InterruptedAnswer | AllProvidersFailed:
        """What to raise where nobody is left. A broken answer is told by its first fault."""
        broken = next((failed for failed in self.failures if failed.spoke), None)
        if broken is not None and self._said and self._shown:
            return InterruptedAnswer(broken.error)
        return AllProvidersFailed(self.failures, self.skipped)

    def _joined(self, pieces: Sequence[Piece], writer: Candidate, asked: Sequence[ChatTurn]) -> list[RouteEvent]:
        events: list[RouteEvent] = []
        for piece in pieces:
            if self._writer is not None and self._writer.target != writer.target:
                at = 0 if isinstance(piece, Divergent) else len(self.said)
                events.append(Handoff(self._writer.name, writer.name, at, self._broken_by()))
                self._handoffs += 1
            if isinstance(piece, Divergent):
                self._said.clear()
                events.append(Replaced(piece.text))
            else:
                events.append(TextDelta(piece.text))
            self._wrote(piece.text, writer, asked)
        return events

    def _broken_by(self) -> Reason:
        """Why whoever spoke last did not go on."""
        broken = next((failed.error.reason for failed in reversed(self.failures) if failed.spoke), None)
        if broken is None:
            assert self._left is not None, "somebody spoke before"  # noqa: S101 (the seam is asked for then alone)
            return self._left.reason
        return broken

    def _wrote(self, text: str, writer: Candidate, asked: Sequence[ChatTurn]) -> None:
        self._said.append(text)
        if writer is not self._writer:
            self._writer = writer
            self._private = self._private or any(turn.local_only for turn in asked)
