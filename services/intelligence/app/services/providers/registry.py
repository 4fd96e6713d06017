"""The providers by name: the one place that knows the concrete classes."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from novakit.clock import Clock
from pydantic import SecretStr

from ...config import Settings
from ...domain.chat import Locality
from ...routing.policy import Candidate
from .base import Provider, Window, nothing_known
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

Arguments = dict[str, Any]
"""What one adapter is made with, beside what all are made with."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """The class that speaks to a provider: its module beside this one, and its name in there.

    A setting ``PARROT_X`` of the provider ``parrot`` is the argument ``x``, unless there are other ``arguments``.
    ``needs_key`` false: it is asked without a key too, where others are left out.
    """

    module: str
    name: str
    arguments: Callable[[Settings, str], Arguments] | None = None
    needs_key: bool = True

    def load(self) -> Callable[..., Provider]:
        """The class."""
        found: Callable[..., Provider] = getattr(import_module(f".{self.module}", __package__), self.name)
        return found


def build(
    settings: Settings, transport: Transport, clock: Clock, window: Window = nothing_known
) -> tuple[list[Provider], list[Candidate]]:
    """(providers, missing) in the order of the priority; ``missing`` are those without a key.

    ``window`` is every provider's.
    """
    providers: list[Provider] = []
    missing: list[Candidate] = []
    for name in settings.llm_provider_priority:
        adapter = ADAPTERS.get(name, ROW)
        given = (adapter.arguments or _own)(settings, name)
        if adapter.needs_key and given["api_key"] is None:
            missing.append(Candidate(name, given["model"] or "", given.get("locality", "cloud"), configured=False))
            continue
        provider = adapter.load()(
            transport=transport,
            connect_timeout=settings.llm_connect_timeouts.get(name, CONNECT_TIMEOUT_SEC),
            secrets=tuple(settings.keys().values()),
            wall=clock.wall,
            **given,
        )
        provider.window = window
        providers.append(provider)
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


def _own(settings: Settings, name: str) -> Arguments:
    """The settings of a provider, each without its name in front."""
    prefix = f"{name}_"
    fields = [field for field in type(settings).model_fields if field.startswith(prefix)]
    return {field.removeprefix(prefix): _text(getattr(settings, field)) for field in fields}


def _ollama(settings: Settings, name: str) -> Arguments:
    own = _own(settings, name)
    url = own.pop("url")
    url = OLLAMA_DEFAULT_URL if url == "auto" else url
    locality = locality_of(url, settings.ollama_locality)
    return {**own, "base_url": url, "locality": locality, "on_this_machine": is_loopback(url)}


def _gemini(settings: Settings, name: str) -> Arguments:
    return {**_own(settings, name), "model": settings.gemini_model.removeprefix("models/")}


def _openai(settings: Settings, name: str) -> Arguments:
    own = _own(settings, name)
    organization, project = own.pop("org_id"), own.pop("project_id")
    return {**own, **_stays(own), "organization": organization, "project": project}


def _row(settings: Settings, name: str) -> Arguments:
    row = next(row for row in settings.rows if row.name == name)
    given = {field: _text(getattr(row, field)) for field in type(row).model_fields}
    return {**given, **_stays(given)}


def _stays(given: Arguments) -> Arguments:
    """Whether what goes to a server that was declared local also stays on this machine."""
    return {"on_this_machine": given["locality"] == "local" and is_loopback(given["base_url"])}


def _text(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


ADAPTERS: dict[str, Adapter] = {
    "ollama": Adapter("local_ollama", "LocalOllamaProvider", _ollama, needs_key=False),
    "gemini": Adapter("gemini", "GeminiProvider", _gemini),
    "openai": Adapter("openai_provider", "OpenAIProvider", _openai),
    "anthropic": Adapter("anthropic", "AnthropicProvider"),
}
"""The providers that have settings of their own."""

ROW = Adapter("openai_provider", "OpenAIProvider", _row, needs_key=False)
"""Any other name: a server with OpenAI's API."""
