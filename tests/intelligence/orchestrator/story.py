"""The record of a request under way, told step by step, and what its observer heard."""

from novakit.clock import FakeClock

from services.intelligence.app.domain.chat import ChatTurn
from services.intelligence.app.domain.errors import Reason, SkipReason
from services.intelligence.app.domain.events import Finished, TextDelta, Usage
from services.intelligence.app.routing.policy import Candidate, Skipped
from services.intelligence.app.routing.trail import Answering, Connecting, Failed, Succeeded
from services.intelligence.app.services.observations import CallEnded, Observation, Origin
from services.intelligence.app.services.route_record import RouteRecord
from tests.support.scripted import error

OLLAMA = Candidate("ollama", "llama3.2", "local", on_this_machine=True)
NEAR = Candidate("near", "qwen3", "local")
GEMINI = Candidate("gemini", "flash", "cloud")
OTHER = Candidate("other", "unheard-of", "cloud")
USAGE = Usage(input_tokens=12, output_tokens=34)
ASKED = (ChatTurn("system", "Be brief."), ChatTurn("user", "Who are you?"))


ORIGIN = Origin("request-1", "user-1")


def price(provider: str, model: str, usage: Usage) -> float | None:
    """A dollar a token for Gemini's flash; of others no price is known."""
    if (provider, model) != ("gemini", "flash"):
        return None
    return float((usage.input_tokens or 0) + (usage.output_tokens or 0))


class Story:
    """A record under way, and what its observer heard."""

    def __init__(self) -> None:
        self.clock = FakeClock(now=1000.0)
        self.heard: list[Observation] = []
        self.record = RouteRecord(self.clock.now, ORIGIN, self.heard.append, price)
        self.calls = 0

    @property
    def calls_heard(self) -> list[CallEnded]:
        """The calls that are over."""
        return [heard for heard in self.heard if isinstance(heard, CallEnded)]

    def skipped(self, candidate: Candidate, reason: SkipReason) -> None:
        self.record.take(Skipped(candidate, reason))

    def begins(self, candidate: Candidate) -> None:
        self.calls += 1
        self.candidate = candidate
        self.record.take(Connecting(self.calls, candidate, ASKED))

    def speaks(self, after: float) -> None:
        self.clock.advance(after)
        self.record.take(Answering(self.calls, self.candidate, after))
        self.record.take(TextDelta("Hello"))

    def fails(self, reason: Reason, after: float = 0.0, *, spoke: bool = False) -> None:
        self.clock.advance(after)
        self.record.take(Failed(self.calls, self.candidate, error(reason), spoke=spoke))

    def succeeds(self, after: float = 0.0, finished: Finished | None = None) -> None:
        self.clock.advance(after)
        self.record.take(Succeeded(self.calls, self.candidate, finished or Finished("stop", usage=USAGE)))
