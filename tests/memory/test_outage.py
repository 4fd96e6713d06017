"""A database that is away is told as such, not as something that broke; when it is back, all goes on."""

import httpx
from novakit.clock import FakeClock

from tests.support import log_lines
from tests.support.databases import ON_POSTGRES, MadeDatabase

from .test_memory import headers

pytestmark = ON_POSTGRES


async def test_an_outage_of_the_database_is_503_everywhere_and_no_crash(
    memory: httpx.AsyncClient, database: MadeDatabase, clock: FakeClock
) -> None:
    with log_lines.captured() as told, database.away():
        answers = [
            await memory.get("/api/memory/facts", headers=headers(clock)),
            await memory.get("/api/memory/preferences", headers=headers(clock)),
            await memory.put("/api/memory/preferences", headers=headers(clock), json={}),
        ]
    back = await memory.get("/api/memory/facts", headers=headers(clock))

    assert [answer.status_code for answer in answers] == [503] * 3
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert answers[0].json()["detail"] == "What is stored cannot be read or written now; try again."
    assert "database_unavailable" in (events := {line["event"] for line in told})
    assert "crashed" not in events
    assert back.status_code == 200
