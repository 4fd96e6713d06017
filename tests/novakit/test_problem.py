"""Errors that leave a service: RFC 9457 documents."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import aiohttp
import pytest
from fastapi import FastAPI, Query
from novakit import logs
from novakit.problem import Problem
from novakit.web import let_problems_out
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from tests.support.services import serving


class Body(BaseModel):
    name: str
    size: int = 0


def app_with_every_kind_of_error() -> FastAPI:
    app = FastAPI()
    let_problems_out(app)

    @app.get("/items/{item_id}")
    async def item(item_id: UUID, limit: Annotated[int, Query(ge=1)] = 1) -> str:
        return f"{item_id} {limit}"

    @app.post("/items")
    async def make(body: Body) -> str:
        return body.name

    @app.put("/items/{item_id}")
    async def change(item_id: UUID, body: Body) -> str:
        return f"{item_id} {body.name}"

    @app.get("/problem")
    async def raised() -> None:
        raise Problem(429, "Too fast; wait a moment.", headers={"Retry-After": "7"}, place=3)

    @app.get("/http")
    async def http() -> None:
        raise HTTPException(503, "Closed for today.", headers={"Retry-After": "9"})

    @app.get("/crash")
    async def crash() -> None:
        raise RuntimeError("what a person wrote")

    return app


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    app = app_with_every_kind_of_error()
    logs.setup("test")
    async with serving(app) as url, aiohttp.ClientSession(url) as session:
        yield session


CASES: list[tuple[str, str, bytes | None, int, str, str]] = [
    ("GET", "/nowhere", None, 404, "Not found", "Not Found"),
    ("DELETE", "/items", None, 405, "Method not allowed", "This path takes POST only."),
    ("GET", "/items/x", None, 422, "Cannot be used", "item_id: Input should be a valid UUID"),
    ("GET", f"/items/{UUID(int=1)}?limit=0", None, 422, "Cannot be used", "limit: Input should be greater than"),
    ("POST", "/items", b'{"size": "x"}', 422, "Cannot be used", "name: Field required; size: Input should be"),
    ("POST", "/items", b"{", 422, "Cannot be used", "the body is not JSON"),
    ("POST", "/items", b"\xff", 422, "Cannot be used", "the body is not JSON in UTF-8, or it is nested too deeply"),
    ("POST", "/items", b"[" * 200_000, 422, "Cannot be used", "the body is not JSON in UTF-8, or it is nested"),
    ("GET", "/problem", None, 429, "Too many requests", "Too fast; wait a moment."),
    ("GET", "/http", None, 503, "Not available", "Closed for today."),
    ("GET", "/crash", None, 500, "Internal error", "Something broke on our side; the log of this service has"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "title", "detail"), CASES)
async def test_every_error_is_a_problem_document(
    client: aiohttp.ClientSession, method: str, path: str, body: bytes | None, status: int, title: str, detail: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.request(method, path, data=body, headers=headers) as response:
        assert response.headers["content-type"] == "application/problem+json"
        document = await response.json(content_type=None)
    assert response.status == status
    assert list(document)[:4] == ["type", "title", "status", "detail"]
    assert (document["type"], document["title"], document["status"]) == ("about:blank", title, status)
    assert document["detail"].startswith(detail)


async def test_headers_and_further_fields_are_kept(client: aiohttp.ClientSession) -> None:
    async with client.get("/problem") as response:
        assert response.headers["retry-after"] == "7"
        assert (await response.json(content_type=None))["place"] == 3
    async with client.get("/http") as response:
        assert response.headers["retry-after"] == "9"


async def test_a_wrong_method_is_told_all_methods_of_its_path(client: aiohttp.ClientSession) -> None:
    async with client.delete("/items") as response:
        assert response.headers["allow"] == "POST"
    async with client.delete(f"/items/{UUID(int=1)}") as response:
        assert (response.status, response.headers["allow"]) == (405, "GET, PUT")
        assert (await response.json(content_type=None))["detail"] == "This path takes GET, PUT only."


async def test_a_crash_tells_nothing_of_what_it_was_about_and_ends_the_connection(
    client: aiohttp.ClientSession,
) -> None:
    for _ in range(3):
        async with client.get("/crash") as response:
            assert b"person" not in await response.read()
            assert response.headers["connection"] == "close"


def test_a_status_without_a_title_of_its_own_is_an_error() -> None:
    assert b'"title":"Error"' in Problem(418, "I am a teapot.").body()
