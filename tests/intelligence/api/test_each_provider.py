"""Every provider in the service, over real sockets: it answers a chat, and another does when it fails."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fakes import FakeServer, answer, error_in_stream

from ..providers.subject import Subject
from ..providers.subjects import SUBJECTS
from .world import OPENAI_KEY, Client, World, states_of, text_of


@pytest.fixture(params=SUBJECTS, ids=lambda subject: str(subject.name))
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.fixture
async def fake(subject: Subject) -> AsyncIterator[FakeServer]:
    async with subject.serving(default=answer("From the provider.")) as serving:
        yield serving


@pytest.fixture
async def client(subject: Subject, fake: FakeServer, world: World) -> Client:
    return await world.serve(
        **subject.settings(fake),
        LLM_PROVIDER_PRIORITY=f"{subject.name},backup",
        BACKUP_BASE_URL=world.openai.url,
        BACKUP_MODEL="gpt-4.1",
        BACKUP_API_KEY=OPENAI_KEY,
    )


async def test_a_chat_is_answered_whole_and_streamed(subject: Subject, fake: FakeServer, client: Client) -> None:
    body = (await client.message("Hello there?")).body
    assert (body["response"], subject.asked(fake.chats[0].body)) == ("From the provider.", "Hello there?")
    events = await client.events("And again?", session_id=body["session_id"])
    assert text_of(events) == "From the provider."
    assert states_of(events)[-1] == (subject.name, "succeeded", None)
    prompts = await client.prompts(body["session_id"])
    assert {(prompt["provider"], prompt["locality"]) for prompt in prompts} == {(subject.name, subject.locality)}


async def test_when_it_fails_the_next_one_answers(
    subject: Subject, fake: FakeServer, client: Client, world: World
) -> None:
    fake.default = error_in_stream(0)
    events = await client.events()
    assert text_of(events) == "OpenAI speaking."
    assert (subject.name, "failed", "server_error") in states_of(events)
    assert len(world.openai.chats) == 1


async def test_a_locked_chat_goes_to_it_only_where_it_is_local(
    subject: Subject, fake: FakeServer, client: Client
) -> None:
    await client.message("Between us.", local_only=True)
    assert len(fake.chats) == (1 if subject.locality == "local" else 0)
