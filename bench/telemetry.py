"""What telemetry costs: NovaCore with all of it and with none, in turns within the same processes.

``python -m bench.telemetry [--seconds S] [--rounds N] [--starts N]``. With all: metrics, a log line for each request,
attempt and turn, and every trace recorded and sent to a collector. With none: the same code, with everything that
observes taken out (``bench.silent``). CPU is what gateway and intelligence had, from /proc. What it costs depends on
where in memory things come to lie, which differs from one start to the next: so all is measured in several.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from signal import Signals
from typing import TypeAlias

from .measure import Cost, Effort, cost_of
from .mock import TOKENS
from .processes import keep_to
from .silent import SILENT, TELLING
from .targets import NovaCore, start_mock

REQUEST_LIMIT = 60
TOKEN_LIMIT = 1
CONNECTIONS = 16

Costs: TypeAlias = dict[Signals, Cost]
"""Without telemetry and with it."""


async def run(effort: Effort, starts: int) -> str:
    """The whole measurement, ``effort`` for each start; returns the table."""
    keep_to(os.getpid(), measured=False)
    found = [await one_start(effort) for _ in range(starts)]
    return table([plain for plain, _ in found], [burst for _, burst in found])


async def one_start(effort: Effort) -> tuple[Costs, Costs]:
    """The costs of a plain request and of a token, by processes that are started for it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mock, port = start_mock(folder)
        # The mock takes whatever is posted to it, as a collector does.
        collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        target = NovaCore(folder, port, collector, program="bench.silent")
        try:
            target.start()
            plain = await in_turns(target, "plain", "/api/chat/message", effort, tokens=1)
            burst = await in_turns(target, "burst", "/api/chat/stream", effort, tokens=TOKENS)
        finally:
            for process in [*target.processes, mock]:
                process.stop()
    return plain, burst


async def in_turns(target: NovaCore, model: str, path: str, effort: Effort, *, tokens: int) -> Costs:
    """The costs of both, round by round and each first in every other one: what else goes on meets both alike."""
    once = Effort(effort.seconds, 1)
    costs = {SILENT: Cost(), TELLING: Cost()}
    target.ask_for(model)
    for at in range(effort.rounds):
        for sent in (SILENT, TELLING) if at % 2 else (TELLING, SILENT):
            for each in target.chain:
                each.process.send_signal(sent)
            found = await cost_of(target.request(path), target.chain, once, connections=CONNECTIONS, tokens=tokens)
            costs[sent].micros += found.micros
    return costs


def table(plain: Sequence[Costs], burst: Sequence[Costs]) -> str:
    """In Markdown, of several starts.

    A stream has the cost of a request too: it is taken off, and the rest shared by its tokens.
    """
    requests, streams = [differences(each) for each in plain], [differences(each) for each in burst]
    request = statistics.median(chain.from_iterable(requests))
    tokens = [[each - request / TOKENS for each in start] for start in streams]
    return "\n".join(
        [
            "| CPU µs, gateway and intelligence | no telemetry | all of it | more (middle half; by start) | target |",
            "|---|---|---|---|---|",
            _row("a plain request", plain, requests, 1, REQUEST_LIMIT),
            _row(f"a token of a stream of {TOKENS}", burst, tokens, 2, TOKEN_LIMIT),
        ]
    )


def differences(costs: Costs) -> list[float]:
    """By how much the second was dearer in each round."""
    return [more - less for less, more in zip(costs[SILENT].micros, costs[TELLING].micros, strict=True)]


def _row(name: str, costs: Sequence[Costs], more: Sequence[list[float]], digits: int, limit: int) -> str:
    all_more = list(chain.from_iterable(more))
    low, median, high = (f"{each:.{digits}f}" for each in statistics.quantiles(all_more, n=4))
    starts = ", ".join(f"{statistics.median(each):.{digits}f}" for each in more)
    less, all_of_it = (
        f"{statistics.median(chain.from_iterable(each[sent].micros for each in costs)):.1f}"
        for sent in (SILENT, TELLING)
    )
    return f"| {name} | {less} | {all_of_it} | {median} ({low} to {high}; {starts}) | at most {limit} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.telemetry", description="Measure what telemetry costs.")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of one round (default 0.2)")
    parser.add_argument("--rounds", type=int, default=50, help="rounds of each measurement (default 50)")
    parser.add_argument("--starts", type=int, default=5, help="how often all is started for it (default 5)")
    arguments = parser.parse_args()
    if not Path("/proc/self/schedstat").exists():
        sys.exit("This measurement reads /proc, which this system does not have.")
    print(asyncio.run(run(Effort(arguments.seconds, arguments.rounds), arguments.starts)))


if __name__ == "__main__":
    main()
