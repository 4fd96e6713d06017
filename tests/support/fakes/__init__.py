"""Fake providers: real servers on free loopback ports that speak the providers' wire formats and misbehave on demand.

    async with FakeOllama(script=[answer("Hello there."), status(503), stall(after=2)]) as ollama:
        ...  # a client of ollama.url gets the three, one a chat request; afterwards ``default`` answers
        assert ollama.chats[0].body["model"] == "llama3.2:latest"

Answers are always streamed, whatever ``stream`` says. Behaviours stand in ``behaviours``; ``serve_in_thread`` hosts a
fake for tests that are not asynchronous.
"""

from .anthropic import FakeAnthropic
from .behaviours import (
    Behaviour,
    answer,
    blocked,
    cut,
    empty,
    error_in_stream,
    garbage,
    hang,
    late,
    pings,
    refused,
    reset,
    stall,
    status,
)
from .gate import Gate
from .gemini import FakeGemini
from .ollama import FakeOllama
from .openai import FakeOpenAI
from .server import FakeServer, Request
from .threaded import ThreadedFake, serve_in_thread

__all__ = [
    "Behaviour",
    "FakeAnthropic",
    "FakeGemini",
    "FakeOllama",
    "FakeOpenAI",
    "FakeServer",
    "Gate",
    "Request",
    "ThreadedFake",
    "answer",
    "blocked",
    "cut",
    "empty",
    "error_in_stream",
    "garbage",
    "hang",
    "late",
    "pings",
    "refused",
    "reset",
    "serve_in_thread",
    "stall",
    "status",
]
