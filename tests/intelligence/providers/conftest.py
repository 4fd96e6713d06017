"""What the tests of every adapter are given: each adapter in turn, and the real transport."""

from collections.abc import AsyncIterator

import pytest

from services.intelligence.app.services.providers.transport import AiohttpTransport, open_session

from .subject import Subject
from .subjects import SUBJECTS


@pytest.fixture(params=SUBJECTS, ids=lambda subject: str(subject.name))
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    async with open_session() as session:
        yield AiohttpTransport(session)
