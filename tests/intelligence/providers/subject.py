"""What a conformance test needs to know of a provider."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from novakit.clock import SystemClock

from services.intelligence.app.config import Settings
from services.intelligence.app.domain.chat import Locality
from services.intelligence.app.domain.errors import Reason
from services.intelligence.app.services.providers import registry
from services.intelligence.app.services.providers.base import Provider
from services.intelligence.app.services.providers.transport import Transport
from tests.support.fakes import Behaviour, FakeServer

KEY = "kq" + "7fJx" * 10
SECRET = "conformance-" + "s" * 32


@dataclass(frozen=True)
class Subject:
    """A provider, its fake, and how they talk. Each ``subject.py`` below ``fixtures`` holds one as SUBJECT.

    ``settings`` are what the service is told to ask the fake with ``KEY``, and ``model`` is what answers then.
    ``asked`` finds the user's last words in the body of a request. ``key_header`` holds the key. ``bad_frame`` is one
    that cannot be read. ``end_mark`` says whether the stream has one, ``filters`` whether answers may be blocked,
    ``checks_key`` whether the fake takes a ``key`` and turns others down, and ``knows_models`` whether it takes
    ``models`` and the free check tells that one is not there. ``free_posts`` are the paths of free checks that are no
    GET. ``first`` are the answers to what the adapter asks before it asks for an answer. ``statuses`` are those that
    mean another thing here than elsewhere.
    """

    name: str
    fake: Callable[..., FakeServer]
    settings: Callable[[FakeServer], Mapping[str, str]]
    model: str
    asked: Callable[[Any], str]
    key_header: str
    bad_frame: bytes = b"data: {broken\n\n"
    end_mark: bool = True
    filters: bool = True
    checks_key: bool = True
    knows_models: bool = False
    locality: Locality = "cloud"
    free_posts: frozenset[str] = frozenset()
    first: tuple[bytes, ...] = ()
    statuses: Mapping[int, Reason] = field(default_factory=dict)

    def serving(self, script: Iterable[Behaviour] = (), **options: Any) -> FakeServer:
        """The provider's fake with this script."""
        return self.fake(script, **options)

    def environ(self, fake: FakeServer) -> dict[str, str]:
        """The environment in which the service asks this fake alone."""
        return {"SERVICE_JWT_SECRET": SECRET, "LLM_PROVIDER_PRIORITY": self.name, **self.settings(fake)}

    def provider(self, transport: Transport, fake: FakeServer) -> Provider:
        """The adapter as the service makes it."""
        made, _missing = registry.build(Settings.load(self.environ(fake)), transport, SystemClock())
        return made[0]
