"""A database that is away is told as such, not as something that broke; when it is back, all goes on."""

import pytest
from novakit.clock import FakeClock

from services.gateway.app.auth.access import TOUCH_SECONDS
from services.gateway.app.store.api_keys import ApiKeys
from tests.support import log_lines
from tests.support.databases import ON_POSTGRES, MadeDatabase

from .running import BEARER, PASSWORD, Gateway

pytestmark = ON_POSTGRES
UNKNOWN = {"Authorization": "Bearer nc_" + "y" * 40}
SENTENCE = "The accounts cannot be read now; try again."
LOGIN = {"name": "Ada", "password": PASSWORD}


async def test_an_outage_of_the_database_is_503_everywhere_and_no_crash(
    gateway: Gateway, database: MadeDatabase
) -> None:
    with log_lines.captured() as told, database.away():
        answers = [await gateway.get(path, UNKNOWN) for path in ("/api/auth/me", "/api/chat/sessions", "/v1/models")]
        answers.append(await gateway.post_json("/api/auth/login", {}, LOGIN))
        answers.append(await gateway.get("/readyz"))
    back = await gateway.get("/api/auth/me", BEARER)

    assert [answer.status for answer in answers] == [503] * 5
    assert {answers[number].detail for number in (0, 1, 3)} == {SENTENCE}
    assert answers[2].json()["error"]["message"] == SENTENCE
    assert answers[0].headers["retry-after"] == "2"
    assert "accounts_unavailable" in (events := {line["event"] for line in told})
    assert "crashed" not in events
    assert back.status == 200


async def test_a_use_that_cannot_be_written_costs_no_call(
    gateway: Gateway, database: MadeDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch = ApiKeys.touch

    async def while_away(keys: ApiKeys, key_id: str, wall: float) -> None:
        with database.away():
            await touch(keys, key_id, wall)

    clock.advance(TOUCH_SECONDS)
    monkeypatch.setattr(ApiKeys, "touch", while_away)

    assert (await gateway.get("/api/auth/me", BEARER)).status == 200
