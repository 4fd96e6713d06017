"""Let the venv that runs this import NovaCore from its checkout, without installing anything of it."""

import os
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT, ROOT / "libs" / "novakit" / "src")


def main() -> None:
    """Write ``novacore.pth``; its paths are relative, so that a checkout can be moved."""
    site_packages = Path(sysconfig.get_path("purelib"))
    lines = [f"{os.path.relpath(source, site_packages)}\n" for source in SOURCES]
    (site_packages / "novacore.pth").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
