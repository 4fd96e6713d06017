"""What DATABASE_URL may say, and what is said where it leads nowhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from novakit.database import DatabaseError, open_database
from novakit.database_url import DatabaseUrl, normalised, shown
from novakit.settings import Settings, SettingsError
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from tests.support.postgres import USER, PostgresServer
from tests.support.services import free_port

PASSWORD = "p%40ss%2Fword"
FORM = "it must be of the form postgresql+asyncpg://USER:PASSWORD@HOST:PORT/NAME"


class Only(Settings):
    database_url: DatabaseUrl | None = None


async def reason(url: str) -> str:
    """What the start says."""
    with pytest.raises(DatabaseError) as failed:
        await open_database(SecretStr(url), Path(), "gateway").revision()
    return str(failed.value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        (f"postgresql+asyncpg://nova:{PASSWORD}@db/nova", f"postgresql://nova:{PASSWORD}@db/nova"),
        ("postgres://nova@db:5433/nova?ssl=require", "postgresql://nova@db:5433/nova?sslmode=require"),
        (
            "postgresql://nova@a:1,b:2/nova?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x",
            "postgresql://nova@a:1,b:2/nova?sslmode=verify-full&sslrootcert=%2Fca.pem&application_name=x",
        ),
        ("postgresql://nova@/nova?host=/run/postgresql", "postgresql://nova@/nova?host=%2Frun%2Fpostgresql"),
        ("postgresql://nova@[::1]:5432/nova", "postgresql://nova@[::1]:5432/nova"),
    ],
)
def test_a_url_is_read_as_asyncpg_knows_it(url: str, read: str) -> None:
    assert normalised(url) == read


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///nova.db", f"{FORM}; for SQLite in the data folder leave it unset."),
        ("mysql://nova:s3cret@db/nova", FORM),
        ("nonsense", FORM),
        ("postgresql://nova:s3cr/et@db/nova", FORM),
        ("postgresql://nova:s3cr@et@db/nova", FORM),
        ("postgresql://nova:s3cr#et@db/nova", FORM),
        ("postgresql://nova:s3cr?et@db/nova", FORM),
        ("postgresql://nova:s3cret@db:port/nova", FORM),
        ("postgresql://nova:s3cret@db:99999/nova", FORM),
        ("postgresql://nova:s3cret@db/nova?ssl=yes", "ssl must be one of disable, allow, prefer, require"),
        ("postgresql://nova:s3cret@[::1/nova", FORM),
    ],
)
def test_a_wrong_url_is_one_sentence_without_the_password(url: str, why: str) -> None:
    with pytest.raises(SettingsError) as failed:
        Only.load({"DATABASE_URL": url})
    assert str(failed.value).startswith(f"DATABASE_URL: its value cannot be used: {why}")
    assert "s3cr" not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_it_is_read_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+asyncpg://nova:s3cret@db/nova\n")
    loaded = Only.load({"DATABASE_URL_FILE": str(file)}).database_url
    assert loaded is not None
    assert loaded.get_secret_value() == "postgresql+asyncpg://nova:s3cret@db/nova"
    assert "s3cret" not in repr(loaded)


def test_where_a_url_leads_is_shown_without_user_and_password() -> None:
    assert shown("postgresql://nova:s3cret@db:5433/nova") == "db:5433"
    assert shown("postgresql://nova:s3cret@a,b:2/nova") == "a,b:2"
    assert shown("postgresql://nova:s3cret@/nova?host=/run/postgresql") == "/run/postgresql"
    assert shown("postgresql:///nova") == "this machine"


async def test_a_server_that_is_not_there_is_said() -> None:
    port = free_port()
    assert await reason(f"postgresql+asyncpg://nova:s3cret@127.0.0.1:{port}/nova") == (
        f"DATABASE_URL: no PostgreSQL answers at 127.0.0.1:{port}: is it running, and is this its address?"
    )


async def test_a_host_that_nobody_knows_is_said() -> None:
    told = await reason("postgresql+asyncpg://nova:s3cret@nowhere.invalid/nova")
    assert told == "DATABASE_URL: the host of nowhere.invalid is not known."


async def test_a_server_that_speaks_something_else_is_said() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        told = await reason(f"postgresql+asyncpg://nova:s3cret@127.0.0.1:{port}/nova")
    assert told.startswith("DATABASE_URL: ")
    assert f"127.0.0.1:{port}" in told
    assert "s3cret" not in told


@asynccontextmanager
async def answering(data: bytes) -> AsyncIterator[int]:
    """A server that says this to whatever it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def test_a_wrong_password_is_said_and_not_shown(postgres: PostgresServer) -> None:
    told = await reason(f"postgresql+asyncpg://{USER}:s3cret@127.0.0.1:{postgres.port}/postgres")
    assert told == (
        f"DATABASE_URL: PostgreSQL at 127.0.0.1:{postgres.port} refuses the connection: "
        f'password authentication failed for user "{USER}".'
    )


async def test_a_database_that_is_not_there_is_said(postgres: PostgresServer) -> None:
    told = await reason(postgres.url("nowhere"))
    assert told.endswith('refuses the connection: database "nowhere" does not exist.')


async def test_tls_that_is_asked_for_and_not_offered_is_said(postgres: PostgresServer) -> None:
    """The wheel's server has none: so it is seen that the option reaches asyncpg."""
    assert await reason(f"{postgres.url('postgres')}?ssl=require") == (
        f"DATABASE_URL: PostgreSQL at 127.0.0.1:{postgres.port} does not offer TLS, which ssl= in the URL asks for."
    )


async def test_a_certificate_that_is_not_there_is_said(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    told = await reason(f"postgresql://nova:s3cret@db/nova?ssl=verify-full&sslrootcert={missing}")
    assert told == f"DATABASE_URL: it names {str(missing)!r}, which is not a file."


async def test_a_setting_that_the_server_does_not_know_is_said(postgres: PostgresServer) -> None:
    told = await reason(f"{postgres.url('postgres')}?channel_bindings=require")
    assert "channel_bindings" in told


async def test_a_socket_in_a_folder_serves_as_well(postgres: PostgresServer) -> None:
    password = quote(postgres.password, safe="")
    folder = f"postgresql+asyncpg://{USER}:{password}@/postgres?host={postgres.sockets}&port={postgres.port}"
    assert await open_database(SecretStr(folder), Path(), "gateway").revision() is None


@pytest.fixture
def poor(postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    """(database, URL) of a user that may do nothing in it but connect."""
    name = postgres.create()
    postgres.execute("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    yield name, f"postgresql+asyncpg://poor:poor@127.0.0.1:{postgres.port}/{name}"
    postgres.drop(name)
    postgres.execute("DROP ROLE poor")


async def test_a_user_that_may_make_no_schema_is_told_what_it_needs(
    postgres: PostgresServer, poor: tuple[str, str]
) -> None:
    name, url = poor
    scripts = Path(__file__).parents[2] / "services" / "memory" / "app" / "store" / "migrations"
    database = open_database(SecretStr(url), Path(), "memory")
    with pytest.raises(DatabaseError, match=r"may not make the schema novacore_memory: grant it CREATE"):
        await asyncio.to_thread(database.upgrade, scripts, "0001")
    made = await asyncio.to_thread(postgres.connect, name)
    await asyncio.to_thread(postgres.run, made.execute("CREATE SCHEMA novacore_memory AUTHORIZATION poor"))
    await asyncio.to_thread(postgres.run, made.close())
    await asyncio.to_thread(database.upgrade, scripts, "0001")
    assert await database.revision() == "0001"


async def test_an_engine_tells_of_a_server_that_is_not_there_in_sqlalchemys_words_without_the_password() -> None:
    url = f"postgresql+asyncpg://nova:s3cret@127.0.0.1:{free_port()}/nova"
    engine = open_database(SecretStr(url), Path(), "gateway").engine()
    with pytest.raises(OperationalError) as failed:
        await engine.connect()
    assert "is it running" in str(failed.value)
    assert "s3cret" not in str(failed.value)
