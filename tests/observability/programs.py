"""Prometheus and Alertmanager for the tests: those of this machine, or Debian's, unpacked below ``.venv``.

``python -m tests.observability.programs`` fetches them, which needs apt-get but neither root nor an installation.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.services import ROOT

PROGRAMS = ("prometheus", "promtool", "alertmanager", "amtool")
PACKAGES = ("prometheus", "prometheus-alertmanager")
FETCHED = ROOT / ".venv" / "prometheus"
NAMES = {"alertmanager": "prometheus-alertmanager"}
"""What Debian calls it, where that is something else."""
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
FETCH_SECONDS = 120


def found(program: str) -> Path | None:
    """Where the program is; None where it cannot be had."""
    for name in (program, NAMES.get(program, program)):
        here = FETCHED / "usr" / "bin" / name
        if here.exists():
            return here
        installed = shutil.which(name)
        if installed is not None:
            return Path(installed)
    return None


def fetch() -> str | None:
    """Unpack Debian's packages where a program is missing; a sentence that says why they cannot be had, else None."""
    if all(found(program) for program in PROGRAMS):
        return None
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "Prometheus is not installed, and there is no apt-get to fetch it with"
    FETCHED.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FETCHED.parent) as made:
        folder = Path(made)
        # apt-get drops root's rights to a user who may not write here; it says so and goes on.
        download = ["apt-get", "download", *PACKAGES]
        try:
            done = subprocess.run(
                download, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"Debian's packages did not come within {FETCH_SECONDS} seconds"
        if done.returncode != 0:
            return f"Debian's packages cannot be fetched: {done.stderr.strip().splitlines()[-1]}"
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder / "tree"], check=True)
        # Another worker may have been faster; what it has unpacked is the same.
        try:
            (folder / "tree").rename(FETCHED)
        except OSError:
            if not FETCHED.exists():
                raise
    return None


def command(program: Path) -> list[str]:
    """What starts the program.

    Debian's Alertmanager looks for its templates below /usr/share. Unpacked, and not installed, it gets a file system
    of its own in which they are there; that takes root's rights, or the user namespaces that Debian allows to all.
    """
    if program.name != NAMES["alertmanager"] or FETCHED not in program.parents or TEMPLATES.exists():
        return [str(program)]
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    with_templates = 'mount --bind "$0" /usr/share && exec "$@"'
    return ["unshare", "--mount", *rights, "sh", "-c", with_templates, str(FETCHED / "usr" / "share"), str(program)]


def must_be_there() -> bool:
    """Whether a run without these programs is a failure and no skip."""
    return os.environ.get("CI") == "true"


if __name__ == "__main__":
    sys.exit(fetch())
