"""What must hold for every adapter whose key is replaced while it is in use."""

import pytest

from services.intelligence.app.domain.chat import ChatTurn, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError
from services.intelligence.app.services.providers.transport import AiohttpTransport
from tests.support.fakes import status

from .subject import KEY, Subject

NEW_KEY = "nq" + "8gKy" * 10
REQUEST = ProviderRequest((ChatTurn("user", "Hello?"),))


async def test_the_new_one_is_used_from_the_next_call_on(subject: Subject, transport: AiohttpTransport) -> None:
    async with subject.serving() as fake:
        provider = subject.provider(transport, fake)
        provider.key_replaced("somebody else", "another's")
        await provider.generate(REQUEST)
        provider.key_replaced(provider.name, NEW_KEY)
        await provider.generate(REQUEST)
        keys = [request.headers[subject.key_header].removeprefix("Bearer ") for request in fake.chats]
    assert keys == [KEY, NEW_KEY]


@pytest.mark.parametrize("key", [KEY, NEW_KEY], ids=["before", "after"])
async def test_neither_is_quoted(subject: Subject, transport: AiohttpTransport, key: str) -> None:
    async with subject.serving([status(500, f"It broke for {key}.")]) as fake:
        provider = subject.provider(transport, fake)
        provider.key_replaced(provider.name, NEW_KEY)
        with pytest.raises(ProviderError) as caught:
            await provider.generate(REQUEST)
    assert key not in caught.value.detail
