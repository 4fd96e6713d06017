"""Every route with every kind of caller, over real sockets: nobody gets in where the table does not say so."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .table import CALLERS, COMPLETION, GATEWAY, INTELLIGENCE, MEMORY, MESSAGE, PASSWORD, SOME_ID
from .whole import (
    BOOTSTRAP,
    People,
    Whole,
    differences_inside,
    gateway_app,
    intelligence_app,
    memory_app,
    routes_of,
    whole,
)

# What is no route of FastAPI's: the page, and what each service tells of itself.
OWN = {"GET /"}
UNDESCRIBED = {"GET /metrics", "GET /openapi.json"}

HALF = "\ud800"
"""Half a character: JSON can write it, and no text holds it."""
OPTIONAL: dict[str, Any] = {
    "POST /api/auth/password": {"new_password": PASSWORD, "current_password": PASSWORD, "name": "Ada"},
    "POST /api/admin/invitations": {"role": "user"},
    "PATCH /api/admin/users/{user_id}": {"role": "user"},
    "POST /api/auth/keys": {"name": "one more", "scope": "chat"},
    "POST /api/chat/sessions": {"title": "One"},
    "PUT /api/memory/preferences": {"provider_order": ["ollama"]},
    "POST /api/chat/message": {**MESSAGE, "session_id": SOME_ID, "parent_id": SOME_ID, "prefer": "local"},
    "POST /v1/chat/completions": {
        **COMPLETION,
        "models": ["auto"],
        "stop": ["x"],
        "user": "x",
        "metadata": {"x": "y"},
        "safety_identifier": "x",
    },
}
"""Bodies with the fields that a row of the table leaves out."""


def with_half(value: Any) -> Iterator[Any]:
    """The value with half a character in one of its texts, for each of them."""
    if isinstance(value, str):
        yield value + HALF
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from ({**value, key: other} for other in with_half(inner))
        yield {**value, HALF: "x"}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], other, *value[place + 1 :]] for other in with_half(inner))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(folder: Path) -> AsyncIterator[Whole]:
    async with whole(folder) as started:
        yield started


@pytest.mark.asyncio(loop_scope="module")
async def test_every_route_answers_every_caller_as_the_table_says(product: Whole) -> None:
    people = People(product)
    await people.arrive()
    found = []
    for route, row in GATEWAY.items():
        method, _, template = route.partition(" ")
        path = await people.path(template)
        for caller in CALLERS:
            headers = await people.headers(caller)
            status, _ = await people.ask(method, path, headers, row.body)
            if status != row.statuses[caller]:
                found.append(f"{route} for {caller}: {status} and not {row.statuses[caller]}")
            if row.ends:
                people.sign_in_anew()
            if status < 400:
                path = await people.path(template)

    assert found == []


@pytest.mark.asyncio(loop_scope="module")
async def test_the_inner_services_answer_the_gateway_alone(product: Whole) -> None:
    assert await differences_inside(product, "intelligence", INTELLIGENCE) == []
    assert await differences_inside(product, "memory", MEMORY) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_half_a_character_in_any_text_of_a_body_breaks_nothing(product: Whole) -> None:
    people = People(product)
    found = []
    for route, row in GATEWAY.items():
        method, _, template = route.partition(" ")
        path = re.sub(r"{\w+}", SOME_ID, template)
        for body in (spoilt for good in (row.body, OPTIONAL.get(route)) for spoilt in with_half(good)):
            status, told = await people.ask(method, path, {"Authorization": f"Bearer {BOOTSTRAP}"}, body)
            if not 400 <= status < 500:
                found.append(f"{route} with {body!r}: {status} {told}")

    assert found == []


def test_every_route_has_a_row_and_every_row_a_route(tmp_path: Path) -> None:
    inner, beside = routes_of(intelligence_app(tmp_path)), routes_of(memory_app(tmp_path))
    forwarded = {route for route in inner | beside if route.partition(" ")[2].startswith(("/api/", "/v1/"))}

    assert set(GATEWAY) == routes_of(gateway_app(tmp_path)) | OWN | forwarded
    assert set(INTELLIGENCE) == inner | UNDESCRIBED
    assert set(MEMORY) == beside | UNDESCRIBED
