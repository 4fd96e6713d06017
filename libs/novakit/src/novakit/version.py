"""Which code this is."""

from pathlib import Path

VERSION = "0.1.0"
_HASH_CHARS = 12


def revision(start: Path = Path(__file__)) -> str:
    """The commit that is checked out, shortened, read without running git; ``unknown`` outside a checkout."""
    for folder in start.parents:
        try:
            head = (folder / ".git" / "HEAD").read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        return (_resolved(folder / ".git", head) or "unknown")[:_HASH_CHARS]
    return "unknown"


def _resolved(git: Path, head: str) -> str:
    """The hash that HEAD holds, or that the branch has which it names."""
    name = head.removeprefix("ref: ")
    if name == head:
        return head
    try:
        return (git / name).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        pass
    try:
        packed = (git / "packed-refs").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.split(" ")[0] for line in packed if line.endswith(f" {name}")), "")
