"""The product on PostgreSQL: one address for all services, and nothing of the conversations on the machine."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.fakes import FakeOllama, ThreadedFake, answer
from tests.support.postgres import PostgresServer
from tests.support.product import Product, running


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.create()
    yield name
    postgres.drop(name)


def test_what_was_said_is_there_after_a_restart(
    tmp_path: Path, postgres: PostgresServer, database: str, ollama: ThreadedFake[FakeOllama]
) -> None:
    file = tmp_path / "url"
    file.write_text(postgres.url(database))
    settings = {"DATABASE_URL_FILE": str(file), "OLLAMA_URL": ollama.url}
    with running(tmp_path / "data", **settings) as product:
        ollama.add(answer("Kept elsewhere."))
        status, reply = product.call("POST", "/api/chat/message", {"message": "Where are you kept?"})
        assert (status, reply["response"]) == (200, "Kept elsewhere.")
        assert "its data is in PostgreSQL" in "".join(product.output)
        assert product.stop() == 0
    with running(tmp_path / "data", **settings) as product:
        _, history = product.call("GET", f"/api/chat/history/{reply['session_id']}")
        assert [(one["output_text"], one["status"]) for one in history["prompts"]] == [
            ("Kept elsewhere.", "complete")
        ]
        shown = "".join(product.output)
        done = product.novacore("doctor")
    assert "PostgreSQL at" in done.stdout + done.stderr
    for secret in (postgres.password, quote(postgres.password, safe="")):
        assert secret not in shown + done.stdout + done.stderr
    assert not list((tmp_path / "data").glob("*.db*"))


def test_a_wrong_password_ends_the_start_with_one_sentence(tmp_path: Path, postgres: PostgresServer) -> None:
    url = f"postgresql+asyncpg://postgres:wr0ng@127.0.0.1:{postgres.port}/postgres"
    product = Product(tmp_path, {"DATABASE_URL": url, "OLLAMA_URL": "http://127.0.0.1:1"})
    try:
        told = product.wait_for("DATABASE_URL: ")
        assert told.strip().endswith(
            f"PostgreSQL at 127.0.0.1:{postgres.port} refuses the connection: "
            'password authentication failed for user "postgres".'
        )
        assert product.process.wait(30) == 1
    finally:
        product.process.kill()
        product.process.wait()
        assert product.process.stdout is not None
        product.process.stdout.close()
    assert "wr0ng" not in "".join(product.output)
