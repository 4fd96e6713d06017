"""What the launcher itself reads from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from novakit.settings import Settings, SettingsError, read
from pydantic import Field

from .topology import Service


class ProcessSettings(Settings):
    """What holds for each process."""

    shutdown_grace_sec: float = Field(
        default=30.0, ge=0, description="seconds that running answers get to end when a process is told to stop"
    )


class LauncherSettings(ProcessSettings):
    """What ``up`` and ``chat`` go by."""

    novacore_host: str = Field(default="127.0.0.1", description="the address that the gateway listens on")
    novacore_port: int = Field(default=8080, ge=1, le=65535, description="the port that the gateway listens on")
    novacore_data_dir: Path = Field(default=Path("data"), description="the folder for databases and made secrets")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least level logged"
    )
    ollama_url: str = Field(
        default="auto", description="an Ollama's address; auto finds one or starts the built-in model"
    )
    llm_provider_priority: str = Field(
        default="ollama,gemini,openai", description="the providers in the order in which they are asked"
    )

    @property
    def priority(self) -> tuple[str, ...]:
        """The provider names, in order."""
        return tuple(name.strip().lower() for name in self.llm_provider_priority.split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class Binding:
    """Where one service listens, and how long it may take to end."""

    host: str
    port: int
    shutdown_grace_sec: float


def binding(service: Service, environ: Mapping[str, str]) -> Binding:
    """Read one service's own variables; raises SettingsError."""
    text = read(environ, service.port_variable) or str(service.default_port)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise SettingsError(f"{service.port_variable}: {text!r} cannot be used: it must be a number from 1 to 65535.")
    host = read(environ, service.host_variable) or "127.0.0.1"
    return Binding(host, int(text), ProcessSettings.load(environ).shutdown_grace_sec)
