"""Calls that are turned down: the status, and the sentence that says what to change."""

import time
from io import BytesIO
from typing import Any

import pytest
from novakit.identity import sign

from .world import OTHER_USER, SECRET, USER, World

NOBODY = "01890000-0000-7000-8000-00000000dead"
CHATS = ("/api/chat/message", "/api/chat/stream")

BODIES: list[tuple[Any, int, str]] = [
    ({"message": ""}, 422, "message is empty."),
    ({"message": " \n\t "}, 422, "message is empty."),
    ({"message": "x" * 21}, 422, "message has 21 characters; 20 are allowed."),
    ({}, 422, "The body cannot be used: Object missing required field `message`."),
    ({"message": 5}, 422, "The body cannot be used: Expected `str`, got `int` - at `$.message`."),
    ({"message": None}, 422, "The body cannot be used: Expected `str`, got `null` - at `$.message`."),
    ({"message": "Hi", "model": "x"}, 422, "The body cannot be used: Object contains unknown field `model`."),
    ({"message": "Hi", "prefer": "me"}, 422, "The body cannot be used: Invalid enum value 'me' - at `$.prefer`."),
    ({"message": "Hi", "local_only": "no"}, 422, "The body cannot be used: Expected `bool`, got `str`"),
    ([], 422, "The body cannot be used: Expected `object`, got `array`."),
    (b"", 422, "The body cannot be used: Input data was truncated."),
    (b'{"message": "Hi"', 422, "The body cannot be used: Input data was truncated."),
    (b'{"message": "\xff"}', 422, "The body cannot be used: it is not UTF-8."),
    (b'{"message": "\\ud800"}', 422, "The body cannot be used: "),
    ({"message": "Hi", "session_id": "x"}, 422, "session_id is not a UUID."),
    ({"message": "Hi", "session_id": NOBODY.replace("-", "")}, 422, "session_id is not a UUID."),
    ({"message": "Hi", "session_id": NOBODY, "parent_id": "x"}, 422, "parent_id is not a UUID."),
    ({"message": "Hi", "parent_id": NOBODY}, 422, "parent_id needs the session_id that it belongs to."),
    ({"message": "Hi", "session_id": NOBODY}, 404, "There is no such session."),
]


@pytest.mark.parametrize("path", CHATS)
async def test_a_body_that_cannot_be_used_is_turned_down_with_the_reason(world: World, path: str) -> None:
    client = await world.serve(CHAT_MAX_MESSAGE_CHARS="20")
    for body, status, detail in BODIES:
        answered = await client.call("POST", path, body)
        assert (answered.status, answered.headers["content-type"]) == (status, "application/problem+json"), body
        assert answered.body["detail"].startswith(detail), body
    assert (await client.call("GET", "/api/chat/sessions")).body["total"] == 0
    assert world.ollama.chats == []


@pytest.mark.parametrize("path", CHATS)
async def test_a_body_past_a_mebibyte_is_413(world: World, path: str) -> None:
    client = await world.serve()
    answered = await client.call("POST", path, BytesIO(b" " * (1024 * 1024 + 1)))
    assert (answered.status, answered.body["detail"]) == (413, "The request body is larger than 1048576 bytes.")


@pytest.mark.parametrize("path", CHATS)
async def test_the_longest_allowed_message_is_taken(world: World, path: str) -> None:
    client = await world.serve(CHAT_MAX_MESSAGE_CHARS="20")
    assert (await client.call("POST", path, {"message": "\U0001f600" * 20})).status == 200


@pytest.mark.parametrize("path", CHATS)
async def test_an_ended_session_takes_no_more_messages(world: World, path: str) -> None:
    client = await world.serve()
    session_id = await client.session()
    await client.call("POST", f"/api/chat/sessions/{session_id}/end")
    answered = await client.call("POST", path, {"message": "Hi", "session_id": session_id})
    assert (answered.status, answered.body["detail"]) == (409, "This session has ended; start a new one.")


@pytest.mark.parametrize("path", CHATS)
async def test_a_parent_must_be_of_the_same_session(world: World, path: str) -> None:
    client = await world.serve()
    one, other = await client.session(), await client.session()
    await client.message("Hi", session_id=other)
    [prompt] = await client.prompts(other)
    for parent in (prompt["id"], NOBODY):
        answered = await client.call("POST", path, {"message": "Hi", "session_id": one, "parent_id": parent})
        assert (answered.status, answered.body["detail"]) == (404, "parent_id names no message of this session.")


CALLS = [
    ("POST", "/api/chat/message"),
    ("POST", "/api/chat/stream"),
    ("POST", "/api/chat/sessions"),
    ("GET", "/api/chat/sessions"),
    ("PATCH", f"/api/chat/sessions/{NOBODY}"),
    ("DELETE", f"/api/chat/sessions/{NOBODY}"),
    ("POST", f"/api/chat/sessions/{NOBODY}/end"),
    ("GET", f"/api/chat/history/{NOBODY}"),
    ("GET", f"/api/chat/messages/{NOBODY}/route"),
    ("POST", f"/api/chat/messages/{NOBODY}/stop"),
    ("GET", "/api/chat/providers"),
]


async def test_every_chat_route_asks_for_a_service_token(world: World) -> None:
    client = await world.serve()
    wall = time.time()
    wrong = {
        "none": None,
        "nonsense": "abc",
        "another secret": sign("x" * 40, issuer="gateway", audience="intelligence", wall=wall),
        "another audience": sign(SECRET, issuer="gateway", audience="memory", wall=wall),
        "expired": sign(SECRET, issuer="gateway", audience="intelligence", wall=wall - 3600),
    }
    for method, path in CALLS:
        for what, token in wrong.items():
            headers = {"X-User-Id": USER, **({"X-Service-Token": token} if token else {})}
            answered = await client.call(method, path, {"message": "Hi"}, headers=headers)
            assert (answered.status, answered.body["title"]) == (401, "Not signed in"), (method, path, what)
            assert answered.body["detail"].startswith("service token refused: "), (method, path, what)


async def test_every_chat_route_asks_whose_call_it_is(world: World) -> None:
    client = await world.serve()
    headers = {"X-Service-Token": client.headers["X-Service-Token"]}
    for method, path in CALLS:
        answered = await client.call(method, path, {"message": "Hi"}, headers=headers)
        assert (answered.status, answered.body["detail"]) == (
            401,
            "The call names no user: x-user-id is missing.",
        ), path


BY_ID = [
    ("PATCH", "/api/chat/sessions/{}", {"title": "New"}, "There is no such session."),
    ("DELETE", "/api/chat/sessions/{}", None, "There is no such session."),
    ("POST", "/api/chat/sessions/{}/end", None, "There is no such session."),
    ("GET", "/api/chat/history/{}", None, "There is no such session."),
    ("GET", "/api/chat/messages/{}/route", None, "There is no such message."),
    ("POST", "/api/chat/messages/{}/stop", None, "There is no such message."),
]


@pytest.mark.parametrize(("method", "path", "body", "detail"), BY_ID)
async def test_an_unknown_or_foreign_id_is_404_and_a_malformed_one_422(
    world: World, method: str, path: str, body: dict[str, Any] | None, detail: str
) -> None:
    client = await world.serve()
    session_id = (await client.message()).body["session_id"]
    [prompt] = await client.prompts(session_id)
    mine = prompt["id"] if "messages" in path else session_id
    stranger = client.as_user(OTHER_USER)
    for caller, wanted in ((client, NOBODY), (stranger, mine)):
        answered = await caller.call(method, path.format(wanted), body)
        assert (answered.status, answered.body["detail"]) == (404, detail)
    assert (await client.call(method, path.format("not-a-uuid"), body)).status == 422
    assert await client.prompts(session_id) == [prompt]
    assert (await client.call(method, path.format(mine), body)).status in {200, 204}


async def test_a_session_change_must_change_something_known(world: World) -> None:
    client = await world.serve()
    session_id = await client.session()
    for body, part in (
        ({}, "name what to change: title or local_only"),
        ({"title": ""}, "title: "),
        ({"title": " \n "}, "title: "),
        ({"title": "x" * 201}, "title: "),
        ({"local_only": None}, "name what to change"),
        ({"local_only": 1}, "local_only: "),
        ({"status": "ended"}, "status: "),
    ):
        answered = await client.call("PATCH", f"/api/chat/sessions/{session_id}", body)
        assert answered.status == 422, body
        assert part in answered.body["detail"], body


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "cursor=nonsense", "cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA=="]
)
async def test_a_page_that_cannot_be_given_is_422(world: World, query: str) -> None:
    client = await world.serve()
    answered = await client.call("GET", f"/api/chat/sessions?{query}")
    assert answered.status == 422
    assert answered.body["detail"].startswith(query.partition("=")[0])


async def test_another_method_is_405_and_another_path_404(world: World) -> None:
    client = await world.serve()
    wrong = await client.call("GET", "/api/chat/message")
    assert (wrong.status, wrong.headers["allow"], wrong.body["title"]) == (405, "POST", "Method not allowed")
    assert (await client.call("POST", "/api/chat/nowhere", {})).status == 404
