"""The shared library that the engine needs and does not bring along. As a module it says whether that is missing."""

import ctypes
import platform
import sys

ENGINE_LIBRARY = "libgomp.so.1"
NO_LIBRARY = (
    f"{ENGINE_LIBRARY}, which the embedded model needs, is missing. "
    "Install it (Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp)."
)
"""The engine's wheel for Linux brings everything else along. Where GCC is, it is too; a small image may lack it."""


def missing() -> bool:
    """Whether this system lacks it. Else it stays loaded: not for the service itself, see ``process.limit``."""
    if platform.system() != "Linux":
        return False
    try:
        ctypes.CDLL(ENGINE_LIBRARY)
    except OSError:
        return True
    return False


if __name__ == "__main__" and missing():
    sys.stdout.write(f"{NO_LIBRARY} Without the embedded model NovaCore works with Ollama or a cloud provider.\n")
