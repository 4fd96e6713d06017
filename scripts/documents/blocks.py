"""Which parts of which documents are made from the code.

In a document, what stands between ``<!-- from the code: NAME -->`` and ``<!-- end -->`` is written anew.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from . import api, circuit, configuration, orchestration, rotation

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

MAKERS: Mapping[str, Callable[[], str]] = {
    "settings": configuration.sections,
    "operations": api.operations_by_tag,
    "shapes": api.shapes,
    "errors-of-many": api.common_errors,
    "providers": orchestration.providers,
    "errors": orchestration.errors,
    "verdicts": orchestration.verdicts,
    "skips": orchestration.skips,
    "circuit": circuit.table_of_moves,
    "decisions": orchestration.decisions,
    "clocks": orchestration.clocks,
    "rotation": rotation.rotation,
}
_BLOCK = re.compile(r"(<!-- from the code: (?P<name>[\w-]+) -->)\n.*?(<!-- end -->)", re.DOTALL)


def documents() -> list[Path]:
    """The documents that have such parts."""
    return [path for path in sorted(DOCS.glob("*.md")) if _BLOCK.search(path.read_text(encoding="utf-8"))]


def filled(text: str) -> str:
    """The document with each such part made anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n\n{MAKERS[found['name']]().strip()}\n\n{found[3]}", text)


def pictures() -> dict[Path, str]:
    """The pictures that are drawn from the code."""
    return {DOCS / "images" / "circuit.svg": circuit.picture()}
