"""What we read in a recorded answer, and what the official client does."""

from dataclasses import fields

from ..oracles import Read, oracle_of
from ..recordings import Outcome, Recording, replay
from .difference import Difference

SHOWN_CHARS = 40


def compare(recording: Recording) -> list[Difference]:
    """The fields of one answer that are told otherwise. A finish is compared where neither tells of a failure."""
    ours, theirs = _told(replay(recording)), oracle_of(recording)(recording)
    failed = ours.failed is not None or theirs.failed is not None
    names = [field.name for field in fields(Read) if not (failed and field.name == "finish")]
    return [
        Difference(recording["id"], name, _short(getattr(ours, name)), _short(getattr(theirs, name)))
        for name in names
        if getattr(ours, name) != getattr(theirs, name)
    ]


def _told(outcome: Outcome) -> Read:
    """Our reading in the clients' terms."""
    read = Read(outcome.text, outcome.reasoning)
    if outcome.usage is not None:
        for field in fields(outcome.usage):
            setattr(read, field.name, getattr(outcome.usage, field.name))
    if outcome.reason is not None:
        read.failed = outcome.status or 0
    if outcome.finished is not None:
        read.finish = outcome.finished.raw_reason
    return read


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
