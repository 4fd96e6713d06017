"""One request on its way through the gateway: its id, its answer's status, whose it is."""

from collections.abc import Awaitable
from typing import Literal

from novakit.tracing import Trace
from starlette.types import Message, Send

RawHeader = tuple[bytes, bytes]

# The status of a request whose client left before it was answered, as nginx writes it.
CLIENT_LEFT = 499


class Exchange:
    """What the parts of the gateway tell each other about one request.

    ``send`` is the ASGI callable that they answer with: it adds ``headers`` to the answer's head. ``user`` is the
    caller's id. ``status`` stays 499 until an answer begins. ``cut`` says why an answer has no end. ``trace`` is the
    request's span, where requests are traced.
    """

    __slots__ = ("_send", "cut", "headers", "request_id", "status", "trace", "user")

    def __init__(
        self, send: Send, request_id: str, headers: tuple[RawHeader, ...], trace: Trace | None = None
    ) -> None:
        self._send = send
        self.headers = headers
        self.request_id = request_id
        self.status = CLIENT_LEFT
        self.user = ""
        self.trace = trace
        self.cut: Literal["client_left", "upstream_failed"] | None = None

    @property
    def answered(self) -> bool:
        """Whether an answer has begun."""
        return self.status != CLIENT_LEFT

    def send(self, message: Message) -> Awaitable[None]:
        """Send one ASGI message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self.headers]
        return self._send(message)
