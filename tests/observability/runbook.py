"""The runbook, read as data: what is said of each alert, and the settings that it gives."""

import re

from tests.support.services import ROOT

from . import rules

PATH = ROOT / "docs" / "OBSERVABILITY_IMPLEMENTATION.md"
PARTS = ("**Means.**", "**See it.**", "**Do.**", "**Roll back.**")
LEVELS = ("critical", "warning", "info")


def text() -> str:
    """The whole document."""
    return PATH.read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """The text of each alert's section, by its name."""
    return dict(re.findall(r"^### (NovaCore\w+)\n(.*?)(?=^##|\Z)", text(), re.MULTILINE | re.DOTALL))


def settings(alert: str) -> dict[str, str]:
    """The settings of the section's last block: how to roll back."""
    block = re.findall(r"^```dotenv\n(.*?)^```", sections()[alert], re.MULTILINE | re.DOTALL)[-1]
    return dict(line.split("=", 1) for line in block.splitlines())


def queries(metrics: frozenset[str]) -> set[str]:
    """The expressions in the document that read one of these metrics."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(), flags=re.MULTILINE | re.DOTALL))
    return {span for span in spans if any(rules.family(name) in metrics for name in _names(span))}


def _names(span: str) -> frozenset[str]:
    try:
        return rules.names_in(span)
    except ValueError:
        return frozenset()


def anchors() -> set[str]:
    """What a link to a heading of the document ends with, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
