"""Each test gives the process's logging back as it was."""

from collections.abc import Iterator

import pytest

from tests.support import log_lines


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    with log_lines.given_back():
        yield
