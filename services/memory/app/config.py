"""The memory service's settings."""

from pathlib import Path
from typing import Annotated, Literal

from novakit.database_url import MEANING, DatabaseUrl
from novakit.settings import Settings as BaseSettings
from pydantic import AfterValidator, Field, SecretStr


def _service_secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("it must have at least 32 characters.")
    return value


class Settings(BaseSettings):
    """What the memory service is told by its environment."""

    memory_host: str = Field(default="127.0.0.1", description="address that the memory service listens on")
    memory_port: int = Field(default=8082, ge=1, le=65535, description="port that the memory service listens on")
    novacore_data_dir: Path = Field(default=Path("data"), description="folder of the SQLite files")
    database_url: DatabaseUrl | None = Field(default=None, description=MEANING)
    service_jwt_secret: Annotated[SecretStr, AfterValidator(_service_secret)] = Field(
        description="secret of at least 32 characters, shared by the services, that signs calls between them"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level that is logged"
    )
