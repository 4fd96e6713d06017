"""Every route with every kind of caller, over real sockets: nobody gets in where the table does not say so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from .table import CALLERS, GATEWAY, INTELLIGENCE, MEMORY
from .whole import (
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


def test_every_route_has_a_row_and_every_row_a_route(tmp_path: Path) -> None:
    inner, beside = routes_of(intelligence_app(tmp_path)), routes_of(memory_app(tmp_path))
    forwarded = {route for route in inner | beside if route.partition(" ")[2].startswith(("/api/", "/v1/"))}

    assert set(GATEWAY) == routes_of(gateway_app(tmp_path)) | OWN | forwarded
    assert set(INTELLIGENCE) == inner | UNDESCRIBED
    assert set(MEMORY) == beside | UNDESCRIBED
