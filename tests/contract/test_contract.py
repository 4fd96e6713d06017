"""What is published is what is done: each document is tried with data that it allows and data that it forbids.

The checks are Schemathesis': no 5xx, no status, content type, body or event that is not described, nothing forbidden
that is taken, nothing allowed that is refused, no call without a credential. ``NOVACORE_FUZZ=2000`` makes at least
that many requests instead of the usual number.
"""

import json
import os
from pathlib import Path
from typing import Any

import aiohttp

from tests.intelligence.api.world import World

from .fuzzing import Fuzzed, fuzz
from .whole import Whole

CASES = int(os.environ.get("NOVACORE_FUZZ", "0"))

MESSAGES = 24

CONFIG = """
request-timeout = 60.0

[dictionaries]
messages.values = {messages}
broken.values = {broken}
facts.values = {facts}
users.values = {users}
models.values = ["auto"]
providers.values = ["ollama", "gemini"]
texts.values = ["Hello?"]

[parameters]
# What no document can tell: which messages there are, and what is likely to be answered.
"path.message_id" = {{ dictionary = "messages", probability = 0.6 }}
"path.fact_id" = {{ dictionary = "facts", probability = 0.6 }}
"path.user_id" = {{ dictionary = "users", probability = 0.6 }}
"path.provider" = {{ dictionary = "providers", probability = 0.8 }}
"body.model" = {{ dictionary = "models", probability = 0.8 }}
"body.messages[*].content" = {{ dictionary = "texts", probability = 0.6 }}

[checks]
allow_header_conformance.enabled = {names_methods}

[phases]
coverage.enabled = {edges}

[[operations]]
include-operation-id = "continue_message"
parameters."path.message_id" = {{ dictionary = "broken", probability = 0.8 }}

[[operations]]
include-operation-id = ["sign_in_by_link", "register", "reset"]
# Nobody holds a link. A name must be printable, which no schema can say.
checks.positive_data_acceptance.expected-statuses = ["2xx", 403, 410, 422, 429]

[[operations]]
include-operation-id = ["log_in", "list_users"]
# The same of what is looked for.
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 422, 429]

[[operations]]
include-path-regex = "session_id"
# A fact that was told in no chat names no session, and its null is taken for an id.
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 422]

[[operations]]
include-operation-id = "set_password"
# The first password needs a name, each later one the one before.
checks.positive_data_acceptance.expected-statuses = ["2xx", 403, 409, 422, 429]

[[operations]]
include-operation-id = "log_out"
# The caller has an API key.
checks.positive_data_acceptance.expected-statuses = ["2xx", 400]

[[operations]]
include-operation-id = ["delete_data", "forget_facts"]
# They would take away what the others are tried with.
enabled = false

[[operations]]
include-operation-id = ["list_sessions", "list_facts"]
# A cursor is one that the list has given.
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]

[[operations]]
include-operation-id = ["check_provider", "load_model"]
# The provider is one of the priority.
checks.positive_data_acceptance.expected-statuses = ["2xx", 404]

[[operations]]
include-operation-id = ["usage_of_all", "activity"]
# Each group once, and the first day not after the last; no more points than can be drawn.
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]

[[operations]]
include-operation-id = ["send_message", "stream_message"]
# Under a key that was given to another body.
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-operation-id = "create_completion"
# The messages may hold nothing to answer.
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 404]
"""


async def messages(ask: aiohttp.ClientSession, url: str) -> list[str]:
    """The ids of some messages, each in a session of its own, since sessions will be deleted."""
    ids = []
    for _ in range(MESSAGES):
        async with ask.post(f"{url}/api/chat/message", json={"message": "Hello?"}) as made:
            session_id = (await made.json())["session_id"]
        async with ask.get(f"{url}/api/chat/history/{session_id}") as told:
            ids += [prompt["id"] for prompt in (await told.json())["prompts"]]
    return ids


async def facts(ask: aiohttp.ClientSession, url: str) -> list[str]:
    """The ids of some facts; none where this is no place to tell any."""
    ids = []
    for number in range(MESSAGES):
        async with ask.post(f"{url}/api/memory/facts", json={"text": f"Number {number}."}) as made:
            if made.status != 201:
                break
            ids.append((await made.json())["id"])
    return ids


async def users(ask: aiohttp.ClientSession, url: str) -> list[str]:
    """The id of somebody who may be changed; nobody's where there are no accounts."""
    async with ask.post(f"{url}/api/admin/invitations", json={}) as made:
        if made.status != 201:
            return []
        invitation = (await made.json())["token"]
    registration = {"name": "Bystander", "password": "correct horse battery", "invitation": invitation}
    async with ask.post(f"{url}/api/auth/register", json=registration) as registered:
        return [(await registered.json())["user_id"]]


async def tried(
    world: World,
    url: str,
    path: str,
    headers: dict[str, str],
    folder: Path,
    *,
    each: int,
    edges: bool,
    names_methods: bool,
) -> tuple[Fuzzed, set[str]]:
    """What was asked, and the operations that were never answered as they should be."""
    async with aiohttp.ClientSession(headers=headers) as ask:
        ids = await messages(ask, url)
        whole, broken = ids[::2], ids[1::2]
        with world.database() as connection:
            change = "UPDATE prompts SET status = 'interrupted' WHERE id = ?"
            connection.executemany(change, [(message,) for message in broken])
        config = CONFIG.format(
            messages=json.dumps(whole),
            broken=json.dumps(broken),
            facts=json.dumps(await facts(ask, url) or ids),
            users=json.dumps(await users(ask, url) or ids),
            edges=str(edges).lower(),
            names_methods=str(names_methods).lower(),
        )
        fuzzed = await fuzz(url + path, headers, config, folder, each=each)
        assert fuzzed.passed, fuzzed.told
        async with ask.get(url + path) as told:
            described: dict[str, Any] = await told.json()
        async with ask.get(f"{url}/api/chat/providers") as still:
            assert still.status == 200, "the caller is no longer known: what was tried says little"
    labels = {f"{method.upper()} {path}" for path, item in described["paths"].items() for method in item}
    return fuzzed, {label for label in labels if not fuzzed.succeeded(label)}


async def test_the_api_does_what_its_document_says(running: Whole, tmp_path: Path) -> None:
    fuzzed, unanswered = await tried(
        running.world,
        running.gateway,
        "/api/openapi.json",
        running.bearer,
        tmp_path,
        each=max(4, CASES // 50),
        edges=True,
        # To OPTIONS the gateway tells what it forwards; what of it a path takes, the service behind it knows.
        names_methods=False,
    )

    # Nobody holds a link, a password or a sign-in; the document itself is left out by who reads it.
    not_held = {f"POST /api/auth/{way}" for way in ("link", "register", "reset", "login", "refresh", "logout")}
    not_held |= {"GET /api/openapi.json"}
    assert unanswered == not_held | {"DELETE /api/chat/data", "DELETE /api/memory/facts"}
    assert fuzzed.cases >= max(700, CASES // 2), fuzzed.told


async def test_intelligence_does_what_its_document_says(running: Whole, tmp_path: Path) -> None:
    fuzzed, unanswered = await tried(
        running.world,
        running.intelligence.url,
        "/openapi.json",
        running.inner,
        tmp_path,
        each=max(10, CASES // 50),
        # The gateway's test has tried these at the same routes.
        edges=CASES > 0,
        names_methods=True,
    )

    assert unanswered == {"DELETE /api/chat/data"}
    assert fuzzed.cases >= max(200, CASES // 2), fuzzed.told
