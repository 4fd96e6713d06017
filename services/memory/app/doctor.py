"""Checks this service's set-up for ``novacore doctor``: settings and database."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from novakit import database_check
from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import SettingsError

from .config import Settings
from .store.tables import HEAD

SUBJECT = "memory"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


async def examine(environ: Mapping[str, str], clock: Clock) -> AsyncIterator[Finding]:
    """See novakit.findings.Examine."""
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        for finding in of_settings(SUBJECT, error):
            yield finding
        return
    yield Finding("ok", SUBJECT, "settings", "its settings can be used.")
    where = database_check.Where(settings.database_url, settings.novacore_data_dir, SUBJECT)
    yield await database_check.examine(where, MIGRATIONS, HEAD, clock)
