"""Keys and SERVICE_JWT_SECRET are replaced in their files, and the service goes on with the new ones."""

import asyncio
import time
from pathlib import Path

import pytest
from novakit import secret_files
from novakit.identity import ADMIN, ROLE_HEADER, sign

from .world import GEMINI_KEY, SECRET, Client, World

NEW_KEY = "a-quite-different-key-" + "n" * 30
NEW_SECRET = "n" * 40


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_files, "LOOK_SECONDS", 0.001)


async def gemini(client: Client) -> dict[str, object]:
    """What the service tells of Gemini."""
    told = (await client.call("GET", "/api/chat/providers")).body["providers"]
    found: dict[str, object] = next(row for row in told if row["name"] == "gemini")
    return found


async def test_a_key_that_is_replaced_is_used_without_a_restart_and_without_waiting(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "gemini"
    file.write_text(GEMINI_KEY)
    client = await world.serve(LLM_PROVIDER_PRIORITY="gemini", GEMINI_API_KEY="", GEMINI_API_KEY_FILE=str(file))
    assert (await client.message()).body["response"] == "Gemini speaking."

    world.gemini.key = NEW_KEY
    assert (await client.message()).body["tokens_used"] == 0
    assert (await gemini(client))["last_error"] == "auth"
    assert (await gemini(client))["cooling_down"] is True

    file.write_text(f"{NEW_KEY}\n")
    async with asyncio.timeout(10):
        while (await gemini(client))["cooling_down"]:
            pass
    assert (await client.message()).body["response"] == "Gemini speaking."
    assert (await gemini(client))["healthy"] is True
    assert world.gemini.chats[-1].headers["x-goog-api-key"] == NEW_KEY
    looked = client.having({ROLE_HEADER: ADMIN})
    assert (await looked.call("POST", "/api/admin/operations/providers/gemini/check")).body["ok"] is True


async def test_a_service_secret_that_is_replaced_is_accepted_beside_the_one_before(
    world: World, tmp_path: Path
) -> None:
    file = tmp_path / "service"
    file.write_text(SECRET)
    client = await world.serve(SERVICE_JWT_SECRET="", SERVICE_JWT_SECRET_FILE=str(file))
    token = sign(NEW_SECRET, issuer="gateway", audience="intelligence", wall=time.time())
    newer = client.having({"X-Service-Token": token})
    assert (await newer.call("GET", "/api/chat/providers")).status == 401

    file.write_text(NEW_SECRET)
    async with asyncio.timeout(10):
        while (await newer.call("GET", "/api/chat/providers")).status == 401:
            pass
    assert (await client.call("GET", "/api/chat/providers")).status == 200
