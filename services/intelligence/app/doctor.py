"""Checks this service's set-up for ``novacore doctor``: settings, database, and each provider by free questions.

It makes its own connections and works beside a running service. Nothing is sent but GETs, which no provider bills and
which load no model.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from novakit import database_check
from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import SettingsError

from .config import Settings
from .services import diagnosis
from .services.examining import Examination
from .services.providers.transport import AiohttpTransport, Transport, open_session
from .store.tables import HEAD

SUBJECT = "intelligence"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"


async def examine(environ: Mapping[str, str], clock: Clock) -> AsyncIterator[Finding]:
    """See novakit.findings.Examine."""
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        for finding in of_settings(SUBJECT, error):
            yield finding
        yield Finding("skipped", "providers", "access", "were not looked at: the settings have to be right first.")
        return
    for finding in diagnosis.of_settings(SUBJECT, settings):
        yield finding
    where = database_check.Where(settings.database_url, settings.novacore_data_dir, SUBJECT)
    yield await database_check.examine(where, MIGRATIONS, HEAD, clock)
    async with open_session() as session:
        async for finding in examine_providers(settings, AiohttpTransport(session), clock):
            yield finding


async def examine_providers(settings: Settings, transport: Transport, clock: Clock) -> AsyncIterator[Finding]:
    """Every provider of the priority, in its order, and then the clock."""
    examinations = [Examination(name, settings, transport, clock) for name in settings.llm_provider_priority]
    for finding in diagnosis.nobody_to_ask(
        "providers", settings, [one.provider.locality for one in examinations if one.provider is not None]
    ):
        yield finding
    # Where the address is to be found, whoever starts this service decides who answers there, and looks at it.
    asked = [one for one in examinations if one.name != "ollama" or settings.ollama_url != "auto"]
    looking = [asyncio.ensure_future(one.look()) for one in asked]
    for look in looking:
        for finding in (await look).findings:
            yield finding
    yield diagnosis.of_clock([lead for one in examinations for lead in one.leads()])
