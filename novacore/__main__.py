"""``python -m novacore``."""

import gc
import sys
from pathlib import Path

from .topology import service


def main() -> None:
    """Serve a service, let one look at its set-up, or run the command line.

    A service has no use for the command line's modules, which would cost it 10 MB for as long as it lives. Nor does
    it make garbage while it starts: Python would look for some again and again, and the server does so in the end.
    """
    command, row = (sys.argv[1], service(sys.argv[2])) if len(sys.argv) == 3 else ("", None)
    if row is not None and command == "serve":
        gc.disable()
        from .serve import serve  # noqa: PLC0415

        sys.exit(serve(row, Path.cwd()))
    if row is not None and command == "examine":
        gc.disable()
        from .examine import examine  # noqa: PLC0415

        sys.exit(examine(row, Path.cwd()))
    from .cli import main as command_line  # noqa: PLC0415

    command_line()


if __name__ == "__main__":
    main()
