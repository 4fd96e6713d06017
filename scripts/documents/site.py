"""The documents as a website in ``site``, to be read offline. Run by ``make site``."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "site"
HOME = "README.md"
GROUPS = {
    "Set it up": ("QUICKSTART", "CONFIGURATION", "providers", "POSTGRESQL", "SECRETS_MANAGEMENT", "DEPLOYMENT"),
    "Run it for others": (
        "ACCOUNTS",
        "OPERATING",
        "ROLLOUT",
        "OBSERVABILITY_IMPLEMENTATION",
        "TELEMETRY_REFERENCE",
        "DATA_HANDLING",
        "../SECURITY",
    ),
    "Use it": ("CLIENTS", "API", "MEMORY"),
    "Understand it": ("ARCHITECTURAL_IMPROVEMENTS", "PERFORMANCE", "../CHANGELOG"),
    "Change it": ("../CONTRIBUTING", "adding-a-provider", "TESTING"),
}
DECISIONS = "docs/decisions"
STYLE = "style.css"
# The name of a variable or a call is not broken, so that it can be read and searched for.
STYLES = ".md-typeset td:first-child code { white-space: nowrap; word-break: normal; }\n"
_LINK = re.compile(r"(?<=\]\()([^()\s#]+)(#[^()\s]*)?(?=\))")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def build(target: Path = TARGET) -> None:
    """Write the website; raises CalledProcessError where that fails."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        gather(documents(), source)
        settings = Path(folder) / "mkdocs.yml"
        # Every JSON document is a YAML document.
        settings.write_text(json.dumps(_settings(source)), encoding="utf-8")
        zensical = Path(sys.executable).with_name("zensical")
        subprocess.run([zensical, "build", "--clean", "--config-file", settings], check=True, cwd=folder)
        shutil.rmtree(target, ignore_errors=True)
        shutil.move(Path(folder) / "site", target)


def documents() -> list[str]:
    """Every page, by its path in the project."""
    pages = [HOME, "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    return [*pages, *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md")))]


def gather(pages: Iterable[str], source: Path) -> None:
    """Copy the pages, and what they show or name, to a folder in which every link stays within it."""
    for page in pages:
        text = (ROOT / page).read_text(encoding="utf-8")
        named = ROOT / page
        parts = _FENCED.split(text)
        _write(source / page, "".join(part if part.startswith("```") else _led(part, named) for part in parts))
        for target in _targets(parts, named):
            copy = source / target.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            # A program or a settings file is shown as it is, and not taken for a page.
            shutil.copy(target, copy if target.suffix in {".png", ".svg"} else copy.with_name(f"{copy.name}.txt"))
    _write(source / STYLE, STYLES)
    decisions = [(path.name, _title(path)) for path in sorted((ROOT / DECISIONS).glob("*.md"))]
    listed = "".join(f"- [{title}]({name})\n" for name, title in decisions)
    _write(source / DECISIONS / "index.md", f"# Decisions\n\n{listed}")


def _led(text: str, page: Path) -> str:
    """The text with its links led to where they point on the website."""

    def lead(found: re.Match[str]) -> str:
        target, anchor = found[1], found[2] or ""
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        path = page.parent / target
        if path.is_dir():
            return f"{target}/index.md"
        return f"{target}{anchor}" if path.suffix in {".md", ".png", ".svg"} else f"{target}.txt"

    return _LINK.sub(lead, text)


def _targets(parts: Iterable[str], page: Path) -> Iterator[Path]:
    """The files that a page shows or names, but for pages."""
    for part in parts:
        if part.startswith("```"):
            continue
        for found in _LINK.finditer(part):
            path = (page.parent / found[1]).resolve()
            if "://" not in found[1] and path.is_file() and path.suffix != ".md":
                yield path


def _settings(source: Path) -> dict[str, object]:
    def page(name: str) -> str:
        return f"docs/{name}.md" if not name.startswith("../") else f"{name.removeprefix('../')}.md"

    nav: list[dict[str, object]] = [{"NovaCore": HOME}]
    for group, names in GROUPS.items():
        here = [page(name) for name in names if (source / page(name)).is_file()]
        nav.append({group: [{_title(source / name): name} for name in here]})
    decisions = sorted((source / DECISIONS).glob("0*.md"))
    listed = [{_title(path): str(path.relative_to(source))} for path in decisions]
    nav.append({"Decisions": [{"All": f"{DECISIONS}/index.md"}, *listed]})
    return {
        "site_name": "NovaCore",
        "docs_dir": source.name,
        "site_dir": "site",
        "use_directory_urls": False,
        # Nothing is fetched by whoever reads it: no fonts, no search in a cloud.
        "theme": {"name": "material", "font": False, "features": ["navigation.sections", "content.code.copy"]},
        "plugins": ["search"],
        "extra_css": [STYLE],
        "markdown_extensions": ["tables", "admonition", {"toc": {"permalink": True}}, "pymdownx.superfences"],
        "nav": nav,
    }


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").replace("`", "")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    build()
