"""Looks for secrets in every file of the project and in all of its history, and for placeholders that are none.

``python scripts/lint_secrets.py`` prints a line for each finding, which never shows what was found, and ends with 1.
A secret that was committed once is known for good: revoke it first, then take it out.
"""

import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PLACEHOLDER = "replace-me"
ROOT = Path(__file__).resolve().parent.parent

SHAPES = {
    "a key of OpenAI or Anthropic": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a key of Google": r"\bAIza[A-Za-z0-9_-]{30,}|\bAQ\.[A-Za-z0-9_-]{20,}",
    "a key of Groq or xAI": r"\b(?:gsk_|xai-)[A-Za-z0-9]{20,}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\bgh[oprsu]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    "a token of Slack": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "a token of Vault": r"\bhvs\.[A-Za-z0-9_-]{20,}",
    "a key of NovaCore": r"\bnc_[A-Za-z0-9_-]{32,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
}
"""What a secret looks like whose maker gave it a form."""

_SHAPED = re.compile("|".join(f"(?P<s{number}>{shape})" for number, shape in enumerate(SHAPES.values())))
_KINDS = tuple(SHAPES)
_NAMES = r"[A-Za-z0-9_]*(?:API_?KEY|SECRET|TOKEN|PASSWORD|PASSWD)"
_GIVEN = re.compile(rf"(?i)\b{_NAMES}[\"']?\s*[:=]\s*[\"']?(?P<value>[A-Za-z0-9+/=_.~-]{{20,}})")
_SETTING = re.compile(
    r"^\s*(?:#|-|export|ENV|\$env:)?\s*(?P<name>[A-Z][A-Z0-9_]*(?:_API_KEY|_SECRET|_TOKEN|_PASSWORD))\s*[:=]\s*(?P<value>.*)$"
)
_RANDOM_BITS = 3.6
"""Bits for each character: random text of 20 characters and more has more, words and names have less."""
_TEXT_OF_SETTINGS = frozenset({".md", ".example", ".yml", ".yaml", ".tf", ".tfvars", ".toml", ".sh", ".env", ".json"})


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found and where; never the secret itself."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def secrets_in(line: str) -> Iterator[str]:
    """What kinds of secrets a line holds."""
    for found in _SHAPED.finditer(line):
        if looks_random(found[0]) or "PRIVATE KEY" in found[0]:
            yield _KINDS[int(str(found.lastgroup)[1:])]
    for found in _GIVEN.finditer(line):
        value = found["value"]
        if looks_random(value) and any(char.isdigit() for char in value) and not _SHAPED.search(value):
            yield "a value of its own behind the name of a secret"


def looks_random(text: str) -> bool:
    """Whether it may have come from a generator: it has many different characters."""
    counts = Counter(text)
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
    return bits >= _RANDOM_BITS


def no_placeholder(line: str) -> str | None:
    """The variable that is given a value where a placeholder belongs, in a file that people copy from."""
    found = _SETTING.match(line)
    if found is None or found["name"].endswith("_FILE"):
        return None
    value = found["value"].partition(" #")[0].strip().strip("\"'")
    is_reference = value.startswith(("$", "/", "<", "{")) or value in {"", PLACEHOLDER} or "…" in value
    return None if is_reference else found["name"]


def in_tree(root: Path = ROOT) -> Iterator[Finding]:
    """Findings in the files as they are, untracked ones too unless git ignores them."""
    for name in _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        path = root / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines() if name else []
        except (OSError, UnicodeDecodeError):
            continue
        for number, line in enumerate(lines, 1):
            for what in secrets_in(line):
                yield Finding(f"{name}:{number}", what)
            if path.suffix in _TEXT_OF_SETTINGS and (variable := no_placeholder(line)):
                yield Finding(f"{name}:{number}", f"{variable} has another value than {PLACEHOLDER}")


def in_history(root: Path = ROOT) -> Iterator[Finding]:
    """Findings in whatever any commit of any branch has added, once for each commit and file."""
    command = ["git", "-C", str(root), "log", "--all", "-p", "-U0", "--no-color", "--no-ext-diff", "--no-renames",
               "--format=commit %h"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", errors="replace") as log:
        assert log.stdout is not None  # noqa: S101 (a pipe was asked for)
        yield from dict.fromkeys(_added(log.stdout))
    if log.returncode:
        raise SystemExit(f"git log ended with {log.returncode}")


def _added(lines: Iterable[str]) -> Iterator[Finding]:
    commit = name = ""
    for line in lines:
        if line.startswith("commit "):
            commit = line[len("commit ") :].strip()
        elif line.startswith("+++ "):
            name = line[len("+++ b/") :].strip()
        elif line.startswith("+"):
            for what in secrets_in(line[1:]):
                yield Finding(f"{commit} {name}", what)


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=True, text=True).stdout


def main() -> int:
    """Look everywhere; the exit code."""
    found = [*in_tree(), *in_history()]
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
