"""A mock Ollama that is no bottleneck: one thread, canned bytes, one send for each token of a burst.

Run as ``python -m bench.mock PORT``. The answer's form is chosen by the model's name in the request: ``plain`` (one
long line), ``burst`` (64 lines as fast as they go, the streams taking turns as those of a batching server do),
``block`` (the same, but each stream's lines back to back) or ``paced`` (64 lines, one each 10 ms).
"""

import heapq
import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

TOKENS = 64
LAST_WORDS = b"last"
"""What every answer ends with: an answer without it was not the model's."""
PACE_SEC = 0.01
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
_END = b"0\r\n\r\n"


def _chunk(line: dict[str, object]) -> bytes:
    body = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    return b"%x\r\n%b\r\n" % (len(body), body)


def _said(text: str) -> bytes:
    return _chunk({"model": "bench", "message": {"role": "assistant", "content": text}, "done": False})


_DONE = _chunk(
    {
        "model": "bench",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 20,
        "eval_count": TOKENS,
    }
)
_PLAIN = _HEAD + _said("word " * 90 + "last") + _DONE + _END
_TOKENS = [*(_said(f" token{number}") for number in range(TOKENS - 1)), _said(" last")]
_SMALL = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
_NAMES = [f"{shape}:latest" for shape in ("plain", "burst", "block", "paced")]
_TAGS = json.dumps({"models": [{"name": name, "model": name} for name in _NAMES]}).encode()
_VERSION = b'{"version":"bench"}'


@dataclass(order=True)
class _Due:
    at: float
    number: int
    left: Iterator[bytes]
    connection: socket.socket


class Mock:
    """All connections on one selector; paced answers on one heap of due times."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._listener.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._unread: dict[socket.socket, bytes] = {}
        self._due: list[_Due] = []
        self._bursts: list[tuple[socket.socket, Iterator[bytes]]] = []
        self._count = 0

    def serve(self) -> None:
        """Until the process is ended."""
        while True:
            wait = None if not self._due else max(0.0, self._due[0].at - time.monotonic())
            if self._bursts:
                wait = 0.0
            for key, _ in self._selector.select(wait):
                connection = key.fileobj
                if connection is self._listener:
                    self._accept()
                elif isinstance(connection, socket.socket):
                    self._read(connection)
            self._send_due()
            self._send_bursts()

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ)

    def _read(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(262144)
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        data = self._unread[connection] + data
        head, mark, body = data.partition(b"\r\n\r\n")
        length = _content_length(head) if mark else 0
        if not mark or len(body) < length:
            self._unread[connection] = data
            return
        self._unread[connection] = b""
        self._answer(connection, head, body)

    def _answer(self, connection: socket.socket, head: bytes, body: bytes) -> None:
        if head.startswith(b"GET") or b"/api/show" in head:
            # All models are listed, and all are loaded.
            small = _TAGS if b"/api/tags" in head or b"/api/ps" in head else _VERSION
            self._send(connection, _SMALL % (len(small), small))
        elif b'"burst' in body:
            self._send(connection, _HEAD)
            self._bursts.append((connection, iter([*_TOKENS, _DONE + _END])))
        elif b'"block' in body:
            self._send(connection, _HEAD)
            for token in _TOKENS:
                self._send(connection, token)
            self._send(connection, _DONE + _END)
        elif b'"paced' in body:
            self._send(connection, _HEAD)
            self._schedule(connection, iter([*_TOKENS, _DONE + _END]), time.monotonic())
        else:
            self._send(connection, _PLAIN)

    def _schedule(self, connection: socket.socket, left: Iterator[bytes], at: float) -> None:
        self._count += 1
        heapq.heappush(self._due, _Due(at, self._count, left, connection))

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0].at <= now:
            due = heapq.heappop(self._due)
            token = next(due.left, None)
            if token is not None and due.connection in self._unread:
                self._send(due.connection, token)
                self._schedule(due.connection, due.left, due.at + PACE_SEC)

    def _send_bursts(self) -> None:
        left = []
        for connection, lines in self._bursts:
            line = next(lines, None)
            if line is not None and connection in self._unread:
                self._send(connection, line)
                left.append((connection, lines))
        self._bursts = left

    def _send(self, connection: socket.socket, data: bytes) -> None:
        try:
            connection.sendall(data)
        except OSError:
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        if self._unread.pop(connection, None) is not None:
            self._selector.unregister(connection)
            connection.close()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


if __name__ == "__main__":
    Mock(int(sys.argv[1])).serve()
