import os
from pathlib import Path

import pytest

from services.gateway.app.page import load

from .running import Gateway

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
INDEX = b"<!doctype html><title>NovaCore</title>"
SCRIPT = b"export const answer = 42"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(INDEX)
    (folder / "favicon.svg").write_bytes(b"<svg/>")
    (folder / "assets" / "index-D3aF_x9q.js").write_bytes(SCRIPT)
    (folder / "assets" / "plain.css").write_bytes(b"a{}")
    (folder.parent / "secret.txt").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize("path", ["/", "/index.html"])
async def test_the_page_is_asked_for_again_each_time(page: Path, gateway: Gateway, path: str) -> None:
    answer = await gateway.get(path)

    assert (answer.status, answer.body) == (200, INDEX)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


async def test_what_has_not_changed_is_not_sent_again(page: Path, gateway: Gateway) -> None:
    etag = (await gateway.get("/")).headers["etag"]
    same = await gateway.get("/", {"If-None-Match": etag})
    other = await gateway.get("/", {"If-None-Match": '"other"'})

    assert (same.status, same.body, same.headers["etag"]) == (304, b"", etag)
    assert (other.status, other.body) == (200, INDEX)


async def test_a_file_whose_name_has_a_hash_is_kept_for_good(page: Path, gateway: Gateway) -> None:
    answer = await gateway.get("/assets/index-D3aF_x9q.js")

    assert (answer.status, answer.body) == (200, SCRIPT)
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("path", "media_type"), [("/assets/plain.css", "text/css; charset=utf-8"), ("/favicon.svg", "image/svg+xml")]
)
async def test_a_file_whose_name_has_none_is_asked_for_again(
    page: Path, gateway: Gateway, path: str, media_type: str
) -> None:
    answer = await gateway.get(path)

    assert (answer.status, answer.headers["content-type"]) == (200, media_type)
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_place_within_the_page_is_the_page(page: Path, gateway: Gateway) -> None:
    assert (await gateway.get("/chat/0190", HTML)).body == INDEX


@pytest.mark.parametrize(
    ("path", "headers"), [("/chat/0190", {"Accept": "application/json"}), ("/assets/old-12345678.js", HTML)]
)
async def test_what_is_no_page_is_not_found(page: Path, gateway: Gateway, path: str, headers: dict[str, str]) -> None:
    answer = await gateway.get(path, headers)

    assert answer.status == 404
    assert answer.detail


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt"]
)
async def test_nothing_outside_the_folder_is_served(page: Path, gateway: Gateway, path: str) -> None:
    assert (await gateway.get(path)).status == 404


async def test_head_says_how_long_the_page_is(page: Path, gateway: Gateway) -> None:
    answer = await gateway.ask("HEAD", "/")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(INDEX))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_the_page_is_only_read(page: Path, gateway: Gateway, method: str) -> None:
    answer = await gateway.ask(method, "/")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_without_a_built_page_a_plain_one_says_how_to_build_it(gateway: Gateway) -> None:
    answer = await gateway.get("/", HTML)

    assert answer.status == 503
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert b"run build" in answer.body


async def test_a_page_that_is_built_later_is_served_without_a_restart(gateway: Gateway, tmp_path: Path) -> None:
    assert (await gateway.get("/", HTML)).status == 503
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_bytes(INDEX)

    assert (await gateway.get("/", HTML)).body == INDEX


async def test_a_page_that_is_built_again_is_served_anew(page: Path, gateway: Gateway) -> None:
    old = await gateway.get("/")
    (page / "index.html").write_bytes(INDEX + b"2")
    # The clock of the file system may be too coarse to tell the two writes apart.
    os.utime(page / "index.html", ns=(1, 1))
    new = await gateway.get("/")

    assert new.body == INDEX + b"2"
    assert new.headers["etag"] != old.headers["etag"]


def test_a_folder_without_an_index_is_no_page(tmp_path: Path) -> None:
    (tmp_path / "other.js").write_bytes(SCRIPT)

    assert load(tmp_path) == {}
