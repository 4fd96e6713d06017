"""The end of the process as a client sees it: new work is turned away, what runs gets its time or an honest end."""

import json

from services.intelligence.app.config import Settings
from services.intelligence.app.main import create_app
from tests.support.fakes import Gate, answer

from .world import World, data_of


async def test_new_work_is_turned_away_and_says_when_to_come_again(world: World) -> None:
    app = create_app(Settings.load(world.environ()))
    client = await world.serve_app(app)
    app.state.drain(60.0)
    for path, body in (
        ("/api/chat/message", {"message": "Hello?"}),
        ("/api/chat/stream", {"message": "Hello?"}),
        ("/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}),
    ):
        told = await client.call("POST", path, body)
        assert (told.status, told.headers["Retry-After"]) == (503, "2"), path
        assert "NovaCore is stopping" in json.dumps(told.body)
    assert world.ollama.chats == []


async def test_a_plain_answer_that_is_cut_short_is_no_success(world: World) -> None:
    app = create_app(Settings.load(world.environ()))
    client = await world.serve_app(app)
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    async with client.asking("/api/chat/message", {"message": "Hello?"}) as asked:
        await world.ollama.received()
        app.state.drain(0.0)
        told = await asked
    assert (told.status, told.headers["Retry-After"]) == (503, "2")


async def test_completions_that_are_cut_short_end_with_an_error(world: World) -> None:
    app = create_app(Settings.load(world.environ()))
    client = await world.serve_app(app)
    gate = Gate()
    world.ollama.default = answer("One two.", gate=gate)
    body = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
    async with (
        client.asking("/v1/chat/completions", body) as plain,
        client.asking("/v1/chat/completions", {**body, "stream": True}) as streamed,
    ):
        await world.ollama.received(2)
        gate.release(2)
        app.state.drain(0.0)
        told, stream = await plain, await streamed
    assert (told.status, told.body["error"]["code"]) == (503, "stopping")
    assert b'"code":"stopping"' in stream.raw
    assert b"[DONE]" not in stream.raw


async def test_a_stream_that_is_cut_short_says_so_and_is_kept(world: World) -> None:
    app = create_app(Settings.load(world.environ()))
    client = await world.serve_app(app)
    gate = Gate()
    world.ollama.add(answer("One two.", gate=gate))
    async with client.stream() as stream:
        gate.release()
        await stream.text("One")
        app.state.drain(0.0)
        events = await stream.rest()
    assert "broke off" in data_of(events[-1])["error"]
    [prompt] = await client.prompts(data_of(events[0])["session_id"])
    assert (prompt["output_text"], prompt["status"]) == ("One", "interrupted")
