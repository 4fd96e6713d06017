"""What the launcher itself looks at for ``doctor``: this machine, the data folder, the port. Changes nothing."""

import json
import os
import platform
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from novakit.findings import Finding
from novakit.settings import SettingsError

from . import fetch, lock, ollama, ports, secrets
from .ollama import Kind
from .settings import LauncherSettings

OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
LEAST_BYTES = 100_000_000
FEW_BYTES = 1_000_000_000
PROBE_SECONDS = 2.0
DATA, LISTENING = "data folder", "port"

CanWrite = Callable[[Path], bool]
AskNode = Callable[[], str | None]


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is new enough."""
    shown = ".".join(map(str, version))
    if version >= OLDEST_PYTHON:
        return Finding("ok", "python", "version", f"Python {shown} on {platform.system()} ({platform.machine()}).")
    return Finding("fault", "python", "version", f"Python {shown} is too old.", "Install Python 3.11 or newer.")


def _node_version() -> str | None:
    program = shutil.which("node")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 (the user's own Node.js)
            [program, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def node(ask: AskNode = _node_version) -> Finding:
    """Whether there is a Node.js that can build the page."""
    version = ask()
    advice = "Install Node.js 20 or newer: https://nodejs.org"
    if version is None:
        text = "there is no Node.js here; nothing but building the page needs it."
        return Finding("warning", "node", "version", text, advice)
    major = version.removeprefix("v").partition(".")[0]
    if major.isdecimal() and int(major) >= OLDEST_NODE:
        return Finding("ok", "node", "version", f"Node.js {version}.")
    return Finding("warning", "node", "version", f"Node.js {version} is too old to build the page.", advice)


def _can_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def data_folder(folder: Path, can_write: CanWrite = _can_write) -> list[Finding]:
    """Whether the data can be written, there is room for them, and nobody else reads them."""
    there = next((path for path in (folder.absolute(), *folder.absolute().parents) if _is_there(path)), folder)
    if not there.is_dir() or not can_write(there):
        what = "cannot be written by this user" if there.is_dir() else "is not a folder"
        advice = "Give it to the user who runs NovaCore (chown), or set NOVACORE_DATA_DIR to another folder."
        return [Finding("fault", DATA, "write", f"{there} {what}.", advice)]
    new = "" if there == folder.absolute() else " will be made at the first start, and"
    found = [Finding("ok", DATA, "write", f"{folder.absolute()}{new} can be written.")]
    found.append(free_space(shutil.disk_usage(there).free))
    if there == folder.absolute():
        found += _modes(folder)
    return found


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        # It lies in a folder that this user may not look into.
        return False


def free_space(free: int) -> Finding:
    """What to say of that many free bytes."""
    room = f"{free / 1e9:.1f} GB" if free >= FEW_BYTES else f"{free / 1e6:.0f} MB"
    advice = "Make room on that disk, or set NOVACORE_DATA_DIR to a folder on another one."
    if free < LEAST_BYTES:
        return Finding("fault", DATA, "space", f"only {room} are free on its disk; writing may fail.", advice)
    if free < FEW_BYTES:
        return Finding("warning", DATA, "space", f"only {room} are free on its disk.", advice)
    return Finding("ok", DATA, "space", f"{room} are free on its disk.")


def _modes(folder: Path) -> list[Finding]:
    found = []
    if _open_to_others(folder):
        text = f"other users of this machine can look into {folder}, where your conversations are."
        found.append(Finding("warning", DATA, "permissions", text, f"chmod 700 {folder}"))
    kept = folder / secrets.FOLDER
    files = sorted(kept.iterdir()) if kept.is_dir() and os.access(kept, os.R_OK | os.X_OK) else []
    loose = [path for path in files if _open_to_others(path)]
    found += [
        Finding("fault", "secrets", "permissions", f"other users can read {path}.", f"chmod 600 {path}")
        for path in loose
    ]
    if files and not loose:
        found.append(Finding("ok", "secrets", "permissions", "only this user can read what is made and kept there."))
    return found


def _open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def listening(settings: LauncherSettings) -> Finding:
    """Whether the gateway could listen, or does already."""
    host, port = settings.novacore_host, settings.novacore_port
    try:
        ports.check_free(host, port, host_variable="NOVACORE_HOST", port_variable="NOVACORE_PORT")
    except SettingsError as error:
        return Finding(
            "fault", LISTENING, "port", str(error), "Set NOVACORE_HOST and NOVACORE_PORT to what can be had."
        )
    except ports.PortTakenError:
        return _taken(settings, ports.url(host, port))
    return Finding("ok", LISTENING, "port", f"port {port} is free.")


def _taken(settings: LauncherSettings, address: str) -> Finding:
    port, advice = settings.novacore_port, "Stop what uses it, or set NOVACORE_PORT."
    answer = fetch.get(f"{address}/readyz", timeout=PROBE_SECONDS)
    if answer is None or not is_novacore(answer.body):
        return Finding("fault", LISTENING, "port", f"port {port} is taken by another program.", advice)
    if lock.holder(settings.novacore_data_dir) is None:
        text = f"port {port} is taken by a NovaCore that `up` did not start on this data folder."
        return Finding("warning", LISTENING, "port", text, advice)
    if answer.status != 200:
        text = f"NovaCore listens on port {port}, but is not ready."
        return Finding("warning", LISTENING, "port", text, "Look again in a minute, then at what `up` has written.")
    return Finding("ok", LISTENING, "port", f"NovaCore runs, listens on port {port}, and is ready.")


def is_novacore(body: bytes) -> bool:
    """Whether this is what a NovaCore answers to ``/readyz``."""
    try:
        document = json.loads(body)
    except ValueError:
        return False
    checks = document.get("checks") if isinstance(document, dict) else None
    return isinstance(checks, dict) and "database" in checks


def local_model(choice: ollama.Choice, get: ollama.Get = ollama.ask) -> list[Finding]:
    """Who would answer as ``ollama``, where no address was set; what was set is looked at by who asks it."""
    empty = (
        choice.kind in {Kind.BUILT_IN, Kind.NOT_INSTALLED} and get(f"{ollama.DEFAULT_URL}/api/version") is not None
    )
    found = []
    if empty:
        text = f"an Ollama answers at {ollama.DEFAULT_URL}, but it has no model that can chat on this machine."
        found.append(Finding("warning", ollama.PROVIDER, "model", text, "ollama pull llama3.2, or another model."))
    if choice.kind is Kind.BUILT_IN:
        text = "the built-in demonstration model answers; an Ollama with a model would answer better."
        found.append(Finding("ok", ollama.PROVIDER, "choice", text))
    elif choice.kind is Kind.FOUND:
        text = f"an Ollama was found on this machine, at {ollama.DEFAULT_URL}."
        found.append(Finding("ok", ollama.PROVIDER, "choice", text))
    elif choice.kind is Kind.NOT_INSTALLED:
        text = "there is no local model: no Ollama with a model answers here, and the built-in one is not installed."
        advice = "Run make setup, install Ollama, set OLLAMA_URL, or take ollama out of LLM_PROVIDER_PRIORITY."
        found.append(Finding("fault", ollama.PROVIDER, "choice", text, advice))
    return found
