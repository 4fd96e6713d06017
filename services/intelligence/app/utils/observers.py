"""Everybody who is told what happens: metrics, log lines, traces. They see and never decide."""

from dataclasses import dataclass

from novakit.clock import Clock
from novakit.later import later
from novakit.pseudonyms import Pseudonyms
from novakit.tracing import Tracer

from ..services.observations import CallEnded, Observation, TurnEnded
from ..services.orchestrator.health_board import BreakerChanged
from . import lines, spans
from .metrics import Metrics


@dataclass(frozen=True, slots=True)
class Observers:
    """The one observer that the service reports to. ``pseudonym`` names a user in logs and traces."""

    metrics: Metrics
    tracer: Tracer
    pseudonym: Pseudonyms
    clock: Clock

    def observe(self, observation: Observation) -> None:
        """A call, a wait, a skip or a turn is over."""
        match observation:
            case CallEnded():
                later.tell(
                    Observers._call, self, observation, self.clock.wall(), soon=observation.outcome in lines.WARNED_OF
                )
            case TurnEnded():
                later.tell(
                    Observers._turn, self, observation, self.clock.wall(), soon=observation.status in lines.WARNED_OF
                )
            case _:
                later.tell(Metrics.observe, self.metrics, observation)

    def circuit(self, change: BreakerChanged) -> None:
        """A circuit opened, half-opened or closed."""
        self.metrics.circuit(change)
        lines.circuit(change)

    def _call(self, ended: CallEnded, at: float) -> None:
        trace = ended.origin.recorded
        self.metrics.call(ended, None if trace is None else (trace.trace_id, at))
        lines.call(ended, at, self.pseudonym)
        if trace is not None:
            self.tracer.record(spans.of_call(ended, trace, at))

    def _turn(self, ended: TurnEnded, at: float) -> None:
        trace = ended.origin.recorded
        self.metrics.turn(ended, None if trace is None else (trace.trace_id, at))
        lines.turn(ended, at, self.pseudonym)
        if trace is not None and ended.story is not None:
            self.tracer.record(spans.of_turn(ended, trace, ended.story, at, self.pseudonym))
