"""``make drift``: tells each difference from the official clients that are installed; 1 where one is new."""

import sys
from importlib.metadata import version

from ..recordings import LEFT_OUT, VARIABLE, answers, folder, quoted
from .report import report

CLIENTS = ("openai", "anthropic", "google-genai", "ollama")


def main() -> int:
    """Compare and tell."""
    _tell(f"compared with {', '.join(f'{name} {version(name)}' for name in CLIENTS)}")
    if folder() is None:
        _tell(f"{VARIABLE} names no folder with recordings: what both read in recorded answers is not compared")
    found = report(recording for recording in (*answers(), *quoted()) if recording["id"] not in LEFT_OUT)
    for line in found.lines():
        _tell(line)
    _tell(f"{sum(map(len, found.known.values()))} differences are known, {len(found.new)} are new")
    return 1 if found.new else 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
