"""What ``serve`` and ``examine`` have in common: this process becomes one service's."""

import os
from collections.abc import Mapping
from pathlib import Path

from novakit.settings import with_sources

from . import lifeline
from .environment import for_service
from .topology import Service


def become(service: Service, directory: Path) -> dict[str, str]:
    """Give this process the service's environment, which is returned; raises SettingsError."""
    environ = service_environment(service, os.environ, directory)
    os.environ.clear()
    os.environ.update(environ)
    return environ


def service_environment(service: Service, environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """What the service sees. A child of the launcher was given all of it, and must not find more in ``.env``."""
    merged = dict(environ) if lifeline.VARIABLE in environ else with_sources(environ, directory)
    # Whatever the service itself starts does not hold the lifeline.
    merged.pop(lifeline.VARIABLE, None)
    return for_service(service, merged)


def tell_crash(service: Service, component: str, error: Exception) -> None:
    """Say it the way this process tells everything: in one log line, in which no value is quoted."""
    from novakit import logs  # noqa: PLC0415 (a look at the set-up needs it in no other case)

    logs.setup(service.name)
    logs.get(component).error("crashed", exc_info=error, detail=detail_of(error))


def detail_of(error: Exception) -> str:
    """What a crash says beside its type: the module or the system's reason, never a setting's value."""
    if isinstance(error, ImportError):
        return str(error)
    return (error.strerror or "") if isinstance(error, OSError) else ""
