"""Measures and prints Markdown tables: CPU for each request and each token, as a ratio to a plain proxy.

``python -m bench [--seconds S] [--rounds N]``. CPU is user and system time of the processes from /proc, divided by
what they completed; the proxy is measured before and after NovaCore, and the ratios use both. Where there is more
than one core, what is measured has one for itself.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .footprint import idle_of, services_table
from .load import Reply, closed_loop, fixed_rate
from .measure import Cost, Effort, Times, cost_of, first_tokens
from .mock import TOKENS
from .processes import Running, keep_to
from .targets import NovaCore, start_mock, start_proxy, upstream_request

PLAIN_CONNECTIONS = 32
BURST_CONNECTIONS = 16
PACED_RATE = 40
PLAIN_LIMIT = 60
BURST_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a plain request; of a token where streams take turns; of a token where each stream comes in one go."""

    plain: Cost
    burst: Cost
    block: Cost

    def __add__(self, other: "Costs") -> "Costs":
        return Costs(self.plain + other.plain, self.burst + other.burst, self.block + other.block)


async def of_proxy(proxy: Running, port: int, effort: Effort) -> Costs:
    """Straight through the plain proxy."""
    return Costs(
        await cost_of(upstream_request(port, "plain"), [proxy], effort, connections=PLAIN_CONNECTIONS),
        await cost_of(upstream_request(port, "burst"), [proxy], effort, connections=BURST_CONNECTIONS, tokens=TOKENS),
        await cost_of(upstream_request(port, "block"), [proxy], effort, connections=BURST_CONNECTIONS, tokens=TOKENS),
    )


async def run(effort: Effort) -> str:
    """The whole measurement; returns the tables."""
    keep_to(os.getpid(), measured=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mock, mock_port = start_mock(folder)
        proxy, proxy_port = start_proxy(folder, mock_port)
        ours = NovaCore(folder, mock_port)
        try:
            ours.start()
            idle = idle_of(ours.processes)
            before = await of_proxy(proxy, proxy_port, effort)
            ours.ask_for("plain")
            message = ours.request("/api/chat/message")
            plain = await cost_of(message, ours.chain, effort, connections=PLAIN_CONNECTIONS)
            alone = await closed_loop(message, 1, effort.seconds)
            ours.ask_for("burst")
            stream = ours.request("/api/chat/stream")
            burst = await cost_of(stream, ours.chain, effort, connections=BURST_CONNECTIONS, tokens=TOKENS)
            ours.ask_for("block")
            block = await cost_of(stream, ours.chain, effort, connections=BURST_CONNECTIONS, tokens=TOKENS)
            ours.ask_for("paced")
            paced = await fixed_rate(stream, 2 * PACED_RATE, PACED_RATE, effort.seconds)
            after = await of_proxy(proxy, proxy_port, effort)
        finally:
            for process in [*ours.processes, proxy, mock]:
                process.stop()
    return "\n\n".join(
        [_costs(proxy.name, before + after, Costs(plain, burst, block)), services_table(idle), _seen(alone, paced)]
    )


def _costs(proxy: str, base: Costs, ours: Costs) -> str:
    rows = [
        f"| CPU µs, median (min to max) | proxy ({proxy}) | NovaCore, gateway + intelligence | ratio | target |",
        "|---|---|---|---|---|",
        _ratio("a plain request", base.plain, ours.plain, f"at most {PLAIN_LIMIT}"),
        _ratio("a burst token, streams taking turns", base.burst, ours.burst, f"at most {BURST_LIMIT}"),
        _ratio("a burst token, each stream in one go", base.block, ours.block, ""),
    ]
    return "\n".join(rows)


def _ratio(what: str, base: Cost, ours: Cost, target: str) -> str:
    return f"| {what} | {base} | {ours} | {ours.median / base.median:.1f} | {target} |"


def _seen(alone: list[Reply], paced: list[Reply]) -> str:
    first = first_tokens(paced)
    gaps = Times.of([gap for reply in paced for gap in reply.gaps])
    whole = Times.of([reply.total for reply in paced])
    rows = [
        "| what a client sees | median, ms | p99, ms |",
        "|---|---|---|",
        _row("a plain request, one at a time", Times.of([reply.total for reply in alone])),
        _row(f"first token, {PACED_RATE} streams a second begun", first),
        _row("gap between tokens (the model gives one each 10 ms)", gaps),
        _row("whole answer of 64 tokens", whole),
    ]
    failed = sum(not reply.ok for reply in paced)
    return "\n".join(rows) + f"\n\nStreams that failed: {failed} of {len(paced)}."


def _row(what: str, times: Times) -> str:
    return f"| {what} | {times.at(0.5)} | {times.at(0.99)} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure NovaCore beside a plain proxy.")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (default 3)")
    arguments = parser.parse_args()
    if not Path("/proc/self/schedstat").exists():
        sys.exit("This measurement reads /proc, which this system does not have.")
    print(asyncio.run(run(Effort(arguments.seconds, arguments.rounds))))


if __name__ == "__main__":
    main()
