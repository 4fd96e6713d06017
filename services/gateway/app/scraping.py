"""The metrics of all services on this machine, told by the gateway: the one address that a scraper needs to know."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession
from novakit.identity import TOKEN_HEADER, TokenSigner
from yarl import URL

from .exposition import Families, families, joined
from .metrics import GatewayMetrics
from .network import is_loopback
from .proxy.upstream import call

PATH = "/metrics"
PATIENCE_SECONDS = 2.0
OWN = "gateway"


@dataclass(frozen=True, slots=True)
class Source:
    """A service whose metrics are told too; one that knows no tokens has no ``signer``."""

    name: str
    url: str
    signer: TokenSigner | None = None

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine: of several replicas behind one name only one would answer."""
        return is_loopback(URL(self.url).host or "")


class Scraping:
    """Asks the services at each scrape. ``pool`` is set while the app runs."""

    def __init__(self, metrics: GatewayMetrics, sources: Sequence[Source]) -> None:
        self.pool: ClientSession | None = None
        self._metrics = metrics
        self._sources = [source for source in sources if source.is_here]

    async def whole(self, accept: str) -> tuple[bytes, str]:
        """(exposition, content type). A service that does not tell is left out, and shown as down."""
        content_type = self._metrics.told.render(accept)[1]
        told = await asyncio.gather(*(self._ask(source, accept, content_type) for source in self._sources))
        for source, answer in zip(self._sources, told, strict=True):
            self._metrics.service_up(source.name, up=answer is not None)
        own, _ = self._metrics.told.render(accept)
        parts = [(OWN, families(own.decode()))]
        parts += [(each.name, answer) for each, answer in zip(self._sources, told, strict=True) if answer is not None]
        return joined(parts, open_metrics="openmetrics" in content_type).encode(), content_type

    async def _ask(self, source: Source, accept: str, content_type: str) -> Families | None:
        assert self.pool is not None, "the app is running"  # noqa: S101 (set by its lifespan)
        headers = [("Accept", accept or "text/plain")]
        if source.signer is not None:
            headers.append((TOKEN_HEADER, source.signer.token()))
        try:
            async with (
                asyncio.timeout(PATIENCE_SECONDS),
                call(self.pool, "GET", source.url + PATH, headers, b"") as answer,
            ):
                text = (await answer.read()).decode()
                if answer.status != 200 or answer.headers.get("content-type") != content_type:
                    return None
                return families(text)
        except (ClientError, OSError, TimeoutError, ValueError):
            return None
