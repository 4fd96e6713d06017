"""Looks at one provider by free questions: GETs alone, which no provider bills and which load no model."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime

from novakit.clock import Clock
from novakit.findings import Finding

from ..config import Settings
from ..domain.errors import ProviderError
from . import diagnosis, prices
from .diagnosis import Look, Variables
from .providers import registry
from .providers.base import Provider, Standing
from .providers.retirements import published
from .providers.transport import Method, Response, Transport

ANSWER_SECONDS = 10.0
"""How long one provider may take to answer all its questions."""


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


@dataclass(frozen=True, slots=True)
class Looked:
    """What can be said of a provider; ``standing`` is how it answered, None where it did not."""

    findings: list[Finding]
    standing: Standing | None = None

    @property
    def well(self) -> bool:
        """It answers, and nothing that was looked at is at fault."""
        return self.standing is not None and all(finding.level != "fault" for finding in self.findings)


class Examiner:
    """Looks at the providers of a running service, over connections of its own kind."""

    def __init__(self, settings: Settings, transport: Transport, clock: Clock) -> None:
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._keys: dict[str, str] = {}

    def key_replaced(self, name: str, key: str) -> None:
        """Look with this key of a provider's from now on."""
        self._keys[name] = key

    async def look(self, name: str) -> Looked:
        """At the one of this name, which is in the priority."""
        examination = Examination(name, self._settings, self._transport, self._clock)
        if examination.provider is not None:
            for owner, key in self._keys.items():
                examination.provider.key_replaced(owner, key)
        return await examination.look()


class Examination:
    """One name of the priority, the provider behind it if it is set up, and what can be said of it."""

    def __init__(self, name: str, settings: Settings, transport: Transport, clock: Clock) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
        self._transport = FreeTransport(transport, clock)
        alone = settings.model_copy(update={"llm_provider_priority": (name,)})
        providers, _ = registry.build(alone, self._transport, clock)
        self.provider: Provider | None = providers[0] if providers else None

    async def look(self) -> Looked:
        """Ask it, and say what came of that."""
        provider, settings = self.provider, self._settings
        if provider is None:
            wanted = "llm_provider_priority" in settings.model_fields_set
            return Looked([diagnosis.without_key(self.name, variables_of(self.name).key, wanted=wanted)])
        if provider.locality == "cloud" and not settings.cloud_enabled:
            return Looked([diagnosis.cloud_disabled(self.name)])
        outcome = await _outcome(provider)
        model = outcome.model if isinstance(outcome, Standing) else provider.model
        url, has_key = _address_and_key(self.name, settings)
        look = Look(
            name=self.name,
            model=model,
            address=diagnosis.shown(url),
            at_home=registry.locality_of(url, None) == "local",
            has_key=has_key,
            variables=variables_of(self.name),
            outcome=outcome,
            published=published(provider.priced_as, model),
            deprecated=bool(provider.priced_as) and prices.is_deprecated(provider.priced_as, model),
        )
        standing = outcome if isinstance(outcome, Standing) else None
        return Looked(diagnosis.of_provider(look, self._today()), standing)

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
