"""Findings as they are shown: a line each for people, one document for programs. Pure."""

import json
import textwrap
from collections.abc import Iterable, Sequence

import msgspec
from novakit.findings import Finding, Level

from .console import harmless

SUBJECT_WIDTH = 12
_LEVEL_WIDTH = 8
_INDENT = " " * (_LEVEL_WIDTH + SUBJECT_WIDTH + 4)
_NARROWEST = 30
_COLOURS: dict[Level, str] = {"ok": "\033[32m", "skipped": "\033[2m", "warning": "\033[33m", "fault": "\033[1;31m"}
_PLAIN = "\033[0m"


def lines(finding: Finding, *, colour: bool = False, width: int | None = None) -> list[str]:
    """The finding on one line, and below it what to do; with a ``width``, both broken to fit into it."""
    level = f"{finding.level:<{_LEVEL_WIDTH}}"
    subject = f"{_one_line(finding.subject):<{SUBJECT_WIDTH}}"
    text, *more = _broken(_one_line(finding.text), width)
    advice = _broken(f"→ {_one_line(finding.advice)}", width) if finding.advice else []
    if colour:
        level = f"{_COLOURS[finding.level]}{level}{_PLAIN}"
    return [f"{level}  {subject}  {text}", *(f"{_INDENT}{line}" for line in (*more, *advice))]


def _broken(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(text, max(_NARROWEST, width - len(_INDENT)), break_long_words=False, break_on_hyphens=False)


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of what matters."""
    faults, warnings = _count(findings, "fault"), _count(findings, "warning")
    if not faults and not warnings:
        return "Nothing is wrong."
    return f"{_number(faults, 'fault').capitalize()}, {_number(warnings, 'warning')}."


def document(findings: Sequence[Finding]) -> str:
    """All of it as JSON."""
    counts = {"faults": _count(findings, "fault"), "warnings": _count(findings, "warning")}
    return json.dumps({**counts, "findings": msgspec.to_builtins(findings)}, indent=2, ensure_ascii=False)


def exit_code(findings: Iterable[Finding]) -> int:
    """1 where there is a fault; warnings alone are 0."""
    return int(any(finding.level == "fault" for finding in findings))


def _one_line(text: str) -> str:
    return harmless(" ".join(text.split()))


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level == level for finding in findings)


def _number(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
