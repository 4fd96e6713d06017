"""An answer as it is sent: lines of JSON, or one document."""

from novakit import asgi
from starlette.types import Send

from . import wire
from .wire import Document, RequestError

NDJSON = b"application/x-ndjson"


class Reply:
    """The answer to one request. Its status is sent with its first line, so that an error before it has its own."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = False

    async def line(self, document: Document, *, more: bool = True) -> None:
        """One line of a stream, ended after the last."""
        if not self._started:
            self._started = True
            headers = [(b"content-type", NDJSON)]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        body = wire.encode(document) + b"\n"
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def document(self, document: Document, status: int = 200) -> None:
        """One whole document."""
        self._started = True
        await asgi.respond(self._send, wire.encode(document), status=status)

    async def error(self, error: RequestError) -> None:
        """An error: with its status where nothing was sent yet, else as the stream's last line."""
        if self._started:
            await self.line(wire.error(error.text), more=False)
        else:
            await self.document(wire.error(error.text), error.status)
