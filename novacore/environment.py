"""What each process finds in its environment: everything, less the secrets that it does not need. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from .topology import COLLECTOR_HEADERS, PROVIDER_KEYS, SERVICES, Service

BOOTSTRAP_KEY = "NOVACORE_BOOTSTRAP_API_KEY"
CLIENT_KEY = "NOVACORE_API_KEY"
SIGNIN_HASH = "NOVACORE_SIGNIN_TOKEN_HASH"
METRICS_SERVICES = "METRICS_SERVICES"

# The first pattern that fits a variable decides; the general one for provider keys therefore stands last.
SECRETS = (
    CLIENT_KEY,
    BOOTSTRAP_KEY,
    SIGNIN_HASH,
    "METRICS_TOKEN",
    "JWT_SECRET",
    "SERVICE_JWT_SECRET",
    "DATABASE_URL",
    COLLECTOR_HEADERS,
    PROVIDER_KEYS,
)
LOOPBACK = "127.0.0.1"


def may_see(service: Service, variable: str) -> bool:
    """Whether the service gets this variable; ``X_FILE`` is treated as ``X``."""
    name = variable.removesuffix("_FILE")
    pattern = next((pattern for pattern in SECRETS if fnmatchcase(name, pattern)), None)
    return pattern is None or pattern in service.secrets


def for_service(service: Service, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the secrets that this service does not need."""
    return {name: value for name, value in environ.items() if may_see(service, name)}


def with_addresses(environ: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """The environment in which the internal services named in ``ports`` listen there, and are looked for there."""
    merged = dict(environ)
    for row in SERVICES:
        port = ports.get(row.name)
        if port is None:
            continue
        merged[row.host_variable] = LOOPBACK
        merged[row.port_variable] = str(port)
        if row.url_variable is not None:
            merged[row.url_variable] = f"http://{LOOPBACK}:{port}"
    return merged


def with_secrets(environ: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment with these values; a ``…_FILE`` beside one of them is gone, since its value is known now."""
    files = {f"{name}_FILE" for name in secrets}
    return {**{name: value for name, value in environ.items() if name not in files}, **secrets}
