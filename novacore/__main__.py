"""``python -m novacore``."""

import gc
import sys
from pathlib import Path

from .topology import service


def main() -> None:
    """Serve a service, let one look at its set-up (for ``doctor``), or run the command line.

    A service has no use for the command line's modules, which would cost it 10 MB for as long as it lives. Nor does
    it make garbage while it starts, for which Python would look again and again; a server looks for it later, by the
    clock.
    """
    command, row = (sys.argv[1], service(sys.argv[2])) if len(sys.argv) == 3 else ("", None)
    if row is not None and command in {"serve", "examine"}:
        gc.disable()
        if command == "serve":
            from .serve import serve as run  # noqa: PLC0415
        else:
            from .examine import examine as run  # noqa: PLC0415
        sys.exit(run(row, Path.cwd()))
    from .cli import main as command_line  # noqa: PLC0415

    command_line()


if __name__ == "__main__":
    main()
