"""Checks this service's set-up for ``novacore doctor``: settings, database, and each provider by free questions.

It makes its own connections and works beside a running service. Nothing is sent but GETs, which no provider bills and
which load no model.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from novakit import database_check
from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import SettingsError

from .config import Settings
from .domain.errors import ProviderError
from .services import diagnosis, prices
from .services.diagnosis import Look, Variables
from .services.providers import registry
from .services.providers.base import Provider, Standing
from .services.providers.retirements import published
from .services.providers.transport import AiohttpTransport, Method, Response, Transport, open_session
from .store.tables import HEAD

SUBJECT = "intelligence"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"
ANSWER_SECONDS = 10.0
"""How long one provider may take to answer all its questions."""


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
    examinations = [_Examination(name, settings, transport, clock) for name in settings.llm_provider_priority]
    for finding in diagnosis.nobody_to_ask(
        "providers", settings, [one.provider.locality for one in examinations if one.provider is not None]
    ):
        yield finding
    looking = [asyncio.ensure_future(one.findings()) for one in examinations]
    for look in looking:
        for finding in await look:
            yield finding
    yield diagnosis.of_clock([lead for one in examinations for lead in one.leads()])


class FreeTransport:
    """Lets GETs through and nothing else. ``leads``: by how many seconds the clocks of who answered were ahead."""

    def __init__(self, inner: Transport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.leads: list[float] = []

    def request(
        self,
        method: Method,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        body: bytes | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """See Transport; raises AssertionError for anything but a GET."""
        if method != "GET" or body is not None:
            raise AssertionError("a check of the set-up asks by GET alone")
        return self._get(url, headers, connect_timeout)

    @asynccontextmanager
    async def _get(self, url: str, headers: Mapping[str, str], connect_timeout: float) -> AsyncIterator[Response]:
        async with self._inner.request("GET", url, headers=headers, connect_timeout=connect_timeout) as response:
            told = time_in(response.headers)
            if told is not None:
                self.leads.append(told - self._clock.wall())
            yield response


class _Examination:
    """One name of the priority, the provider behind it if it is set up, and what can be said of it."""

    def __init__(self, name: str, settings: Settings, transport: Transport, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._transport = FreeTransport(transport, clock)
        alone = settings.model_copy(update={"llm_provider_priority": (name,)})
        providers, _ = registry.build(alone, self._transport, clock)
        self.provider: Provider | None = providers[0] if providers else None

    async def findings(self) -> list[Finding]:
        provider, settings = self.provider, self._settings
        if provider is None:
            wanted = "llm_provider_priority" in settings.model_fields_set
            return [diagnosis.without_key(self._name, variables_of(self._name).key, wanted=wanted)]
        if provider.locality == "cloud" and not settings.cloud_enabled:
            return [diagnosis.cloud_disabled(self._name)]
        if self._name == "ollama" and settings.ollama_url == "auto":
            # Whoever starts this service decides who answers there, and looks at it.
            return []
        outcome = await _outcome(provider)
        model = outcome.model if isinstance(outcome, Standing) else provider.model
        url, has_key = _address_and_key(self._name, settings)
        look = Look(
            name=self._name,
            model=model,
            address=diagnosis.shown(url),
            at_home=registry.locality_of(url, None) == "local",
            has_key=has_key,
            variables=variables_of(self._name),
            outcome=outcome,
            published=published(provider.priced_as, model),
            deprecated=bool(provider.priced_as) and prices.is_deprecated(provider.priced_as, model),
        )
        return diagnosis.of_provider(look, self._today())

    def leads(self) -> list[float]:
        """How far the provider's clock is ahead of ours, where it is another machine's."""
        here = self.provider is None or self.provider.on_this_machine
        return [] if here else self._transport.leads

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.wall(), UTC).date()


async def _outcome(provider: Provider) -> Standing | ProviderError | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await provider.examine()
    except ProviderError as error:
        return error
    except TimeoutError:
        return None


def variables_of(name: str) -> Variables:
    """The names of a provider's settings: its own, or those of a row."""
    prefix = name.replace("-", "_")
    url = next((field for field in (f"{prefix}_url", f"{prefix}_api_url") if field in Settings.model_fields), "")
    return Variables((url or f"{prefix}_base_url").upper(), f"{prefix}_api_key".upper(), f"{prefix}_model".upper())


def _address_and_key(name: str, settings: Settings) -> tuple[str, bool]:
    """Where a provider is asked, and whether with a key."""
    row = next((row for row in settings.rows if row.name == name), None)
    if row is not None:
        return row.base_url, row.api_key is not None
    variables = variables_of(name)
    url, key = getattr(settings, variables.url.lower()), getattr(settings, variables.key.lower())
    return str(url), key is not None


def time_in(headers: Mapping[str, str]) -> float | None:
    """The time of the ``date`` header, in seconds since 1970 UTC; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError):
        return None
