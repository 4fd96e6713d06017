"""Each body below fixtures means what its file is called, wherever the network cuts it.

``answer.sse`` is a whole answer, its text in ``answer.txt``; ``blocked.sse`` or ``billing.429.json`` is a failure for
that reason, the latter with that status. A word after a hyphen tells two of one kind apart.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from .recordings import Outcome, collect, run
from .scripted_transport import Answer, ScriptedTransport
from .subject import Subject
from .subjects import FIXTURES, SUBJECTS

ANSWER = "answer"
BY_NAME = {subject.name: subject for subject in SUBJECTS}
BODIES = sorted(path for path in FIXTURES.glob("*/bodies/*") if path.suffix != ".txt")


@pytest.fixture(params=BODIES, ids=lambda path: str(path.relative_to(FIXTURES)))
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def replay(path: Path, pieces: Sequence[bytes]) -> Outcome:
    subject = BY_NAME[path.parent.parent.name]
    status = next((int(part) for part in path.name.split(".") if part.isdigit()), 200)
    transport = ScriptedTransport(*(Answer([body]) for body in subject.first), Answer(pieces, status))
    return run(collect(subject.provider(transport, subject.serving())))


def test_a_body_means_what_its_name_says(path: Path) -> None:
    outcome = replay(path, [path.read_bytes()])
    meaning = path.name.partition(".")[0].partition("-")[0]
    assert outcome.reason == (None if meaning == ANSWER else meaning)
    if meaning == ANSWER:
        assert outcome.text == path.with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
        assert outcome.usage is not None


def test_a_body_means_the_same_wherever_it_is_cut(path: Path) -> None:
    body = path.read_bytes()
    whole = replay(path, [body])
    for offset in range(1, len(body)):
        assert replay(path, [body[:offset], body[offset:]]) == whole, offset
    assert replay(path, [body[at : at + 1] for at in range(len(body))]) == whole


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: str(subject.name))
def test_every_provider_has_an_answer_and_a_failure(subject: Subject) -> None:
    names = {path.name.partition(".")[0] for path in BODIES if path.parent.parent.name == subject.name}
    assert ANSWER in names
    assert len(names) > 1
