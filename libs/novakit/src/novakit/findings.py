"""What a check of the set-up found, and how a service tells it: one JSON object a line on standard output."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal

import msgspec

from .clock import Clock
from .settings import SettingsError

Level = Literal["ok", "skipped", "warning", "fault"]
"""``skipped``: nothing was checked, and the text says why. ``fault``: something that was set up does not work."""

CORRECT_IT = "Correct it in the environment or in .env; env.example says what each setting means."


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    ``subject`` is what it belongs to (a service, a provider, the data folder), ``check`` the kind of thing.
    ``text`` is for people, on one line, and never holds a key. ``advice`` says what to do; no fault is without.
    """

    level: Level
    subject: str
    check: str
    text: str
    advice: str = ""

    def __post_init__(self) -> None:
        if self.level == "fault" and not self.advice:
            raise ValueError(f"a fault without advice: {self.text}")


Examine = Callable[[Mapping[str, str], Clock], AsyncIterator[Finding]]
"""What a service's ``doctor`` module offers. It reads the environment that it is given, and changes nothing."""

_decode = msgspec.json.Decoder(Finding).decode


def to_line(finding: Finding) -> str:
    """The finding as a line without its end."""
    return msgspec.json.encode(finding).decode()


def from_line(line: str) -> Finding | None:
    """The finding in a line; None where it holds something else, such as a log entry."""
    try:
        return _decode(line)
    except msgspec.DecodeError:
        return None


def of_settings(subject: str, error: SettingsError) -> list[Finding]:
    """One fault for each setting that cannot be used, in the words that would stop the start."""
    return [Finding("fault", subject, "settings", text, CORRECT_IT) for text in (str(error), *error.also)]
