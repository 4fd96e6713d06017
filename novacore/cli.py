"""The command line: ``up``, ``serve`` and ``chat``."""

from pathlib import Path
from typing import Annotated

import typer

from .topology import SERVICES, service

app = typer.Typer(
    name="novacore",
    help="NovaCore: chat that stays available.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _novacore() -> None:
    """NovaCore: chat that stays available."""


@app.command()
def serve(
    name: Annotated[str, typer.Argument(metavar="SERVICE", help=f"one of {', '.join(s.name for s in SERVICES)}")],
) -> None:
    """Run one service in the foreground."""
    row = service(name)
    if row is None:
        known = ", ".join(each.name for each in SERVICES)
        raise typer.BadParameter(f"there is no service {name!r}; there are {known}.")
    from .serve import serve as run  # noqa: PLC0415 (uvicorn is not imported for the other commands)

    raise typer.Exit(run(row, Path.cwd()))


def main() -> None:
    """Run the command line."""
    app(prog_name="novacore")
