import asyncio
import os
import sys
from pathlib import Path

import pytest
from novakit.settings import SettingsError

from services.gateway.app.config import Settings
from services.gateway.app.main import create_app
from services.gateway.app.network import came_by_https, client_address, is_loopback, networks

SECRET = "s" * 32


def load(**variables: str) -> Settings:
    return Settings.load({"SERVICE_JWT_SECRET": SECRET, "JWT_SECRET": SECRET, **variables})


def test_the_defaults_listen_on_this_machine_alone() -> None:
    settings = load()

    assert (settings.novacore_host, settings.novacore_port) == ("127.0.0.1", 8080)
    assert (settings.intelligence_url, settings.memory_url) == ("http://127.0.0.1:8081", "http://127.0.0.1:8082")
    assert settings.rate_limit_per_minute == 60
    assert settings.auth_registration == "invite"
    assert settings.trusted_networks == ()
    assert settings.built_page.parts[-3:] == ("services", "frontend", "dist")


def test_addresses_lose_their_last_slash() -> None:
    assert load(INTELLIGENCE_URL="http://inner:8081/").intelligence_url == "http://inner:8081"


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("SERVICE_JWT_SECRET", "short", "at least 32 characters"),
        ("JWT_SECRET", "short", "at least 32 characters"),
        ("AUTH_REGISTRATION", "closed", "'invite' or 'open'"),
        ("NOVACORE_BOOTSTRAP_API_KEY", "nc_short", "nc_ and then 32"),
        ("NOVACORE_BOOTSTRAP_API_KEY", "x" * 40, "nc_ and then 32"),
        ("NOVACORE_BOOTSTRAP_API_KEY", "nc_" + "x" * 32 + " y", "nc_ and then 32"),
        ("NOVACORE_SIGNIN_TOKEN_HASH", "xyz", "64 hexadecimal digits"),
        ("INTELLIGENCE_URL", "inner:8081", "http://"),
        ("MEMORY_URL", "http://user@inner", "without user name"),
        ("TRUSTED_PROXIES", "10.0.0.2,proxy", "addresses or networks"),
        ("RATE_LIMIT_PER_MINUTE", "0", "greater than or equal to 1"),
        ("NOVACORE_PORT", "70000", "65535"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_sentence(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**{variable: value})
    sentence = str(caught.value)

    assert sentence.startswith(f"{variable}: ")
    assert allowed in sentence
    assert "\n" not in sentence
    if variable in {"SERVICE_JWT_SECRET", "JWT_SECRET", "NOVACORE_BOOTSTRAP_API_KEY"}:
        assert value not in sentence


def test_proxies_and_the_hash_of_a_link_are_taken_as_they_are_documented() -> None:
    settings = load(TRUSTED_PROXIES=" 10.0.0.2, 172.16.0.0/12,::1", NOVACORE_SIGNIN_TOKEN_HASH="a1" * 32)

    assert [str(network) for network in settings.trusted_networks] == ["10.0.0.2/32", "172.16.0.0/12", "::1/128"]
    assert settings.novacore_signin_token_hash == "a1" * 32


@pytest.mark.parametrize("variable", ["SERVICE_JWT_SECRET", "JWT_SECRET"])
def test_without_its_secrets_there_is_no_start(variable: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{variable} is not set: "):
        load(**{variable: ""})


def test_the_environment_is_read_where_no_settings_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_JWT_SECRET", "short")

    with pytest.raises(SettingsError):
        create_app()


async def test_importing_the_gateway_imports_nothing_that_it_seldom_needs() -> None:
    seldom = {"alembic", "pwdlib", "argon2", "asyncpg"}
    code = f"import sys, services.gateway.app.main; print(*({seldom} & sys.modules.keys()))"
    path = os.pathsep.join(part for part in sys.path if part)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env={"PYTHONPATH": path}, stdout=asyncio.subprocess.PIPE
    )
    imported, _ = await process.communicate()

    assert (process.returncode, imported.split()) == (0, [])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("gateway.example", False),
    ],
)
def test_loopback_is_known_in_all_its_forms(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("scheme", "peer", "claimed", "https"),
    [
        ("https", "192.0.2.1", None, True),
        ("http", "10.0.0.2", "https", True),
        ("http", "10.0.0.2", "http", False),
        ("http", "10.0.0.2", None, False),
        ("http", "192.0.2.1", "https", False),
    ],
)
def test_https_is_believed_of_this_server_and_of_trusted_proxies(
    scheme: str, peer: str, claimed: str | None, https: bool
) -> None:
    headers = [] if claimed is None else [(b"x-forwarded-proto", claimed.encode())]
    scope = {"scheme": scheme, "client": (peer, 1), "headers": headers}

    assert came_by_https(scope, networks("10.0.0.0/8")) == https


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "203.0.113.9, 10.0.0.3", "203.0.113.9"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),
        ("10.0.0.2", "unknown", "unknown"),
        ("10.0.0.2", "203.0.113.9:5001, 10.0.0.3:80", "203.0.113.9"),
        ("10.0.0.2", "[2001:db8::1]:5001", "2001:db8::1"),
        ("10.0.0.2", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.2", "2001:db8::1", "2001:db8::1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
    ],
)
def test_the_client_is_the_last_address_that_no_trusted_proxy_has(peer: str, forwarded: str, address: str) -> None:
    scope = {"client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}

    assert client_address(scope, networks("10.0.0.0/8")) == address
