"""Every link in every document leads somewhere."""

from urllib.parse import unquote, urlsplit

import pytest

from tests.support.services import ROOT

from .markdown import Document, documents

DOCUMENTS = {document.name: document for document in documents()}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_every_link_leads_somewhere(document: Document) -> None:
    wrong = {target: problem for target in document.links() if (problem := problem_of(document, target))}
    assert not wrong


def problem_of(document: Document, target: str) -> str:
    """What is wrong with a link; nothing where it is right."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return "" if parts.scheme == "https" and "." in parts.netloc else "not an https address"
    if not parts.path:
        return "" if parts.fragment in document.anchors() else "there is no such heading"
    path = (document.path.parent / unquote(parts.path)).resolve()
    if not path.exists():
        return "there is no such file"
    if not path.is_relative_to(ROOT):
        return "it leads out of the project"
    if not parts.fragment:
        return ""
    aimed_at = DOCUMENTS.get(str(path.relative_to(ROOT)))
    if aimed_at is None:
        return "only documents have anchors"
    return "" if parts.fragment in aimed_at.anchors() else "there is no such heading"


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("README.md", ""),
        ("docs/providers.md#rules-by-kind-of-message", ""),
        ("#headings", ""),
        ("#heading", "there is no such heading"),
        ("docs/no-such.md", "there is no such file"),
        ("docs/providers.md#no-such", "there is no such heading"),
        ("http://example.com", "not an https address"),
        ("https://example", "not an https address"),
        ("../outside", "there is no such file"),
    ],
)
def test_a_link_that_leads_nowhere_is_told(target: str, problem: str) -> None:
    document = Document("TEST.md", f"# Headings\n\n[a link]({target}) and `[no](link)`\n\n```sh\n[nor](this)\n```\n")
    assert document.links() == [target]
    assert problem_of(document, target) == problem


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached: set[str] = set()
    left = ["README.md"]
    while left:
        name = left.pop()
        if name in reached or name not in DOCUMENTS:
            continue
        reached.add(name)
        here = DOCUMENTS[name].path.parent
        inside = [target for target in DOCUMENTS[name].links() if "://" not in target]
        targets = [(here / urlsplit(target).path).resolve() for target in inside]
        left += [str(path.relative_to(ROOT)) for path in targets if path.is_relative_to(ROOT)]
        left += [str(file.relative_to(ROOT)) for path in targets if path.is_dir() for file in path.glob("*.md")]
    assert DOCUMENTS.keys() - reached == set()
