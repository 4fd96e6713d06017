"""``chat`` against a scripted server on loopback."""

import io
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from novakit.settings import SettingsError

from novacore import chat, secrets

from .worlds import World, free_port, wait_until

KEY = "nc_" + "x" * 40
ROUTE = {
    "attempt": 1,
    "provider": "ollama",
    "model": "tiny",
    "locality": "local",
    "state": "streaming",
    "sent": False,
}


def frame(data: dict[str, Any], name: str | None = None) -> bytes:
    event = f"event: {name}\n" if name else ""
    return f"id: 1\n{event}data: {json.dumps(data)}\n\n".encode()


def delta(text: str) -> bytes:
    return frame({"content": text, "done": False})


DONE = frame({"content": "", "done": True, "session_id": "s", "message_id": "m", "tokens_used": 3, "latency_ms": 9})


@dataclass
class Server:
    """What the server answers, and what it was asked."""

    status: int = 200
    frames: list[bytes] = field(default_factory=list)
    waits: bool = False
    url: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)
    left: threading.Event = field(default_factory=threading.Event)

    def target(self) -> chat.Target:
        return chat.Target(self.url, KEY)


def handler(script: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.path, script.headers = self.path, dict(self.headers)
            script.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(script.status)
            self.end_headers()
            for part in script.frames:
                self.wfile.write(part)
            if script.waits:
                self.rfile.read()
                script.left.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name that is overridden)
            """Nothing: the tests' output stays clean."""

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    script = Server()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(script)) as listening:
        script.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield script
        listening.shutdown()
        thread.join()


def asked(server: Server, **body: Any) -> tuple[str, str]:
    """What was written to standard output and to standard error."""
    out, notes = io.StringIO(), io.StringIO()
    ticks = iter([10.0, 10.24])
    chat.ask(server.target(), {"message": "hi", **body}, out=out, notes=notes, now=lambda: next(ticks))
    return out.getvalue(), notes.getvalue()


def test_the_answer_is_written_and_its_origin_said_beside_it(server: Server) -> None:
    server.frames = [
        b":\n\n",
        frame({"message_id": "m", "session_id": "s"}, "start"),
        frame(ROUTE, "route"),
        *(delta(text) for text in ("Hel", "lo\u2028 w", "orld")),
        frame({"input_tokens": 1}, "usage"),
        DONE,
    ]
    assert asked(server) == ("Hello\u2028 world\n", "— local · ollama · tiny · first words after 0.2 s\n")


def test_the_server_is_asked_with_the_key_and_the_wishes(server: Server) -> None:
    server.frames = [DONE]
    asked(server, local_only=True, session_id="abc")
    assert server.path == "/api/chat/stream"
    assert server.headers["Authorization"] == f"Bearer {KEY}"
    assert server.body == {"message": "hi", "local_only": True, "session_id": "abc"}


def test_an_answer_that_ends_with_an_error_keeps_its_words_and_fails(server: Server) -> None:
    server.frames = [frame(ROUTE, "route"), delta("Half"), frame({"error": "It broke.", "done": True})]
    out = io.StringIO()
    with pytest.raises(chat.ChatError, match=r"^It broke\.$"):
        chat.ask(server.target(), {"message": "hi"}, out=out, notes=io.StringIO(), now=lambda: 0.0)
    assert out.getvalue() == "Half\n"


@pytest.mark.parametrize("frames", [[], [delta("Half")], [delta("Half"), b"data: cut"]])
def test_a_stream_without_its_last_event_is_no_whole_answer(server: Server, frames: list[bytes]) -> None:
    server.frames = frames
    with pytest.raises(chat.ChatError, match="broke off"):
        asked(server)


def test_a_refusal_is_said_in_the_servers_own_sentence(server: Server) -> None:
    server.status, server.frames = 429, [json.dumps({"detail": "Too many requests: wait 3 s."}).encode()]
    with pytest.raises(chat.ChatError, match=r"^Too many requests: wait 3 s\.$"):
        asked(server)


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (401, b"{}", "The API key was refused: set NOVACORE_API_KEY to one that is valid."),
        (502, b"<html>", "The server answered with status 502."),
        (422, b'{"detail": "\\u001b[2Jbad"}', "[2Jbad"),
    ],
)
def test_each_refusal_is_one_harmless_sentence(status: int, body: bytes, sentence: str) -> None:
    assert chat.refusal(status, body) == sentence


def test_where_nothing_listens_the_sentence_says_how_to_start_it() -> None:
    target = chat.Target(f"http://127.0.0.1:{free_port()}", KEY)
    with pytest.raises(chat.ChatError) as found:
        chat.ask(target, {"message": "hi"}, out=io.StringIO(), notes=io.StringIO(), now=lambda: 0.0)
    assert str(found.value) == f"Nothing answers at {target.url}: start it with `make up`."


def test_a_terminal_is_not_steered_by_an_answer(server: Server) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    server.frames = [delta("a\x1b[2Jb"), DONE]
    out = Terminal()
    chat.ask(server.target(), {"message": "hi"}, out=out, notes=io.StringIO(), now=lambda: 0.0)
    assert out.getvalue() == "a[2Jb\n"


def test_the_key_is_the_callers_own_else_the_one_that_up_made(tmp_path: Path) -> None:
    data = {"NOVACORE_DATA_DIR": str(tmp_path)}
    with pytest.raises(SettingsError, match="There is no API key"):
        chat.find_target(data)
    made = secrets.ensure({}, tmp_path)["NOVACORE_BOOTSTRAP_API_KEY"]
    assert chat.find_target(data) == chat.Target("http://127.0.0.1:8080", made)
    assert chat.find_target({**data, "NOVACORE_BOOTSTRAP_API_KEY": "set"}).key == "set"
    assert chat.find_target({**data, "NOVACORE_API_KEY": KEY, "NOVACORE_BOOTSTRAP_API_KEY": "set"}).key == KEY


def test_the_address_is_the_one_that_was_set_else_this_machines() -> None:
    keyed = {"NOVACORE_API_KEY": KEY}
    assert chat.find_target({**keyed, "NOVACORE_PORT": "9"}).url == "http://127.0.0.1:9"
    assert (
        chat.find_target({**keyed, "NOVACORE_URL": "https://chat.example/nova/"}).url == "https://chat.example/nova"
    )
    with pytest.raises(SettingsError, match=r"NOVACORE_URL: 'chat\.example'"):
        chat.find_target({**keyed, "NOVACORE_URL": "chat.example"})


@pytest.mark.parametrize("variable", ["NOVACORE_API_KEY", "NOVACORE_BOOTSTRAP_API_KEY"])
@pytest.mark.parametrize("key", ["nc_abc\ndef", "nc_abc…", "nc_abc def"])
def test_a_key_that_cannot_be_sent_is_told_in_a_sentence_without_it(world: World, variable: str, key: str) -> None:
    done = world.run("chat", "hi", **{variable: key})

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{variable}: it cannot be used: a key is one word of letters, digits, - and _.\n"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:abc",
        "http://127.0.0.1:0",
        "http://[::1",
        "http://x/ü",
        "http://x y",
    ],
)
def test_an_address_that_cannot_be_asked_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="it must be an address such as"):
        chat.find_target({"NOVACORE_API_KEY": KEY, "NOVACORE_URL": url})


def test_the_command_writes_the_answer_to_one_stream_and_its_origin_to_the_other(
    server: Server, world: World
) -> None:
    server.frames = [frame(ROUTE, "route"), delta("Hello"), DONE]
    done = world.run(
        "chat", "hi there", "--session", "s1", "--local-only", NOVACORE_URL=server.url, NOVACORE_API_KEY=KEY
    )
    assert (done.returncode, done.stdout) == (0, "Hello\n")
    assert done.stderr.startswith("— local · ollama · tiny · first words after ")
    assert server.body == {"message": "hi there", "local_only": True, "session_id": "s1"}


def test_a_dash_reads_the_message_from_standard_input(server: Server, world: World) -> None:
    server.frames = [delta("Hello"), DONE]
    done = world.run("chat", "-", stdin="a long\nquestion\n", NOVACORE_URL=server.url, NOVACORE_API_KEY=KEY)
    assert done.returncode == 0
    assert server.body["message"] == "a long\nquestion\n"


def test_the_command_fails_with_one_sentence(world: World) -> None:
    done = world.run("chat", "hi", NOVACORE_API_KEY=KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Nothing answers at http://127.0.0.1:{world.port}: start it with `make up`.\n"
    assert world.run("chat", "hi").returncode == 2


def test_ctrl_c_closes_the_connection_and_ends_with_130(server: Server, world: World) -> None:
    server.frames, server.waits = [delta("Once upon")], True
    process = world.start("chat", "hi", NOVACORE_URL=server.url, NOVACORE_API_KEY=KEY)
    wait_until("the first words are there", lambda: world.out() == "Once upon")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert server.left.wait(10)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
