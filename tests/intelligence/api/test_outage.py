"""A database that is away is told as such, not as something that broke; when it is back, all goes on."""

import pytest

from tests.support.databases import ON_POSTGRES

from .world import World

pytestmark = ON_POSTGRES
COMPLETION = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}


async def test_an_outage_of_the_database_is_503_everywhere_and_no_crash(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    client = await world.serve()
    session_id = await client.session()
    with world.made.away():
        answers = [
            await client.call("GET", "/api/chat/sessions"),
            await client.call("POST", "/api/chat/sessions", {}),
            await client.call("PATCH", f"/api/chat/sessions/{session_id}", {"local_only": True}),
            await client.call("GET", f"/api/chat/history/{session_id}"),
            await client.call("DELETE", "/api/chat/data"),
            await client.call("GET", "/api/usage"),
            await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False}),
            await client.message(),
            await client.call("POST", "/api/chat/stream", {"message": "Hello?"}),
            await client.call("GET", f"/api/chat/stream/{session_id}"),
            await client.call("POST", f"/api/chat/messages/{session_id}/stop"),
            await client.call("POST", "/api/chat/route/explain", {"message": "Hello?"}),
        ]
        completed = await client.call("POST", "/v1/chat/completions", COMPLETION)
    told = capsys.readouterr().out

    assert [answer.status for answer in answers] == [503] * len(answers)
    assert {answer.body["detail"] for answer in answers} == {
        "What is stored cannot be read or written now; try again."
    }
    assert completed.status in {200, 503}, completed.raw
    assert '"crashed"' not in told
    assert (await client.message()).status == 200
