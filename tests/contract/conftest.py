"""Databases that are up to date already, so that no test waits for a migration."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.laid_out import laid_out

from .whole import Whole, whole


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Whole]:
    data = tmp_path / "data"
    data.mkdir()
    async with whole(laid_out(data)) as started:
        yield started
