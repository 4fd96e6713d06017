"""The shared library that the engine needs and does not bring along."""

ENGINE_LIBRARY = "libgomp.so.1"
NO_LIBRARY = (
    f"{ENGINE_LIBRARY}, which the embedded model needs, is missing. "
    "Install it (Debian, Ubuntu: apt-get install libgomp1; Fedora: dnf install libgomp)."
)
"""The engine's wheel for Linux brings everything else along. Where GCC is, it is too; a small image may lack it."""
