"""Our adapters and the official clients read the same bytes alike; where they do not, drift/reasons.py says why."""

import pytest

from . import recordings
from .drift.answers import compare
from .drift.reasons import ANSWERS, entry_of
from .test_recordings import EVERY

pytestmark = pytest.mark.skipif(
    recordings.folder() is None, reason="NOVACORE_RECORDINGS names no folder with recordings"
)


@pytest.mark.parametrize("name", EVERY)
def test_the_official_client_reads_the_same(name: str) -> None:
    found = compare(recordings.by_id()[name])
    assert [difference for difference in found if entry_of(difference) is None] == []


def test_each_reason_to_read_otherwise_is_needed() -> None:
    needed = {entry_of(difference) for name in EVERY for difference in compare(recordings.by_id()[name])}
    assert needed == set(ANSWERS)
