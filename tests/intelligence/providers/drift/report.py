"""All differences, and how they are told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..recordings import Recording
from . import answers, requests, words
from .difference import Difference
from .pairs import pairs
from .reasons import Entry, entry_of

WIDEST = 70
"""How wide the table's column of names is; a longer name pushes its reason to the right."""


@dataclass(frozen=True)
class Report:
    """``known`` differences by what explains them, and those that are ``new``."""

    known: dict[Entry, list[Difference]]
    new: Sequence[Difference]

    def lines(self) -> Iterator[str]:
        """One line for each entry, then one for each new difference."""
        rows = [(f"{entry.where}: {entry.what}", f"{len(found)}x", entry.why) for entry, found in self.known.items()]
        rows += [
            (f"{one.where}: {one.what}", "NEW", f"ours is {one.ours}, theirs is {one.theirs}") for one in self.new
        ]
        width = min(max((len(what) for what, _, _ in rows), default=0), WIDEST)
        for what, mark, why in rows:
            yield f"{mark:>4}  {what:<{width}}  {why}"


def report(recordings: Iterable[Recording]) -> Report:
    """Everything compared: these recordings, every request, every vocabulary."""
    found = [
        *(difference for recording in recordings for difference in answers.compare(recording)),
        *(difference for pair in pairs() for difference in requests.compare(pair)),
        *(difference for vocabulary in words.vocabularies() for difference in words.compare(vocabulary)),
    ]
    known: dict[Entry, list[Difference]] = {}
    new: list[Difference] = []
    for difference in found:
        entry = entry_of(difference)
        if entry is None:
            new.append(difference)
        else:
            known.setdefault(entry, []).append(difference)
    return Report(known, new)
