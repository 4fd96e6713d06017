"""``python -m bench.silent serve NAME``: a service whose telemetry is taken out and put back while it runs.

SIGUSR1 takes it out, SIGUSR2 puts it back. The product has no such switch: metrics and logs are always on. It is one
process, for two of them differ by more than what is measured: the same code costs a third more from one start to the
next.
"""

import signal

from novakit.tracing import Tracer

from novacore.__main__ import main
from services.gateway.app.watch import Watch
from services.intelligence.app.services.route_record import RouteRecord
from services.intelligence.app.utils.observers import Observers

SILENT, TELLING = signal.SIGUSR1, signal.SIGUSR2
# What observes in both services of the chain, and what is done for observers alone.
OBSERVING = (
    (Watch, ("begin", "end")),
    (Tracer, ("begin",)),
    (Observers, ("observe", "circuit")),
    (RouteRecord, ("_hear",)),
)


def listen() -> None:
    """Let the two signals switch this process."""
    observing = [(kind, name, getattr(kind, name)) for kind, names in OBSERVING for name in names]

    def nothing(*_arguments: object, **_more: object) -> None:
        return None

    def switch(sent: int, _frame: object) -> None:
        for kind, name, method in observing:
            setattr(kind, name, nothing if sent == SILENT else method)

    for each in (SILENT, TELLING):
        signal.signal(each, switch)


if __name__ == "__main__":
    listen()
    main()
