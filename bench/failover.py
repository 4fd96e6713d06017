"""What a failover costs: from the moment the first provider is given up to the first byte asked of the next.

``python -m bench.failover [--chats N] [--seconds S]``. NovaCore runs as it is run, and so many chats are always under
way. The first provider says a few words to each and then falls silent; after its stall deadline the next one goes on.
Both are servers of this process, which knows when it sent the last word to a chat, and when the next provider was
asked for the same one. Whatever is between these two moments and is not the deadline itself is the cost: the way of
the last word, the timer, closing the call, the decision, and the new request's way.
The figures are an upper bound.
"""

import argparse
import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .load import Connection, Target
from .measure import Times
from .processes import keep_to
from .targets import NovaCore

STALL_SEC = 1.0
WORDS_BEFORE = range(2, 8)
WORDS_AFTER = 15
PACE_SEC = (0.05, 0.15)
"""Of each word, drawn. At one even pace, chats that began at even distances would speak in choirs."""
TARGET_MS = 5
_CHAT = re.compile(rb"chat number (\d+)\.")
_SMALL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_NDJSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
_SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_MODELS = json.dumps({"models": [{"name": "stalling:latest", "model": "stalling:latest"}]}).encode()


@dataclass(slots=True)
class Stopwatch:
    """When each chat heard the last word of the first provider, and what handing it on cost, in seconds."""

    fell_silent: dict[int, float] = field(default_factory=dict)
    costs: list[float] = field(default_factory=list)

    def asked(self, chat: int, at: float) -> None:
        """The next provider was asked for this chat."""
        since = self.fell_silent.pop(chat, None)
        if since is not None:
            self.costs.append(at - since - STALL_SEC)


class Upstream(asyncio.Protocol):
    """Both providers: Ollama's API, falling silent after a few words, and OpenAI's, answering to the end."""

    def __init__(self, watch: Stopwatch, dice: random.Random) -> None:
        self._watch = watch
        self._dice = dice
        self._unread = b""
        self._began = 0.0
        self._gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's callback."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Asyncio's callback."""
        if not self._unread:
            self._began = time.perf_counter()
        self._unread += data
        head, mark, body = self._unread.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        if not mark or len(body) < (int(length[1]) if length else 0):
            return
        self._unread = b""
        found = _CHAT.search(body)
        if found is None:
            self._transport.write(_SMALL % (len(_MODELS), _MODELS))
        elif head.startswith(b"POST /api/chat"):
            self._transport.write(_NDJSON)
            self._say_and_fall_silent(int(found[1]), self._dice.choice(WORDS_BEFORE))
        else:
            self._watch.asked(int(found[1]), self._began)
            self._transport.write(_SSE)
            self._say_all(WORDS_AFTER)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Asyncio's callback."""
        self._gone = True

    def _say_and_fall_silent(self, chat: int, words: int) -> None:
        message = {"role": "assistant", "content": f" word{words}"}
        self._write(json.dumps({"model": "stalling", "message": message, "done": False}).encode() + b"\n")
        if words > 1:
            self._later(lambda: self._say_and_fall_silent(chat, words - 1))
        else:
            self._watch.fell_silent[chat] = time.perf_counter()

    def _say_all(self, words: int) -> None:
        ends = words == 0
        delta = {"content": " last" if ends else " more"}
        choice = {"index": 0, "delta": delta, "finish_reason": "stop" if ends else None}
        frame = b"data: " + json.dumps({"model": "next", "choices": [choice]}).encode() + b"\n\n"
        self._write(frame + b"data: [DONE]\n\n" if ends else frame)
        if ends:
            self._transport.write(b"0\r\n\r\n")
        else:
            self._later(lambda: self._say_all(words - 1))

    def _write(self, data: bytes) -> None:
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _later(self, then: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(self._dice.uniform(*PACE_SEC), lambda: None if self._gone else then())


async def run(chats: int, seconds: float) -> str:
    """The whole measurement; returns the table."""
    keep_to(os.getpid(), measured=False)
    watch = Stopwatch()
    dice = random.Random(0)
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(watch, dice), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as temporary:
        ours = NovaCore(
            Path(temporary),
            port,
            {
                "OLLAMA_MODEL": "stalling:latest",
                "LLM_PROVIDER_PRIORITY": "ollama,next",
                "NEXT_BASE_URL": f"http://127.0.0.1:{port}/v1",
                "NEXT_MODEL": "next",
                "NEXT_LOCALITY": "local",
                "LLM_STALL_TIMEOUTS": f"ollama:{STALL_SEC}",
                "LLM_PROVIDER_CONCURRENCY": "ollama:10000,next:10000",
                # The circuit must not open: every chat is to lose its first provider.
                "LLM_PROVIDER_FAILURE_THRESHOLD": "1000000",
            },
            measured={"intelligence"},
        )
        try:
            await asyncio.to_thread(ours.start)
            failed, lags = await _talk(ours, chats, seconds, watch)
        finally:
            for process in ours.processes:
                process.stop()
            server.close()
    return _table(Times.of(watch.costs), Times.of(lags), chats, failed)


async def _talk(ours: NovaCore, chats: int, seconds: float, watch: Stopwatch) -> tuple[int, list[float]]:
    """Keep so many chats under way; (how many failed, how late this process itself was)."""
    ends = time.perf_counter() + seconds
    number = failed = 0

    async def chat(first: float) -> None:
        nonlocal number, failed
        await asyncio.sleep(first)
        while time.perf_counter() < ends:
            number += 1
            target = ours.request("/api/chat/stream", f"This is chat number {number}.")
            connection = await _connect(target)
            reply = await connection.ask(target.request, time.perf_counter())
            failed += not reply.ok
            connection.close()

    lags: list[float] = []
    meter = asyncio.ensure_future(_measure_lag(lags))
    cycle = STALL_SEC + WORDS_AFTER * sum(PACE_SEC) / 2
    await asyncio.gather(*(chat(place * cycle / chats) for place in range(chats)))
    meter.cancel()
    # Those of the first cycle met services that had done nothing yet.
    del watch.costs[:chats]
    return failed, lags


async def _measure_lag(lags: list[float]) -> None:
    while True:
        due = time.perf_counter() + 0.005
        await asyncio.sleep(0.005)
        lags.append(max(0.0, time.perf_counter() - due))


async def _connect(target: Target) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, target.host, target.port)
    return connection


def _table(costs: Times, lags: Times, chats: int, failed: int) -> str:
    rows = [
        f"| {chats} chats under way | median, ms | p99, ms | target |",
        "|---|---|---|---|",
        f"| first provider given up to next one asked | {costs.at(0.5)} | {costs.at(0.99)} | p99 under {TARGET_MS} |",
        f"| how late this meter itself is | {lags.at(0.5)} | {lags.at(0.99)} | |",
    ]
    return "\n".join(rows) + f"\n\n{len(costs.ordered)} failovers; chats that failed: {failed}."


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description="Measure what a failover costs.")
    parser.add_argument("--chats", type=int, default=100, help="chats under way at a time (default 100)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long (default 20)")
    arguments = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        sys.exit("This measurement reads /proc, which this system does not have.")
    print(asyncio.run(run(arguments.chats, arguments.seconds)))


if __name__ == "__main__":
    main()
