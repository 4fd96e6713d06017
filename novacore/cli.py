"""The command line: ``up``, ``serve``, ``chat`` and ``doctor``.

Each command imports what it needs itself, so that ``chat`` does not wait for the web server's modules.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .topology import SERVICES, Service, service

NAMES = ", ".join(row.name for row in SERVICES)

app = typer.Typer(
    name="novacore",
    help="NovaCore: chat that stays available.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from novakit.version import VERSION, revision  # noqa: PLC0415

        print(f"NovaCore {VERSION} ({revision()})")
        raise typer.Exit


@app.callback()
def novacore(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """NovaCore: chat that stays available."""


@app.command()
def up(
    *, verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show every log line of every service.")] = False
) -> None:
    """Start NovaCore on this machine; Ctrl-C stops it."""
    from .up import up as run  # noqa: PLC0415

    raise typer.Exit(run(Path.cwd(), verbose=verbose))


@app.command()
def serve(name: Annotated[str, typer.Argument(metavar="SERVICE", help=f"One of {NAMES}.")]) -> None:
    """Run one service in the foreground."""
    from .serve import serve as run  # noqa: PLC0415

    raise typer.Exit(run(_named(name), Path.cwd()))


@app.command()
def chat(
    message: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    session: Annotated[str | None, typer.Option(help="Go on in this conversation (its id).")] = None,
    *,
    local_only: Annotated[bool, typer.Option("--local-only", help="Never send this message to a cloud.")] = False,
) -> None:
    """Ask a running NovaCore, and stream the answer here."""
    from .chat import chat as run  # noqa: PLC0415

    text = sys.stdin.read() if message == "-" else message
    raise typer.Exit(run(text, session=session, local_only=local_only, directory=Path.cwd()))


@app.command()
def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document, for programs.")] = False
) -> None:
    """Look at everything that is set up, and say what is wrong and what to do; changes nothing, costs nothing."""
    from .doctor import doctor as run  # noqa: PLC0415

    raise typer.Exit(run(Path.cwd(), as_json=as_json))


def _named(name: str) -> Service:
    row = service(name)
    if row is None:
        raise typer.BadParameter(f"there is no service {name!r}; there are {NAMES}.")
    return row


def main() -> None:
    """Run the command line."""
    app(prog_name="novacore")
