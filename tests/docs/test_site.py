"""The website of the documents: what a page points to is there, and nothing is fetched from elsewhere."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from scripts.documents import site

from .markdown import documents

LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
FRIENDLY = {"canonical", "next", "prev", "edit"}


class Page(HTMLParser):
    """What one page points to, what it loads, and the places in it that can be pointed to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        if "id" in given:
            self.places.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        if tag in LOADS and LOADS[tag] in given and given.get("rel") not in FRIENDLY:
            self.loads.add(given[LOADS[tag]])


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    folder = tmp_path_factory.mktemp("website") / "site"
    site.build(folder)
    # The page for an address that is not there is only ever served, from the root.
    return {path: Page(path) for path in folder.rglob("*.html") if path.name != "404.html"}


def test_every_document_has_its_page(pages: dict[Path, Page]) -> None:
    assert {document.name for document in documents()} == set(site.documents())
    assert len(pages) == len(site.documents()) + 1, "a page for each, and one that lists the decisions"


def test_every_document_is_in_a_group() -> None:
    grouped = {name.removeprefix("../").removesuffix(".md") for names in site.GROUPS.values() for name in names}
    pages = {Path(name).stem for name in site.documents() if not name.startswith(site.DECISIONS)}
    assert pages - grouped == {"README"}, "name it in scripts/documents/site.py"


def test_every_link_leads_to_a_page_and_to_a_place_in_it(pages: dict[Path, Page]) -> None:
    wrong = []
    for page in pages.values():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = page.path if not parts.path else (page.path.parent / unquote(parts.path)).resolve()
            there = path.is_file() if path not in pages else parts.fragment in {"", *pages[path].places}
            if not there:
                wrong.append(f"{page.path.name}: {link}")
    assert not wrong


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Page]) -> None:
    for page in pages.values():
        for load in page.loads:
            parts = urlsplit(load)
            assert not parts.netloc, f"{page.path.name} loads {load}"
            assert parts.scheme == "data" or (page.path.parent / unquote(parts.path)).is_file(), load
