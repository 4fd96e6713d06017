"""The world outside, in a network namespace of its own: an address that only those reach who have a way out.

A cloud provider (the fake Gemini) answers there. It knows the way back to any container, as a router would that
somebody has told of them: what does not arrive was held back on this side.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.fakes import FakeGemini, answer
from tests.support.services import ROOT

from .engine import run

NAMESPACE = "novacore-outside"
NEAR, FAR = "198.51.100.1", "198.51.100.2"
PORT = 8000
ANSWER = "From the cloud."


@dataclass(frozen=True, slots=True)
class Outside:
    """The world outside and its one provider."""

    process: "subprocess.Popen[str]"
    url: str = f"http://{FAR}:{PORT}"

    def connections(self) -> int:
        """How many have come so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print("count", file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


@contextmanager
def reachable() -> Iterator[Outside]:
    """It is there within the block."""
    run("ip", "netns", "add", NAMESPACE)
    try:
        run("ip", "link", "add", "nova-near", "type", "veth", "peer", "name", "nova-far", "netns", NAMESPACE)
        run("ip", "address", "add", f"{NEAR}/30", "dev", "nova-near")
        run("ip", "link", "set", "nova-near", "up")
        run("ip", "-n", NAMESPACE, "address", "add", f"{FAR}/30", "dev", "nova-far")
        run("ip", "-n", NAMESPACE, "link", "set", "nova-far", "up")
        run("ip", "-n", NAMESPACE, "route", "add", "default", "via", NEAR)
        with _provider() as process:
            yield Outside(process)
    finally:
        run("ip", "link", "delete", "nova-near", check=False)
        run("ip", "netns", "delete", NAMESPACE, check=False)


@contextmanager
def _provider() -> "Iterator[subprocess.Popen[str]]":
    command = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-m", "tests.ship.outside"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.terminate()


async def _serve() -> None:
    """Answer until standard input ends; each line there is asked for the number of connections."""
    fake = FakeGemini(default=answer(ANSWER))
    fake.host, fake.port = FAR, PORT
    async with fake:
        print("ready", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(fake.connections, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
