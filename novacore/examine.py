"""``examine NAME``: one service looks at its own set-up, in a process of its own, and writes one finding a line.

This is how ``doctor`` learns what only a service knows: the launcher imports none of them. The first line names the
variables that the service reads.
"""

import asyncio
import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from novakit.clock import SystemClock
from novakit.findings import Examine, to_line
from novakit.settings import Settings, SettingsError, names_of

from . import lifeline
from .process import become, tell_crash
from .topology import Service

VARIABLES = "variables"


def examine(service: Service, directory: Path) -> int:
    """Look and tell; the exit code says whether it came to its end. The environment becomes the service's."""
    lifeline.hold(os.environ)
    try:
        asyncio.run(_tell(service, become(service, directory)))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except Exception as error:  # noqa: BLE001 (whatever it is, no traceback may quote a value)
        tell_crash(service, "examine", error)
        return 1
    return 0


async def _tell(service: Service, environ: Mapping[str, str]) -> None:
    doctor = importlib.import_module(service.doctor)
    look: Examine = doctor.examine
    settings: type[Settings] = doctor.Settings
    print(variables_line(settings), flush=True)
    async for finding in look(environ, SystemClock()):
        print(to_line(finding), flush=True)


def variables_line(settings: type[Settings]) -> str:
    """The names of all variables of a settings class, as the first line."""
    names = [name for field, about in settings.model_fields.items() for name in names_of(field, about)]
    return json.dumps({VARIABLES: names})


def variables_in(line: str) -> frozenset[str] | None:
    """The names in such a line; None for any other."""
    if not line.startswith(f'{{"{VARIABLES}":'):
        return None
    return frozenset(json.loads(line)[VARIABLES])
