"""Ways in which a provider does not answer."""

from collections.abc import Awaitable, Callable

from tests.support.fakes import FakeServer, empty, error_in_stream, garbage, hang, reset, status


async def refuses(fake: FakeServer) -> None:
    """Nothing listens."""
    await fake.refuse()


async def resets(fake: FakeServer) -> None:
    """The request is taken and the connection dropped."""
    fake.default = reset()


async def hangs(fake: FakeServer) -> None:
    """Not even headers come."""
    fake.default = hang()


async def hangs_at_the_free_check(fake: FakeServer) -> None:
    """The list of models never comes."""
    fake.checks.extend([hang()] * 9)


async def answers_empty(fake: FakeServer) -> None:
    """A whole answer without a word."""
    fake.default = empty()


async def answers_garbage(fake: FakeServer) -> None:
    """A 200 that means nothing."""
    fake.default = garbage()


async def fails_in_the_stream(fake: FakeServer) -> None:
    """An error inside a 200, before the first word."""
    fake.default = error_in_stream(0)


async def answers_500(fake: FakeServer) -> None:
    """Broken, by its own word."""
    fake.default = status(500)


async def answers_404(fake: FakeServer) -> None:
    """The model is gone."""
    fake.default = status(404)


Fault = Callable[[FakeServer], Awaitable[None]]

FAULTS: list[tuple[Fault, str]] = [
    (refuses, "connect_refused"),
    (resets, "reset"),
    (hangs, "first_token_timeout"),
    (hangs_at_the_free_check, "first_token_timeout"),
    (answers_empty, "empty"),
    (answers_garbage, "malformed"),
    (fails_in_the_stream, "server_error"),
    (answers_500, "server_error"),
    (answers_404, "model_missing"),
]
"""Each with the reason that a trace gives for it."""

SOON = {"LLM_PROVIDER_TIMEOUTS": "ollama:0.2,gemini:0.2,openai:0.2"}
"""Settings under which silence costs little."""
