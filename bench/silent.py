"""``python -m bench.silent serve NAME``: a service that tells nobody anything, to measure telemetry against.

The product has no such switch: metrics and logs are always on.
"""

from novacore.__main__ import main
from services.gateway.app.watch import Watch
from services.intelligence.app.services.route_record import RouteRecord
from services.intelligence.app.utils.observers import Observers


def silence() -> None:
    """Take out of both services of the chain what observes, and what is done for observers alone."""

    def nothing(*_arguments: object, **_more: object) -> None:
        return None

    for kind, names in ((Watch, ("begin", "end")), (Observers, ("observe", "circuit")), (RouteRecord, ("_hear",))):
        for name in names:
            setattr(kind, name, nothing)


if __name__ == "__main__":
    silence()
    main()
