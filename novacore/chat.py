"""``chat``: one message to a running NovaCore, its answer streamed into the terminal."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from novakit.settings import SettingsError, environment, read
from novakit.sse import Decoder, Event

from . import ports, secrets
from .console import harmless
from .environment import BOOTSTRAP_KEY, CLIENT_KEY
from .route import Route, after, data_of
from .settings import LauncherSettings

URL_VARIABLE = "NOVACORE_URL"
# The server sends a heartbeat every 15 s, so a silence of this length is a lost connection.
SILENCE_SECONDS = 60.0
INTERRUPTED = 130


class ChatError(Exception):
    """No answer, or no whole one; the message is a sentence for the person who asked."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask, and with which key."""

    url: str
    key: str


def chat(message: str, *, session: str | None, local_only: bool, directory: Path) -> int:
    """Ask and stream the answer to standard output; the exit code."""
    try:
        target = find_target(environment(os.environ, directory))
        body = {"message": message, "local_only": local_only, **({"session_id": session} if session else {})}
        ask(target, body, out=sys.stdout, notes=sys.stderr, now=time.monotonic)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # The connection is closed by now, which is how the server learns that nobody reads on.
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain about it once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def find_target(environ: Mapping[str, str]) -> Target:
    """Address and key from the environment, else what ``up`` left in the data folder; raises SettingsError."""
    settings = LauncherSettings.load(environ)
    url = read(environ, URL_VARIABLE) or ports.url(settings.novacore_host, settings.novacore_port)
    if not _is_address(url):
        raise SettingsError(
            f"{URL_VARIABLE}: {url!r} cannot be used: it must be an address such as http://127.0.0.1:8080."
        )
    for variable in (CLIENT_KEY, BOOTSTRAP_KEY):
        key = read(environ, variable)
        if key is None:
            continue
        if not _is_one_word(key):
            raise SettingsError(f"{variable}: it cannot be used: a key is one word of letters, digits, - and _.")
        return Target(url.rstrip("/"), key)
    key = secrets.stored(BOOTSTRAP_KEY, settings.novacore_data_dir)
    if key is None:
        raise SettingsError(f"There is no API key: start NovaCore here with `make up`, or set {CLIENT_KEY}.")
    return Target(url.rstrip("/"), key)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and _is_one_word(url)
    except ValueError:
        return False


def _is_one_word(text: str) -> bool:
    """Whether it can be sent in the head of a request."""
    return text.isascii() and text.isprintable() and " " not in text


def ask(target: Target, body: Mapping[str, Any], *, out: TextIO, notes: TextIO, now: Callable[[], float]) -> None:
    """Stream one answer to ``out`` and say on ``notes`` where it came from; raises ChatError."""
    started = now()
    with closing(_connection(target.url)) as connection:
        events = _events(_response(connection, target, body))
        _write_answer(events, out, notes, lambda: now() - started)


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=SILENCE_SECONDS)


def _response(
    connection: http.client.HTTPConnection, target: Target, body: Mapping[str, Any]
) -> http.client.HTTPResponse:
    headers = {
        "Authorization": f"Bearer {target.key}",
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
    }
    path = f"{urlsplit(target.url).path}/api/chat/stream"
    try:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        response = connection.getresponse()
        if response.status == 200:
            return response
        document = response.read()
    except ConnectionRefusedError:
        raise ChatError(f"Nothing answers at {target.url}: start it with `make up`.") from None
    except (OSError, http.client.HTTPException) as error:
        raise ChatError(f"{target.url} cannot be asked: {type(error).__name__}.") from None
    raise ChatError(refusal(response.status, document))


def refusal(status: int, body: bytes) -> str:
    """What an error answer says, in a sentence."""
    if status == 401:
        return f"The API key was refused: set {CLIENT_KEY} to one that is valid."
    detail = data_of(Event(body.decode("utf-8", "replace"))).get("detail")
    return harmless(str(detail)) if detail else f"The server answered with status {status}."


def _events(response: http.client.HTTPResponse) -> Iterator[Event]:
    decoder = Decoder()
    while True:
        try:
            chunk = response.read1(65536)
        except (OSError, http.client.HTTPException):
            return
        if not chunk:
            return
        yield from decoder.feed(chunk)


def _write_answer(events: Iterator[Event], out: TextIO, notes: TextIO, elapsed: Callable[[], float]) -> None:
    clean = harmless if out.isatty() else str
    route = Route()
    first_words: float | None = None
    for event in events:
        data = data_of(event)
        if event.name == "route":
            route = after(route, data)
        if event.name != "message":
            continue
        if content := data.get("content"):
            first_words = elapsed() if first_words is None else first_words
            out.write(clean(str(content)))
            out.flush()
        if data.get("done"):
            out.write("\n")
            out.flush()
            print(harmless(route.sentence(first_words)), file=notes)
            if error := data.get("error"):
                raise ChatError(harmless(str(error)))
            return
    out.write("\n" if first_words is not None else "")
    out.flush()
    raise ChatError("The answer broke off: the connection ended before it was whole.")
