"""Runs Schemathesis over a published document, and reads what it did.

It runs as a process of its own, so that the services under test keep this one's loop.
"""

import asyncio
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services import ROOT

REPORT = "report.ndjson"
# What it imports and reads at first is there until the end: see tests/conftest.py.
SCHEMATHESIS = "import gc; gc.set_threshold(50_000, 20, 20); import schemathesis.cli as cli; cli.schemathesis()"


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """How many requests were made, the statuses that each operation answered with, and what was found, as text."""

    passed: bool
    told: str
    cases: int = 0
    answered: Mapping[str, Counter[int]] = field(default_factory=dict)

    def succeeded(self, operation: str) -> bool:
        """Whether this method and path was ever answered with a 2xx."""
        return any(200 <= status < 300 for status in self.answered.get(operation, ()))


async def fuzz(document: str, headers: Mapping[str, str], config: str, folder: Path, *, each: int) -> Fuzzed:
    """Try every operation of the document at this address, about ``each`` times beside the edge cases.

    ``config`` is TOML as Schemathesis takes it. The same document is tried with the same data each time.
    """
    (folder / "schemathesis.toml").write_text(config)
    arguments = ["run", document, "--max-examples", str(each), "--generation-deterministic", "--no-color"]
    arguments += ["--continue-on-failure", "--no-shrink", "--report", "ndjson", "--report-ndjson-path", REPORT]
    for name, value in headers.items():
        arguments += ["--header", f"{name}: {value}"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SCHEMATHESIS,
        *arguments,
        cwd=folder,
        # Here is the table of Unicode's characters, which takes seconds to make.
        env={"PATH": os.environ["PATH"], "HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return _read(folder / REPORT, output.decode(), passed=process.returncode == 0)


def _read(report: Path, told: str, *, passed: bool) -> Fuzzed:
    answered: dict[str, Counter[int]] = defaultdict(Counter)
    cases = 0
    for line in report.read_text().splitlines() if report.exists() else ():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            cases += 1
            case: dict[str, Any] = recorder["cases"][case_id]["value"]
            response = interaction["response"] or {}
            answered[f"{case['method']} {case['path']}"][response.get("status_code", 0)] += 1
    return Fuzzed(passed, told, cases, answered)
