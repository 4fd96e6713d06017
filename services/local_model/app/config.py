"""Every setting of the local model, with its default; a bad value stops the start with one sentence."""

from typing import Annotated, Literal

from novakit.settings import Settings as BaseSettings
from pydantic import AfterValidator, Field, FilePath

from .api import durations


def _duration(text: str) -> str:
    try:
        durations.from_setting(text)
    except durations.DurationError as error:
        raise ValueError(f"{error}.") from None
    return text


class Settings(BaseSettings):
    """The local model's settings."""

    local_model_name: str = Field(
        default="smollm2:135m", description="The name under which the embedded model is listed."
    )
    local_model_path: FilePath | None = Field(
        default=None, description="A GGUF file to serve instead of the embedded model."
    )
    local_model_context: int = Field(
        default=4096, ge=256, le=131072, description="Tokens that a prompt and its answer may have together."
    )
    local_model_slots: int = Field(
        default=2, ge=1, le=16, description="Answers written at once; each has a whole context."
    )
    local_model_queue: int = Field(
        default=16, ge=0, le=1000, description="Requests that may wait for a slot; one more is answered with 503."
    )
    local_model_keep_alive: Annotated[str, AfterValidator(_duration)] = Field(
        default="5m", description="How long the model stays in memory after its last answer; negative: for ever."
    )
    local_model_memory_mb: int = Field(
        default=768, ge=0, le=1_000_000, description="Private memory that the process may take, in MB; 0: no cap."
    )
    local_model_preload: bool = Field(default=False, description="Load the model at start, not at the first request.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged."
    )

    @property
    def keep_alive(self) -> float:
        """How long the model stays in memory after its last answer, in seconds."""
        return durations.from_setting(self.local_model_keep_alive)
