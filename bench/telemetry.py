"""What telemetry costs: NovaCore with all of it beside NovaCore with none, in turns, in one run.

``python -m bench.telemetry [--seconds S] [--rounds N]``. With all: metrics, a log line for each request, attempt and
turn, and every trace recorded and sent to a collector. With none: the same code, with everything that observes taken
out (``bench.silent``). CPU is user and system time of gateway and intelligence from /proc.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path

from .measure import Cost, Effort, cost_of
from .mock import TOKENS
from .processes import keep_to
from .targets import NovaCore, start_mock

REQUEST_LIMIT = 60
TOKEN_LIMIT = 1
CONNECTIONS = 16


async def run(effort: Effort) -> str:
    """The whole measurement; returns the table."""
    keep_to(os.getpid(), measured=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mock, port = start_mock(folder)
        silent, telling = folder / "silent", folder / "telling"
        silent.mkdir()
        telling.mkdir()
        # The mock takes whatever is posted to it, as a collector does.
        collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        without = NovaCore(silent, port, {"LOG_LEVEL": "error"}, program="bench.silent")
        with_all = NovaCore(telling, port, collector)
        try:
            for each in (without, with_all):
                each.start()
            plain = await in_turns(without, with_all, "plain", "/api/chat/message", effort, tokens=1)
            burst = await in_turns(without, with_all, "burst", "/api/chat/stream", effort, tokens=TOKENS)
        finally:
            for process in [*without.processes, *with_all.processes, mock]:
                process.stop()
    return table(plain, burst)


async def in_turns(
    without: NovaCore, with_all: NovaCore, model: str, path: str, effort: Effort, *, tokens: int
) -> tuple[Cost, Cost]:
    """The costs of both, round by round, so that what else the machine does meets both alike."""
    once = Effort(effort.seconds, 1)
    costs = Cost(), Cost()
    for each in (without, with_all):
        each.ask_for(model)
    for _ in range(effort.rounds):
        for each, cost in zip((without, with_all), costs, strict=True):
            found = await cost_of(each.request(path), each.chain, once, connections=CONNECTIONS, tokens=tokens)
            cost.micros += found.micros
    return costs


def table(plain: tuple[Cost, Cost], burst: tuple[Cost, Cost]) -> str:
    """In Markdown. A stream has the cost of a request too: it is taken off, and the rest shared by its tokens."""
    request = difference(plain)
    token = difference(burst) - request / TOKENS
    rows = [
        "| CPU µs, gateway and intelligence, median (min to max) | no telemetry | all of it | more | target |",
        "|---|---|---|---|---|",
        f"| a plain request | {plain[0]} | {plain[1]} | {request:.1f} | at most {REQUEST_LIMIT} |",
        f"| a token of a stream of {TOKENS} | {burst[0]} | {burst[1]} | {token:.2f} | at most {TOKEN_LIMIT} |",
    ]
    return "\n".join(rows)


def difference(costs: tuple[Cost, Cost]) -> float:
    """By how much the second is dearer: the median over the rounds, each of which measured both."""
    return statistics.median(more - less for less, more in zip(costs[0].micros, costs[1].micros, strict=True))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.telemetry", description="Measure what telemetry costs.")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default 5)")
    arguments = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        sys.exit("This measurement reads /proc, which this system does not have.")
    print(asyncio.run(run(Effort(arguments.seconds, arguments.rounds))))


if __name__ == "__main__":
    main()
