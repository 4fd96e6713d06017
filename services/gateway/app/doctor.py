"""Checks this service's set-up for ``novacore doctor``: settings, database, and whether the page is built."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from novakit import database_check
from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import SettingsError

from .config import Settings
from .page import INDEX
from .store.tables import HEAD

SUBJECT = "gateway"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"
_BUILD_IT = "Run make setup; or set PAGE_DIR to the folder of a built page."


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
    if (settings.built_page / INDEX.removeprefix("/")).is_file():
        yield Finding("ok", SUBJECT, "page", "the page is built.")
    else:
        text = f"the page is not built (nothing in {settings.built_page}); the API and the terminal work without it."
        yield Finding("warning", SUBJECT, "page", text, _BUILD_IT)
