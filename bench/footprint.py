"""What NovaCore takes before anybody asks it anything: room on the disk, memory, time to start.

``python -m bench.footprint`` prints it as Markdown tables; exit code 1 where something is above its target.
"""

import re
import sys
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from .processes import Running
from .targets import ROOT, NovaCore, start_mock

MEMORY_LIMIT_MB = 90
READY_LIMIT_SEC = 2
INSTALLED_LIMIT_MB = 150

Idle = tuple[str, float, float]
"""A service, its resident memory in MB, its seconds from start to ready."""


def idle_of(processes: Iterable[Running]) -> list[Idle]:
    """What each running service takes now."""
    return [(process.name, process.memory_mb(), process.ready_sec) for process in processes]


def installed() -> dict[str, int]:
    """Bytes on the disk, without the built-in model: the pinned packages, our code, the built page."""
    code = [ROOT / "novacore", ROOT / "libs", *(ROOT / "services").glob("*/app")]
    return {
        "packages": sum(_package(name) for name in _pinned(ROOT / "requirements" / "runtime.txt")),
        "NovaCore's code": sum(_size(folder) for folder in code),
        "the page": _size(ROOT / "services" / "frontend" / "dist"),
    }


def services_table(idle: Iterable[Idle]) -> str:
    """Memory and time."""
    rows = ["| service | memory idle, MB | start to ready, s |", "|---|---|---|"]
    rows += [f"| {name} | {memory:.0f} | {ready:.2f} |" for name, memory, ready in idle]
    rows.append(f"| target, at most | {MEMORY_LIMIT_MB} | {READY_LIMIT_SEC} |")
    return "\n".join(rows)


def installed_table(sizes: dict[str, int]) -> str:
    """Room on the disk."""
    rows = ["| installed, without the model | MB |", "|---|---|"]
    rows += [f"| {name} | {size / 1e6:.1f} |" for name, size in sizes.items()]
    rows.append(f"| together | {sum(sizes.values()) / 1e6:.1f} |")
    rows.append(f"| target, at most | {INSTALLED_LIMIT_MB} |")
    return "\n".join(rows)


def _pinned(requirements: Path) -> list[str]:
    return re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", requirements.read_text(), re.MULTILINE)


def _package(name: str) -> int:
    try:
        files = metadata.distribution(name).files or []
    except metadata.PackageNotFoundError:
        # Pinned for another system.
        return 0
    paths = {Path(str(file.locate())) for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """The command."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        mock, mock_port = start_mock(folder)
        ours = NovaCore(folder, mock_port)
        try:
            ours.start()
            idle = idle_of(ours.processes)
        finally:
            for process in [*ours.processes, mock]:
                process.stop()
    sizes = installed()
    print(f"{services_table(idle)}\n\n{installed_table(sizes)}")
    small = sum(sizes.values()) <= INSTALLED_LIMIT_MB * 1e6
    quick = all(memory <= MEMORY_LIMIT_MB and ready <= READY_LIMIT_SEC for _, memory, ready in idle)
    sys.exit(not (small and quick))


if __name__ == "__main__":
    main()
