"""A service's look at itself, copied to where ``examine`` looks for a real one.

``FAKE_FAULTS`` names what goes wrong, as ``service:fault`` with commas; the faults are ``fault``, ``warning``,
``settings``, ``crash`` and ``hang``.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping

from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import Settings as BaseSettings
from novakit.settings import SettingsError
from pydantic import Field

NAME = __name__.split(".")[1]


class Settings(BaseSettings):
    fake_setting: str = Field(default="y", description="Something.")


async def examine(environ: Mapping[str, str], _clock: Clock) -> AsyncIterator[Finding]:
    faults = [
        fault for name, _, fault in (one.partition(":") for one in environ["FAKE_FAULTS"].split(",")) if name == NAME
    ]
    assert dict(os.environ) == dict(environ)
    sys.stdout.write('{"event": "news", "level": "info"}\nand a line\n')
    if "settings" in faults:
        for finding in of_settings(NAME, SettingsError("FAKE_SETTING: 'x' cannot be used: it must be y.")):
            yield finding
        return
    yield Finding("ok", NAME, "settings", f"sees {' '.join(sorted(name for name in environ if 'KEY' in name))}")
    yield Finding("ok", NAME, "model", f"asks {environ.get('OLLAMA_URL')}")
    if "hang" in faults:
        await asyncio.Event().wait()
    if "crash" in faults:
        raise RuntimeError(f"it broke on {environ['SERVICE_JWT_SECRET']}")
    if "warning" in faults:
        yield Finding("warning", NAME, "page", "is odd.", "Look at it.")
    if "fault" in faults:
        yield Finding("fault", NAME, "page", "is broken.", "Mend it.")
