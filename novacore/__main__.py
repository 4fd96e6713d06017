"""``python -m novacore``."""

import sys
from pathlib import Path

from .topology import service


def main() -> None:
    """Serve a service, or run the command line.

    A service lives long and has no use for the command line's modules, which would cost it 10 MB.
    """
    row = service(sys.argv[2]) if len(sys.argv) == 3 and sys.argv[1] == "serve" else None
    if row is not None:
        from .serve import serve  # noqa: PLC0415

        sys.exit(serve(row, Path.cwd()))
    from .cli import main as command_line  # noqa: PLC0415

    command_line()


if __name__ == "__main__":
    main()
