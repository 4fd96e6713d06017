"""What a process says of itself."""

import aiohttp
from fastapi import FastAPI
from novakit import health

from tests.support.services import serving


async def well() -> None:
    """This part works."""


async def ill() -> None:
    raise ConnectionRefusedError("postgres://user:password@host")


async def asked(path: str, **pings: health.Ping) -> tuple[int, object]:
    app = FastAPI()
    app.include_router(health.router(pings))
    async with serving(app) as url, aiohttp.ClientSession(url) as session, session.get(path) as response:
        return response.status, await response.json()


async def test_a_process_that_answers_is_alive_whatever_its_parts_do() -> None:
    assert await asked("/healthz", database=ill) == (200, {"status": "ok"})


async def test_a_process_is_ready_when_all_its_parts_work() -> None:
    assert await asked("/readyz") == (200, {"status": "ready", "checks": {}})
    assert await asked("/readyz", a=well, b=well) == (200, {"status": "ready", "checks": {"a": "ok", "b": "ok"}})


async def test_each_part_that_does_not_work_is_named_without_its_details() -> None:
    assert await asked("/readyz", a=ill, b=well) == (
        503,
        {"status": "not ready", "checks": {"a": "ConnectionRefusedError", "b": "ok"}},
    )
