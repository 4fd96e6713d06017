"""A small program for the supervisor's tests, run as a script with one JSON argument.

It writes what happens to it into the journal, and is ready once its ready file exists.
"""

import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from novacore import lifeline


def main() -> None:
    options = json.loads(sys.argv[1])

    def note(what: str) -> None:
        with Path(options["journal"]).open("a", encoding="utf-8") as journal:
            journal.write(f"{options['name']} {what}\n")

    def told(_number: int, _frame: FrameType | None) -> None:
        note("stopped")
        if not options["stubborn"]:
            sys.exit(0)

    lifeline.hold(os.environ)
    signal.signal(signal.SIGTERM, told)
    note("started")
    for line in options["lines"]:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if options["exit"] is not None:
        sys.exit(options["exit"])
    if options["ready"]:
        Path(options["ready_file"]).touch()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
