"""The gateway's settings."""

import re
from pathlib import Path
from typing import Annotated, Literal

from novakit.database_url import MEANING, DatabaseUrl
from novakit.tracing_settings import TracingSettings, pairs
from pydantic import AfterValidator, Field, SecretStr

from .credentials import API_KEY_FORM
from .network import Network, networks

BUILT_PAGE = Path(__file__).resolve().parents[2] / "frontend" / "dist"


def _api_key(value: SecretStr) -> SecretStr:
    if not API_KEY_FORM.fullmatch(value.get_secret_value()):
        raise ValueError("it must be nc_ and then 32 to 200 letters, digits, hyphens or underscores.")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("it must have at least 32 characters.")
    return value


def _token_hash(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("it must be a SHA-256 as 64 hexadecimal digits.")
    return value


def _proxies(value: str) -> str:
    networks(value)
    return value


def _base_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#\s]*)?", value):
        raise ValueError("it must be http:// or https:// with a host, without user name, query or fragment.")
    return value.rstrip("/")


def _services(value: str) -> str:
    for url in pairs(value).values():
        _base_url(url)
    return value


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Settings(TracingSettings):
    """What the gateway is told by its environment."""

    novacore_host: str = Field(default="127.0.0.1", description="address that the gateway listens on")
    novacore_port: int = Field(default=8080, ge=1, le=65535, description="port that the gateway listens on")
    novacore_data_dir: Path = Field(default=Path("data"), description="folder of the SQLite files")
    database_url: DatabaseUrl | None = Field(default=None, description=MEANING)
    novacore_bootstrap_api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = Field(
        default=None,
        description="API key (nc_ and at least 32 characters) that becomes the admin's, at the first start only",
    )
    novacore_signin_token_hash: Annotated[str, AfterValidator(_token_hash)] | None = Field(
        default=None,
        description="set by the launcher: SHA-256 of the one-time sign-in link's token",
        json_schema_extra={"internal": True},
    )
    intelligence_url: BaseUrl = Field(
        default="http://127.0.0.1:8081", description="where the intelligence service answers"
    )
    memory_url: BaseUrl = Field(default="http://127.0.0.1:8082", description="where the memory service answers")
    service_jwt_secret: Annotated[SecretStr, AfterValidator(_secret)] = Field(
        description="secret of at least 32 characters, shared by the services, that signs calls between them"
    )
    jwt_secret: Annotated[SecretStr, AfterValidator(_secret)] = Field(
        description="secret of at least 32 characters that signs the tokens of those who signed in; `up` makes one"
    )
    auth_registration: Literal["invite", "open"] = Field(
        default="invite", description="who may make an account: whom an admin has invited, or anyone"
    )
    rate_limit_per_minute: int = Field(
        default=60, ge=1, description="generations that one user may start in a minute"
    )
    trusted_proxies: Annotated[str, AfterValidator(_proxies)] = Field(
        default="", description="addresses or networks, with commas, whose X-Forwarded headers are believed"
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="bearer token for /metrics; needed where the gateway is not on loopback alone"
    )
    metrics_services: Annotated[str, AfterValidator(_services)] = Field(
        default="",
        description="set by the launcher: more services whose metrics are told, as in name=http://127.0.0.1:1",
        json_schema_extra={"internal": True},
    )
    page_dir: Path | None = Field(default=None, description="folder of the built page; unset: services/frontend/dist")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """``trusted_proxies`` as networks."""
        return networks(self.trusted_proxies)

    @property
    def also_told(self) -> dict[str, str]:
        """``metrics_services`` by their names."""
        return pairs(self.metrics_services)

    @property
    def built_page(self) -> Path:
        """The folder that the page is served from."""
        return self.page_dir or BUILT_PAGE
