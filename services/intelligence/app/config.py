"""Every setting of the intelligence service, with its default; a bad value stops the start with one sentence."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from novakit.settings import Settings as BaseSettings
from novakit.settings import SettingsError, read
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    model_validator,
)

KNOWN_PROVIDERS = ("ollama", "gemini", "openai")

NOT_IN_FORCE = frozenset({
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "LLM_COLD_START_TIMEOUT_SEC",
    "LLM_HEDGE_DELAY_SEC",
    "LLM_HEDGE_MAX_SHARE",
    "LLM_MIDSTREAM_MODE",
    "LLM_PROVIDER_CONCURRENCY",
    "LLM_QUEUE_TIMEOUT_SEC",
    "LLM_ROUTE_RULES",
    "OPENAI_API_VERSION",
    "STREAM_RESUME_GRACE_SEC",
})  # fmt: skip
"""Read and checked, but without effect in this version. ``env.example`` and the log at start say so."""

REFUSED = {
    "DATABASE_URL": "only SQLite in the data folder is supported",
    "QUOTA_USER_TOKENS_PER_DAY": "quotas are not kept",
    "QUOTA_USER_MESSAGES_PER_DAY": "quotas are not kept",
    "QUOTA_PROVIDER_TOKENS_PER_DAY": "quotas are not kept",
    "QUOTA_PROVIDER_USD_PER_DAY": "quotas are not kept",
}
"""Ignoring these would let somebody believe in a limit or a database that is not there."""


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
    for name in names:
        if name not in KNOWN_PROVIDERS:
            raise ValueError(f"{name!r} is not a provider; it must be of {', '.join(KNOWN_PROVIDERS)}.")
    if len(set(names)) != len(names):
        raise ValueError("a name stands in it twice.")
    if not names:
        raise ValueError("it names no provider.")
    return names


def _seconds(value: object) -> object:
    return _per_provider(value, float)


def _counts(value: object) -> object:
    return _per_provider(value, int)


def _per_provider(value: object, number: type[float] | type[int]) -> object:
    if not isinstance(value, str):
        return value
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, colon, text = part.partition(":")
        try:
            amount = number(text)
        except ValueError:
            amount = number(0)
        if not colon or not 0 < amount < 1_000_000:
            raise ValueError(f"{part!r} is not a name, a colon and a number above 0, as in ollama:20,gemini:15.")
        found[name.strip().lower()] = amount
    return found


_url = TypeAdapter(HttpUrl)


def _base_url(value: str) -> str:
    try:
        _url.validate_python(value)
    except ValueError:
        raise ValueError("it must be an address such as http://127.0.0.1:11434.") from None
    return value.rstrip("/")


def _auto_or_url(value: str) -> str:
    return value if value == "auto" else _base_url(value)


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
SecondsPerProvider = Annotated[Mapping[str, float], BeforeValidator(_seconds)]
CountPerProvider = Annotated[Mapping[str, int], BeforeValidator(_counts)]
Url = Annotated[str, AfterValidator(_base_url)]
AutoUrl = Annotated[str, AfterValidator(_auto_or_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
LocalityText = Literal["local", "cloud"]


def setting(default: Any, meaning: str, **more: Any) -> Any:
    """One field: its default as it would stand in the environment, and what it means."""
    return Field(default, description=meaning, **more)


class Settings(BaseSettings):
    """The variables are the field names in capitals."""

    model_config = ConfigDict(validate_default=True)

    service_jwt_secret: SecretStr = Field(
        min_length=32, description="Shared by the services, at least 32 characters; `up` makes one."
    )
    novacore_data_dir: Path = setting("./data", "Where the SQLite databases are.")
    memory_url: Url | None = setting(None, "Address of the memory service; unset: preferences are not asked for.")
    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "The least level that is logged.")

    chat_system_prompt: str = setting(
        "You are a helpful assistant. Answer clearly and briefly. Say so when you do not know something.",
        "What every conversation starts with. Keep dates out of it: they defeat prompt caches.",
    )
    chat_max_message_chars: int = setting(32000, "The longest message, in characters.", ge=1)
    fallback_message: str = setting(
        "No model could answer just now. Your message is kept; please try again in a moment.",
        "What the chat answers when every provider failed.",
    )

    llm_provider_priority: Names = setting("ollama,gemini,openai", "Who is asked, in this order.")
    llm_provider_timeouts: SecondsPerProvider = setting(
        "ollama:20,gemini:15,openai:15", "Seconds until the first token, per provider (others: 15)."
    )
    llm_connect_timeouts: SecondsPerProvider = setting("", "Seconds until connected, per provider (others: 3).")
    llm_stall_timeouts: SecondsPerProvider = setting("", "Seconds between two tokens, per provider (others: 10).")
    llm_total_timeouts: SecondsPerProvider = setting(
        "", "Seconds for a whole answer, per provider (others: 300; a local one has no such limit)."
    )
    llm_request_deadline_sec: Seconds = setting(120, "Seconds for all waiting until a first token.")
    llm_cold_start_timeout_sec: Seconds = setting(120, "Seconds more for a local model that is being loaded.")
    llm_fallback_mode: Literal["sequential", "hedged", "off"] = setting(
        "sequential", "`sequential` asks one after the other; `off` asks the first allowed provider alone."
    )
    llm_hedge_delay_sec: Seconds = setting(2, "Seconds before a hedged request starts the next provider.")
    llm_hedge_max_share: float = setting(0.1, "The largest share of requests that may be hedged.", ge=0, le=1)
    llm_midstream_mode: Literal["continue", "restart", "fail"] = setting(
        "continue",
        "What follows when an answer breaks after its first words. This version always keeps the partial answer "
        "and ends with an error.",
    )
    llm_provider_failure_threshold: int = setting(3, "Failures in a row that open a provider's circuit.", ge=1)
    llm_provider_cooldown_sec: Seconds = setting(60, "Seconds that a circuit stays open at first.")
    llm_provider_cooldown_max_sec: Seconds = setting(600, "Seconds that it stays open at most.")
    llm_provider_concurrency: CountPerProvider = setting("ollama:2", "Calls at a time, per provider (others: 32).")
    llm_queue_timeout_sec: Seconds = setting(2, "Seconds to wait for a busy local model before the cloud is asked.")
    llm_retry_wait_max_sec: Seconds = setting(2.5, "The longest delay named by a provider that is waited for.")
    llm_route_rules: str = setting("", "Rules by kind of message.")
    stream_resume_grace_sec: Seconds = setting(300, "Seconds that an answer goes on without a reader.")

    ollama_url: AutoUrl = setting(
        "auto", "`auto`: 127.0.0.1:11434, and with `up` the embedded model where none answers."
    )
    ollama_model: str | None = setting(
        None,
        "The local model; unset: the first that the server lists. LLM_MODEL does too.",
        json_schema_extra={"also": "LLM_MODEL"},
    )
    ollama_api_key: SecretStr | None = setting(None, "For an Ollama that asks for one.")
    ollama_locality: LocalityText | None = setting(
        None,
        "`local` or `cloud`; unset: local for loopback, private addresses and host names without a dot.",
    )
    gemini_api_key: SecretStr | None = setting(None, "Google AI Studio key.")
    gemini_model: str = setting("models/gemini-2.5-flash-preview-09-2025", "With or without `models/`.")
    gemini_api_url: Url = setting("https://generativelanguage.googleapis.com", "Address of the Gemini API.")
    gemini_api_version: str = setting("v1beta", "Version in its path.", pattern=r"^[a-z0-9]+$")
    openai_api_key: SecretStr | None = setting(None, "OpenAI key.")
    openai_model: str = setting("gpt-4.1", "The OpenAI model.")
    openai_base_url: Url = setting("https://api.openai.com/v1", "Address of the API, up to and with its version.")
    openai_org_id: str | None = setting(None, "Sent to api.openai.com when set.")
    openai_project_id: str | None = setting(None, "Sent to api.openai.com when set.")
    openai_api_version: str | None = setting(None, "The version that Azure wants.")
    openai_locality: LocalityText = setting("cloud", "`local` for a server of your own behind OPENAI_BASE_URL.")

    anthropic_api_key: SecretStr | None = setting(None, "Anthropic key.")
    anthropic_model: str | None = setting(None, "The Anthropic model.")
    anthropic_base_url: Url | None = setting(None, "Address of the Anthropic API.")

    cloud_enabled: bool = setting("true", "`false`: no cloud provider is ever asked, whoever wants it.")
    expose_provider_headers: bool = setting("false", "Whether answers carry X-NovaCore-Provider and the like.")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read from an environment; raises SettingsError, also for what this version does not have."""
        for variable, why in REFUSED.items():
            if read(environ, variable) is not None:
                raise SettingsError(f"{variable} is set, but {why} in this version; leave it unset.")
        return super().load(environ)

    @model_validator(mode="after")
    def _features_of_this_version(self) -> Self:
        if self.llm_fallback_mode == "hedged":
            raise ValueError("LLM_FALLBACK_MODE: 'hedged' is not available in this version; use sequential or off.")
        return self

    def without_effect(self) -> list[str]:
        """Variables that were set to something, but that this version does not act on."""
        return sorted(name.upper() for name in self.model_fields_set if name.upper() in NOT_IN_FORCE)

    def unused_names(self) -> list[tuple[str, str]]:
        """(variable, name) wherever a list names a provider that is not in the priority."""
        fields = ("llm_provider_timeouts", "llm_connect_timeouts", "llm_stall_timeouts", "llm_total_timeouts")
        return [
            (field.upper(), name)
            for field in fields
            if field in self.model_fields_set
            for name in getattr(self, field)
            if name not in self.llm_provider_priority
        ]
