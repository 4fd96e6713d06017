"""Which providers are on, in lines for a person."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from novakit.settings import SettingsError, read

from .ollama import PROVIDER as OLLAMA
from .ollama import Kind

NOTES = {
    Kind.FOUND: "found on this machine",
    Kind.BUILT_IN: "built-in demonstration model",
}
TROUBLE = "not answering"
HINTS = {
    Kind.NOT_INSTALLED: "no Ollama answers here, and the built-in model is not installed (make setup)",
}


def rows_of(body: bytes) -> list[Mapping[str, Any]]:
    """The providers in an answer of ``GET /api/chat/providers``; an empty list for any other document."""
    try:
        document: Any = json.loads(body)
    except ValueError:
        return []
    rows = document.get("providers") if isinstance(document, dict) else None
    return [row for row in rows if isinstance(row, dict) and "name" in row] if isinstance(rows, list) else []


def report(
    rows: Sequence[Mapping[str, Any]], priority: Sequence[str], environ: Mapping[str, str], kind: Kind
) -> list[str]:
    """One line for each provider: those that the service names, then those in the priority that it left out."""
    named = {str(row["name"]) for row in rows}
    left_out = [{"name": name, "enabled": False} for name in priority if name not in named]
    return [_line(row, environ, kind) for row in (*rows, *left_out)]


def _line(row: Mapping[str, Any], environ: Mapping[str, str], kind: Kind) -> str:
    name = str(row["name"])
    where = str(row.get("locality") or ("local" if name == OLLAMA else "cloud"))
    return f"{where:<6} {name}{_state(row, name, where, environ, kind)}"


def _state(row: Mapping[str, Any], name: str, where: str, environ: Mapping[str, str], kind: Kind) -> str:
    if name == OLLAMA and kind in HINTS:
        return f": {HINTS[kind]}"
    if row.get("enabled"):
        model = f" · {row['model']}" if row.get("model") else ""
        note = f" ({NOTES[kind]})" if name == OLLAMA and kind in NOTES else ""
        trouble = "" if row.get("healthy", True) else f": {TROUBLE}{_reason(row)}"
        return f"{model}{note}{trouble}"
    key = f"{name.upper()}_API_KEY"
    if name != OLLAMA and not _is_set(key, environ):
        return f": no key (set {key})"
    if where == "cloud" and (read(environ, "CLOUD_ENABLED") or "true").lower() in {"false", "0", "no", "off"}:
        return ": off (CLOUD_ENABLED=false)"
    return f": off{_reason(row)}"


def _reason(row: Mapping[str, Any]) -> str:
    return f" ({row['last_error']})" if row.get("last_error") else ""


def _is_set(variable: str, environ: Mapping[str, str]) -> bool:
    try:
        return read(environ, variable) is not None
    except SettingsError:
        return False
