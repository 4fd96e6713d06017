"""One difference between our adapters and the official clients."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Difference:
    """``where`` it was seen and in ``what``; both are stable names, by which a reason is found."""

    where: str
    what: str
    ours: str
    theirs: str
