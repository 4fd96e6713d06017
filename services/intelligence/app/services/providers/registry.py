"""The providers by name: the one place that knows the concrete classes."""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from novakit.clock import Clock
from pydantic import SecretStr

from ...config import Settings
from ...domain.chat import Locality
from ...routing.policy import Candidate
from .anthropic import AnthropicProvider
from .base import Provider
from .gemini import GeminiProvider
from .local_ollama import LocalOllamaProvider
from .openai_provider import OpenAIProvider
from .transport import Transport

OLLAMA_DEFAULT_URL = "http://127.0.0.1:11434"
CONNECT_TIMEOUT_SEC = 3.0
OWN_NETWORKS = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Loopback, private (RFC 1918, RFC 4193) and link-local addresses."""

Factory = Callable[[Settings, Transport, Clock, float], Provider | Candidate]
"""Makes a provider, or says with a candidate that is not configured what would have been one."""


def build(settings: Settings, transport: Transport, clock: Clock) -> tuple[list[Provider], list[Candidate]]:
    """(providers, missing) in the order of the priority; ``missing`` are those without a key."""
    providers: list[Provider] = []
    missing: list[Candidate] = []
    for name in settings.llm_provider_priority:
        timeout = settings.llm_connect_timeouts.get(name, CONNECT_TIMEOUT_SEC)
        make = FACTORIES.get(name) or _row_named(name)
        made = make(settings, transport, clock, timeout)
        if isinstance(made, Provider):
            providers.append(made)
        else:
            missing.append(made)
    return providers, missing


def is_loopback(url: str) -> bool:
    """Whether a call to this address stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def locality_of(url: str, declared: Locality | None) -> Locality:
    """Where an Ollama is: as declared, else local for loopback, private addresses and single-label host names."""
    if declared is not None:
        return declared
    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return "local" if _is_label(host) else "cloud"
    return "local" if any(address in network for network in OWN_NETWORKS) else "cloud"


def _is_label(host: str) -> bool:
    """Whether it is a plain name of one label. A number, also in hexadecimal, is an address in disguise."""
    return "." not in host and ":" not in host and host[:1].isalpha()


def _ollama(settings: Settings, transport: Transport, clock: Clock, timeout: float) -> Provider:
    url = OLLAMA_DEFAULT_URL if settings.ollama_url == "auto" else settings.ollama_url
    return LocalOllamaProvider(
        transport=transport,
        base_url=url,
        model=settings.ollama_model,
        api_key=_text(settings.ollama_api_key),
        num_ctx=settings.ollama_num_ctx,
        keep_alive=settings.ollama_keep_alive,
        connect_timeout=timeout,
        locality=locality_of(url, settings.ollama_locality),
        on_this_machine=is_loopback(url),
        secrets=settings.keys(),
        wall=clock.wall,
    )


def _gemini(settings: Settings, transport: Transport, clock: Clock, timeout: float) -> Provider | Candidate:
    key = _text(settings.gemini_api_key)
    if key is None:
        return Candidate("gemini", settings.gemini_model.removeprefix("models/"), "cloud", configured=False)
    return GeminiProvider(
        transport=transport,
        api_key=key,
        model=settings.gemini_model,
        api_url=settings.gemini_api_url,
        api_version=settings.gemini_api_version,
        connect_timeout=timeout,
        secrets=settings.keys(),
        wall=clock.wall,
    )


def _openai(settings: Settings, transport: Transport, clock: Clock, timeout: float) -> Provider | Candidate:
    key = _text(settings.openai_api_key)
    locality = settings.openai_locality
    if key is None:
        return Candidate("openai", settings.openai_model, locality, configured=False)
    return OpenAIProvider(
        transport=transport,
        api_key=key,
        model=settings.openai_model,
        base_url=settings.openai_base_url,
        api_version=settings.openai_api_version,
        organization=settings.openai_org_id,
        project=settings.openai_project_id,
        connect_timeout=timeout,
        locality=locality,
        on_this_machine=locality == "local" and is_loopback(settings.openai_base_url),
        secrets=settings.keys(),
        wall=clock.wall,
    )


def _anthropic(settings: Settings, transport: Transport, clock: Clock, timeout: float) -> Provider | Candidate:
    key = _text(settings.anthropic_api_key)
    model = settings.anthropic_model or ""
    if key is None:
        return Candidate("anthropic", model, "cloud", configured=False)
    return AnthropicProvider(
        transport=transport,
        api_key=key,
        model=model,
        base_url=settings.anthropic_base_url,
        api_version=settings.anthropic_api_version,
        connect_timeout=timeout,
        secrets=settings.keys(),
        wall=clock.wall,
    )


def _row_named(name: str) -> Factory:
    def make(settings: Settings, transport: Transport, clock: Clock, timeout: float) -> Provider:
        row = next(row for row in settings.rows if row.name == name)
        return OpenAIProvider(
            transport=transport,
            api_key=_text(row.api_key),
            model=row.model,
            base_url=row.base_url,
            name=name,
            connect_timeout=timeout,
            locality=row.locality,
            on_this_machine=row.locality == "local" and is_loopback(row.base_url),
            secrets=settings.keys(),
            wall=clock.wall,
        )

    return make


FACTORIES: dict[str, Factory] = {"ollama": _ollama, "gemini": _gemini, "openai": _openai, "anthropic": _anthropic}


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
