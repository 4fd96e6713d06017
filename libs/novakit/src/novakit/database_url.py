"""The setting DATABASE_URL: what it may say. Whoever only reads settings does not load a database's modules."""

from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AfterValidator, SecretStr

SCHEMES = ("postgresql+asyncpg", "postgresql", "postgres")
TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
FORM = "postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME"
MEANING = "postgresql+asyncpg://USER:PASSWORD@HOST/NAME, for more than one machine; unset: SQLite in the data folder."


def checked(value: SecretStr) -> SecretStr:
    """The URL as it is, if it can be used; raises ValueError with a reason that quotes nothing of it."""
    normalised(value.get_secret_value())
    return value


def normalised(url: str) -> str:
    """The URL as asyncpg reads it: ``ssl=`` is its ``sslmode=``. Raises ValueError, which quotes nothing of it."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(f"it must be of the form {FORM}.") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"it must be of the form {FORM}; for SQLite in the data folder leave it unset.")
    if parts.netloc.count("@") > 1 or parts.fragment or not all(map(_is_host, _hosts(parts.netloc))):
        raise ValueError(
            f"it must be of the form {FORM}, and in a password / is written %2F, @ is %40, # is %23, ? is %3F."
        )
    options = [("sslmode" if name == "ssl" else name, value) for name, value in query]
    for name, value in options:
        if name == "sslmode" and value not in TLS_MODES:
            raise ValueError(f"ssl must be one of {', '.join(TLS_MODES)}.")
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(options), ""))


def shown(url: str) -> str:
    """Where a URL leads, without user and password."""
    parts = urlsplit(url)
    sockets = [value for name, value in parse_qsl(parts.query) if name == "host"]
    return ",".join(_hosts(parts.netloc)) or ",".join(sockets) or "this machine"


def named_files(url: str) -> list[str]:
    """The certificates and keys that a URL names."""
    return [value for name, value in parse_qsl(urlsplit(url).query) if name in FILES]


def _hosts(netloc: str) -> list[str]:
    hosts = netloc.rpartition("@")[2]
    return hosts.split(",") if hosts else []


def _is_host(text: str) -> bool:
    """Whether it is a host, with a port or without; an IPv6 address stands in brackets."""
    bracketed = text.startswith("[")
    host, _, rest = text[1:].partition("]") if bracketed else text.partition(":")
    port = rest.removeprefix(":") if bracketed else rest
    return bool(host) and (not port or (port.isascii() and port.isdecimal() and 0 < int(port) < 65536))


DatabaseUrl = Annotated[SecretStr, AfterValidator(checked)]
"""The type of the setting; unset: SQLite."""
