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

ENDED = CallEnded, TurnEnded


@dataclass(frozen=True, slots=True)
class Observers:
    """The one observer that the service reports to. ``pseudonym`` names a user in logs and traces."""

    metrics: Metrics
    tracer: Tracer
    pseudonym: Pseudonyms
    clock: Clock

    def observe(self, observation: Observation) -> None:
        """A call, a wait, a skip or a turn is over."""
        if isinstance(observation, ENDED):
            later.tell(self._tell, (observation, self.clock.wall()), soon=lines.worth_a_look(observation))
        else:
            later.tell(self.metrics.observe, observation)

    def circuit(self, change: BreakerChanged) -> None:
        """A circuit opened, half-opened or closed."""
        self.metrics.circuit(change)
        lines.circuit(change)

    def _tell(self, observed: tuple[CallEnded | TurnEnded, float]) -> None:
        ended, wall = observed
        self.metrics.observe(ended)
        match ended:
            case CallEnded():
                lines.call(ended, wall, self.pseudonym)
            case TurnEnded():
                lines.turn(ended, wall, self.pseudonym)
                for span in spans.of_turn(ended, wall, self.pseudonym):
                    self.tracer.record(span)
