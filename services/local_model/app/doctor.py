"""Checks this service's set-up for ``novacore doctor``: settings, machine, and the model's file. Loads nothing."""

import asyncio
import platform
from collections.abc import AsyncIterator, Mapping

from novakit.clock import Clock
from novakit.findings import Finding, of_settings
from novakit.settings import SettingsError

from .config import Settings
from .engine import gguf, library, model_file
from .process import machine, process

SUBJECT = "local_model"
_ANOTHER = "Run make setup again, or set LOCAL_MODEL_PATH to a GGUF file that is whole."
_ELSEWHERE = "Set OLLAMA_URL to an Ollama server, or take ollama out of LLM_PROVIDER_PRIORITY."


async def examine(environ: Mapping[str, str], _clock: Clock) -> AsyncIterator[Finding]:
    """See novakit.findings.Examine."""
    try:
        settings = Settings.load(environ)
    except SettingsError as error:
        for finding in of_settings(SUBJECT, error):
            yield finding
        return
    yield Finding("ok", SUBJECT, "settings", "its settings can be used.")
    unfit = machine.unfit(platform.machine(), process.read_text("/proc/cpuinfo"))
    if unfit:
        yield Finding("fault", SUBJECT, "machine", unfit, _ELSEWHERE)
    if library.missing():
        yield Finding("fault", SUBJECT, "machine", library.NO_LIBRARY, _ELSEWHERE)
    yield await asyncio.to_thread(_model, settings)


def _model(settings: Settings) -> Finding:
    try:
        path = settings.local_model_path or model_file.bundled()
    except SettingsError as error:
        return Finding("fault", SUBJECT, "model", "has no model.", str(error))
    try:
        head, size = gguf.read(path), path.stat().st_size
    except (OSError, gguf.GgufError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return Finding("fault", SUBJECT, "model", f"the model's file {path} cannot be used: {why}.", _ANOTHER)
    about = f"{head.parameter_size} parameters, {size / 1e6:.0f} MB"
    return Finding("ok", SUBJECT, "model", f"the model {settings.local_model_name} is installed ({about}).")
