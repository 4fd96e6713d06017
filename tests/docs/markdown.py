"""The project's documents, as far as tests look into them: blocks, headings, links."""

import re
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.services import ROOT

_FENCE = re.compile(
    r"^ {0,3}(?P<mark>`{3,})(?P<info>[^\n]*)\n(?P<body>.*?)^ {0,3}(?P=mark)`*[ \t]*$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]*(?:\([^()]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<text>.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: which document, where, in which language, and what stands in it."""

    document: str
    line: int
    language: str
    body: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


@dataclass(frozen=True)
class Document:
    """One Markdown file; ``name`` is its path in the project."""

    name: str
    text: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return ROOT / self.name

    def blocks(self) -> Iterator[Block]:
        """Its fenced blocks."""
        for found in _FENCE.finditer(self.text):
            language = found["info"].strip().partition(" ")[0]
            yield Block(self.name, self.text.count("\n", 0, found.start()) + 1, language, found["body"])

    def prose(self) -> str:
        """Its text without fenced blocks and comments."""
        return _COMMENT.sub("", _FENCE.sub("", self.text))

    def links(self) -> list[str]:
        """Where its links and pictures point."""
        return [found["target"] for found in _LINK.finditer(_CODE.sub("", self.prose()))]

    def anchors(self) -> set[str]:
        """What can stand behind # in a link to it, as GitHub makes it of headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for found in _HEADING.finditer(self.prose()):
            slug = slug_of(found["text"])
            number = seen.get(slug, 0)
            seen[slug] = number + 1
            anchors.add(f"{slug}-{number}" if number else slug)
        return anchors


def slug_of(heading: str) -> str:
    """A heading as GitHub writes it in an address."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
    kept = (char for char in plain if char in "-_ " or unicodedata.category(char)[0] in "LMN")
    return "".join(kept).replace(" ", "-")


def documents() -> list[Document]:
    """Every Markdown file that is part of the project."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    found = [name for name in names.split("\0") if name and (ROOT / name).is_file()]
    return [Document(name, (ROOT / name).read_text(encoding="utf-8")) for name in sorted(found)]
