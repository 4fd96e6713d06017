"""The fakes themselves: they say what the real ones say, and they do as they are told."""

import asyncio
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

import aiohttp
import ollama
import openai
import pytest

from .anthropic import FakeAnthropic
from .behaviours import Behaviour, answer, cut, error_in_stream, hang, pieces, reset, stall, status
from .gate import Gate
from .gemini import FakeGemini
from .ollama import FakeOllama
from .openai import FakeOpenAI
from .server import FakeServer
from .threaded import serve_in_thread

HI = [{"role": "user", "content": "hi"}]
OPENAI_BODY = {"model": "gpt-4.1", "messages": HI, "stream": True, "stream_options": {"include_usage": True}}
ANTHROPIC_BODY = {"model": "claude-sonnet-5-5", "messages": HI, "max_tokens": 9, "stream": True}
HEADERS = "Host: x\r\nanthropic-version: 2026-10-21\r\n"
SAME_SHAPE = {
    "ollama": "ollama/stream/langchaingo/TestClient_GenerateChatStream#0",
    "openai": "openai/stream/mirascope/stream#0",
    "gemini": "gemini/stream-empty-last/mirascope/google_gemini_3_pro_preview#0",
    "anthropic": "anthropic/stream-thinking/ruby_llm/chat_with_extended_thinking_anthropic_claude-haiku-4-5_streams"
    "_thinking_content_when_available#0",
}
ASKED: dict[str, tuple[type[FakeServer], str, dict[str, Any]]] = {
    "ollama": (FakeOllama, "/api/chat", {"model": "llama3.2", "messages": HI}),
    "openai": (FakeOpenAI, "/v1/chat/completions", OPENAI_BODY),
    "gemini": (FakeGemini, "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", {"contents": []}),
    "anthropic": (FakeAnthropic, "/v1/messages", ANTHROPIC_BODY),
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Exchange:
    """One HTTP/1.1 request on a socket of its own, and the raw bytes that come back."""

    def __init__(self, fake: FakeServer, path: str, body: Any = None) -> None:
        self._port = int(fake.origin.rpartition(":")[2])
        data = b"" if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\n{HEADERS}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        self._sent = head.encode() + data

    async def start(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(self._sent)
        return reader, writer

    async def until(self, mark: bytes) -> bytes:
        """What comes up to ``mark``; without one, up to the end of the connection."""
        reader, writer = await self.start()
        try:
            return await (reader.readuntil(mark) if mark else reader.read())
        finally:
            writer.close()


async def body_of(fake: FakeServer, path: str, body: Any = None) -> bytes:
    """The body of a streamed answer, or of a whole one."""
    reader, writer = await Exchange(fake, path, body).start()
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if length is not None:
            return await reader.readexactly(int(length[1]))
        chunks = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunks += (await reader.readexactly(size + 2))[:-2]
        return chunks
    finally:
        writer.close()


def frames_of(body: str) -> list[Any]:
    """The JSON frames of a streamed body, of whichever provider."""
    raw = re.split(r"\r?\n\r?\n", body) if body.startswith(("data:", "event:")) else body.split("\n")
    frames = [frame.rpartition("data: ")[2] for frame in raw if frame.strip()]
    return [json.loads(frame) for frame in frames if frame != "[DONE]"]


def shape(value: Any, path: str = "") -> Iterator[str]:
    """Every field's path in a value, lists flattened."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from shape(inner, f"{path}[]")


@pytest.mark.parametrize("name", SAME_SHAPE)
async def test_a_fake_stream_has_the_fields_of_a_recorded_one(name: str) -> None:
    folder = os.environ.get("NOVACORE_RECORDINGS")
    if not folder:
        pytest.skip("NOVACORE_RECORDINGS names no folder with recordings")
    lines = (Path(folder) / "normalized.jsonl").read_text(encoding="utf-8").split("\n")
    recorded = next(entry for line in lines if line and (entry := json.loads(line))["id"] == SAME_SHAPE[name])
    make, path, body = ASKED[name]
    async with make([answer(reasoning="hm" if name in {"gemini", "anthropic"} else "")]) as fake:
        faked = (await body_of(fake, path, body)).decode()
    # Only a thought that is shown has this mark, and the recorded one is not shown.
    only_here = {".candidates[].content.parts[].thought"}
    only_there = {".candidates[].content.parts[].thoughtSignature"}
    ours, theirs = (
        {path for frame in frames_of(text) for path in shape(frame)} for text in (faked, recorded["body"])
    )
    assert ours - only_here == theirs - only_there


@pytest.mark.parametrize("name", SAME_SHAPE)
async def test_a_fake_stream_ends_its_lines_as_the_provider_does(name: str) -> None:
    make, path, body = ASKED[name]
    async with make() as fake:
        faked = await body_of(fake, path, body)
    ends = {"ollama": b"}\n", "openai": b"data: [DONE]\n\n", "gemini": b"}\r\n\r\n", "anthropic": b"}\n\n"}
    assert faked.endswith(ends[name])


async def test_the_official_client_finds_an_ollama() -> None:
    async with (
        FakeOllama([answer("one two", reasoning="hm")], models=["llama3.2", "qwen3:8b"], loaded=["qwen3:8b"]) as fake,
        ollama.AsyncClient(host=fake.url) as client,
    ):
        assert [model.model for model in (await client.list()).models] == ["llama3.2:latest", "qwen3:8b"]
        assert [model.model for model in (await client.ps()).models] == ["qwen3:8b"]
        assert (await client.show("llama3.2")).capabilities == ["completion"]
        parts = [part async for part in await client.chat("llama3.2", HI, stream=True)]
    assert "".join(part.message.content or "" for part in parts) == "one two"
    assert "".join(part.message.thinking or "" for part in parts) == "hm"
    assert (parts[-1].done, parts[-1].done_reason, parts[-1].eval_count) == (True, "stop", 3)


async def test_the_official_client_reads_the_models_of_an_openai_and_when_they_are_switched_off() -> None:
    fake = FakeOpenAI(models=["gpt-4.1", "gpt-9"], shutdown_dates={"gpt-4.1": "2027-01-14"})
    async with fake, openai.AsyncOpenAI(base_url=fake.url, api_key="k") as client:
        listed = [(model.id, model.shutdown_date) async for model in client.models.list()]
        retrieved = await client.models.retrieve("gpt-4.1")
    assert listed == [("gpt-4.1", "2027-01-14"), ("gpt-9", None)]
    assert retrieved.shutdown_date == "2027-01-14"


async def test_whole_answers_tell_the_time_where_a_fake_has_one() -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession() as session:
        async with session.get(f"{fake.url}/api/version") as silent:
            assert "Date" not in silent.headers
        fake.time = 1_795_341_600.0
        async with session.get(f"{fake.url}/api/version") as telling:
            assert telling.headers["Date"] == "Sun, 22 Nov 2026 10:00:00 GMT"


async def test_the_official_client_sees_the_errors_of_an_ollama() -> None:
    async with (
        FakeOllama([status(503), error_in_stream(1, "out of memory")]) as fake,
        ollama.AsyncClient(host=fake.url) as client,
    ):
        with pytest.raises(ollama.ResponseError, match="server busy"):
            await client.chat("llama3.2", HI)
        with pytest.raises(ollama.ResponseError, match="not found"):
            await client.chat("unheard-of", HI)
        with pytest.raises(ollama.ResponseError, match="out of memory"):
            [part async for part in await client.chat("llama3.2", HI, stream=True)]


async def test_the_official_client_loads_and_unloads_a_model() -> None:
    async with FakeOllama() as fake, ollama.AsyncClient(host=fake.url) as client:
        assert (await client.chat("llama3.2", [])).done_reason == "load"
        assert fake.loaded == ["llama3.2:latest"]
        assert (await client.chat("llama3.2", [], keep_alive=0)).done_reason == "unload"
        assert fake.loaded == []
        assert fake.chats == []


async def test_a_request_is_recorded_as_it_came() -> None:
    async with FakeGemini() as fake:
        await body_of(fake, "/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse", {"contents": []})
        request = fake.chats[0]
    assert (request.method, request.path) == ("POST", "/v1/models/gemini-2.5-flash:streamGenerateContent")
    assert (request.query, request.body) == ({"alt": "sse"}, {"contents": []})
    assert request.headers["host"] == "x"
    assert request.answered
    assert not request.gone.is_set()


async def test_the_script_is_followed_and_then_the_default() -> None:
    async with FakeOllama([answer("first"), answer("second")], default=answer("always")) as fake:
        bodies = [await body_of(fake, "/api/chat", ASKED["ollama"][2]) for _ in range(4)]
    said = ["".join(frame["message"]["content"] for frame in frames_of(body.decode())) for body in bodies]
    assert said == ["first", "second", "always", "always"]


async def test_free_checks_use_up_no_behaviour_and_can_be_scripted_apart() -> None:
    async with FakeOllama([answer("kept")], checks=[status(500)]) as fake:
        assert b"error" in await body_of(fake, "/api/version")
        assert json.loads(await body_of(fake, "/api/version"))["version"]
        assert len(fake.script) == 1


async def test_a_gate_holds_each_token_until_it_is_let_through() -> None:
    gate = Gate()
    async with FakeOllama([answer("one two", gate=gate)]) as fake:
        reader, writer = await Exchange(fake, "/api/chat", ASKED["ollama"][2]).start()
        await fake.received()
        gate.release()
        assert b"one" in await reader.readuntil(b"}\n\r\n")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 0.02)
        gate.open()
        assert b"two" in await reader.readuntil(b"}\n\r\n")
        assert b'"done": true' in await reader.readuntil(b"}\n\r\n")
        writer.close()


@pytest.mark.parametrize("behaviour", [hang(), stall(0), stall(2)])
async def test_a_client_that_leaves_is_noticed_with_the_time(behaviour: Behaviour) -> None:
    async with FakeOpenAI([behaviour]) as fake:
        before = asyncio.get_running_loop().time()
        _reader, writer = await Exchange(fake, "/v1/chat/completions", OPENAI_BODY).start()
        request = await fake.received()
        assert fake.in_flight == 1
        writer.close()
        await asyncio.wait_for(request.done.wait(), 1)
        assert request.gone.is_set()
        assert request.gone_at is not None
        assert request.gone_at >= before
        assert not request.answered
        assert fake.in_flight == 0


async def test_a_cut_leaves_the_body_unfinished_and_a_clean_one_ends_it() -> None:
    async with FakeOpenAI([cut(2), cut(2, kind="clean")]) as fake:
        cut_short = await Exchange(fake, "/v1/chat/completions", OPENAI_BODY).until(b"")
        ended = await Exchange(fake, "/v1/chat/completions", OPENAI_BODY).until(b"0\r\n\r\n")
    assert b"quick" in cut_short
    assert not cut_short.endswith(b"0\r\n\r\n")
    assert b"quick" in ended
    assert b"[DONE]" not in cut_short + ended


async def test_a_reset_is_a_reset() -> None:
    async with FakeOpenAI([reset()]) as fake:
        with pytest.raises(ConnectionResetError):
            await Exchange(fake, "/v1/chat/completions", OPENAI_BODY).until(b"\r\n")


async def test_a_closed_port_opens_again_at_the_same_place() -> None:
    async with FakeOllama() as fake:
        place = fake.url
        await fake.refuse()
        with pytest.raises(ConnectionRefusedError):
            await body_of(fake, "/api/version")
        await fake.accept()
        assert fake.url == place
        assert await body_of(fake, "/api/version")


async def test_closing_the_port_ends_the_streams_that_are_open() -> None:
    async with FakeOpenAI([stall()]) as fake:
        reader, writer = await Exchange(fake, "/v1/chat/completions", OPENAI_BODY).start()
        await fake.received()
        await fake.refuse()
        await asyncio.wait_for(reader.read(), 1)
        writer.close()


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ["abcdef"]), (2, ["abc", "def"]), (6, list("abcdef")), (9, list("abcdef"))]
)
def test_a_text_is_cut_into_so_many_pieces(count: int, expected: list[str]) -> None:
    assert pieces("abcdef", count) == expected


@pytest.mark.parametrize("text", ["one two", " leading", "double  space", "trailing ", "", " "])
def test_words_joined_are_the_text(text: str) -> None:
    assert "".join(pieces(text, None)) == text
    assert all(pieces(text, None))


def test_a_fake_in_a_thread_is_driven_from_outside() -> None:
    gate = Gate()
    with serve_in_thread(FakeOllama([answer("one two", gate=gate)])) as fake:
        asked = UrlRequest(f"{fake.url}/api/chat", data=json.dumps(ASKED["ollama"][2]).encode(), method="POST")
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(urlopen(asked, timeout=10).read()))
        reader.start()
        request = fake.received(within=5)
        assert request.body["model"] == "llama3.2"
        gate.open()
        reader.join(5)
        fake.add(status(503))
        assert len(fake.chats) == 1
    assert "".join(frame["message"]["content"] for frame in frames_of(found[0].decode())) == "one two"


def test_a_fake_in_a_thread_can_close_its_port_and_see_a_client_leave() -> None:
    with serve_in_thread(FakeOllama([hang()])) as fake:
        asked = UrlRequest(f"{fake.url}/api/chat", data=json.dumps(ASKED["ollama"][2]).encode(), method="POST")
        with pytest.raises(TimeoutError):
            urlopen(asked, timeout=0.05)
        fake.gone(fake.received(), within=5)
        fake.refuse()
        with pytest.raises(OSError, match="refused"):
            urlopen(f"{fake.url}/api/version", timeout=5)
        fake.accept()
        assert urlopen(f"{fake.url}/api/version", timeout=5).status == 200
