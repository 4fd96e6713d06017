"""Every setting of the intelligence service, with its default; a bad value stops the start with one sentence."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from novakit.database_url import MEANING, DatabaseUrl
from novakit.settings import (
    DERIVED,
    InForce,
    SettingsError,
    Variable,
    file_of,
    in_force,
    read,
    sentence,
    source_of,
    variables_of,
)
from novakit.tracing_settings import TracingSettings
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    PrivateAttr,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from .routing.rules import Rule, parse_rules

BELOW = 1_000_000
"""What seconds, dollars and calls at a time must stay below."""
TOKENS_BELOW = 1_000_000_000_000


def _names(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
    _check_names(names)
    if len(set(names)) != len(names):
        raise ValueError("a name stands in it twice.")
    if not names:
        raise ValueError("it names no provider.")
    return names


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name: letters, digits, - and _, the first one a letter.")


def _rules(value: object) -> object:
    if not isinstance(value, str):
        return value
    rules = parse_rules(value)
    for rule in rules:
        _check_names(rule.providers)
    return rules


def _numbers(value: object) -> object:
    return _per_provider(value, float, below=BELOW)


def _counts(value: object) -> object:
    return _per_provider(value, int, below=BELOW)


def _tokens(value: object) -> object:
    return _per_provider(value, int, below=TOKENS_BELOW)


def _per_provider(value: object, number: type[float] | type[int], *, below: int) -> object:
    if not isinstance(value, str):
        return value
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, colon, text = part.partition(":")
        try:
            amount = number(text)
        except ValueError:
            amount = number(0)
        if not colon or not 0 < amount < below:
            raise ValueError(f"{part!r} is not a name, a colon and a number above 0, as in ollama:20,gemini:15.")
        found[name.strip().lower()] = amount
    return found


_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_url = TypeAdapter(HttpUrl)


def _base_url(value: str) -> str:
    try:
        _url.validate_python(value)
    except ValueError:
        raise ValueError("it must be an address such as http://127.0.0.1:11434.") from None
    return value.rstrip("/")


def _auto_or_url(value: str) -> str:
    return value if value == "auto" else _base_url(value)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("it must be a time zone such as UTC or Europe/Berlin.") from None
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
NumberPerProvider = Annotated[Mapping[str, float], BeforeValidator(_numbers)]
CountPerProvider = Annotated[Mapping[str, int], BeforeValidator(_counts)]
TokensPerProvider = Annotated[Mapping[str, int], BeforeValidator(_tokens)]
Rules = Annotated[tuple[Rule, ...], BeforeValidator(_rules)]
Url = Annotated[str, AfterValidator(_base_url)]
AutoUrl = Annotated[str, AfterValidator(_auto_or_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
LocalityText = Literal["local", "cloud"]


def setting(default: Any, meaning: str, **more: Any) -> Any:
    """One field: its default as it would stand in the environment, and what it means."""
    return Field(default, description=meaning, **more)


class Row(BaseModel):
    """A server that speaks OpenAI's protocol: a provider that is settings alone."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    base_url: Url = setting(..., "Address of the server's API, with its version, as in http://gpu:8000/v1.")
    model: str = setting(..., "The model to ask for.")
    api_key: SecretStr | None = setting(None, "Its key, where it wants one.")
    locality: LocalityText = setting("cloud", "`local` for a server of your own: what is locked may then go there.")

    @classmethod
    def variables(cls) -> Iterator[Variable]:
        """What a row is made of; X stands for its name in capitals, with _ where the name has -."""
        return variables_of(cls, prefix="X_", without=frozenset({"name"}))


class Settings(TracingSettings):
    """The variables are the field names in capitals.

    A provider with settings of its own is one that has a field ``<name>_model`` here; any other name in the priority
    is a row.
    """

    model_config = ConfigDict(validate_default=True)

    service_jwt_secret: SecretStr = Field(
        min_length=32, description="Shared by the services, at least 32 characters; `up` makes one."
    )
    novacore_data_dir: Path = setting("./data", "Where the SQLite databases are.")
    database_url: DatabaseUrl | None = setting(None, MEANING)
    memory_url: Url | None = setting(
        None, "Address of the memory service; unset: preferences are not asked for, and nothing is remembered."
    )
    memory_token_budget: int = setting(
        256, "How many tokens of a prompt remembered facts may take; 0: none are asked for.", ge=0, le=100_000
    )
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

    llm_provider_priority: Names = setting(
        "ollama,gemini,openai",
        "Who is asked, in this order: providers with a …_MODEL below (ollama, gemini, …), and names of your own (see "
        "X_BASE_URL).",
    )
    llm_provider_timeouts: NumberPerProvider = setting(
        "ollama:20,gemini:15,openai:15", "Seconds until the first token, per provider (others: 15)."
    )
    llm_connect_timeouts: NumberPerProvider = setting("", "Seconds until connected, per provider (others: 3).")
    llm_stall_timeouts: NumberPerProvider = setting("", "Seconds between two tokens, per provider (others: 10).")
    llm_total_timeouts: NumberPerProvider = setting(
        "", "Seconds for a whole answer, per provider (others: 300; a local one has no such limit)."
    )
    llm_request_deadline_sec: Seconds = setting(120, "Seconds for all waiting until a first token.")
    llm_cold_start_timeout_sec: Seconds = setting(120, "Seconds more for a local model that is being loaded.")
    llm_fallback_mode: Literal["sequential", "hedged", "off"] = setting(
        "sequential",
        "`sequential` asks one after the other; `hedged` starts the next where the first is slow to speak, and the "
        "first voice wins; `off` asks the first allowed provider alone.",
    )
    llm_hedge_delay_sec: Seconds = setting(2, "Seconds before a hedged request starts the next provider.")
    llm_hedge_max_share: float = setting(0.1, "The largest share of requests that may be hedged.", ge=0, le=1)
    llm_midstream_mode: Literal["continue", "restart", "fail"] = setting(
        "continue",
        "What follows when an answer breaks after its first words: the next provider goes on with it, begins it "
        "again, or the partial answer is kept and ends with an error.",
    )
    llm_provider_failure_threshold: int = setting(3, "Failures in a row that open a provider's circuit.", ge=1)
    llm_provider_cooldown_sec: Seconds = setting(60, "Seconds that a circuit stays open at first.")
    llm_provider_cooldown_max_sec: Seconds = setting(600, "Seconds that it stays open at most.")
    llm_provider_concurrency: CountPerProvider = setting("ollama:2", "Calls at a time, per provider (others: 32).")
    llm_queue_timeout_sec: Seconds = setting(2, "Seconds to wait for a busy local model before the cloud is asked.")
    llm_retry_wait_max_sec: Seconds = setting(2.5, "The longest delay named by a provider that is waited for.")
    llm_route_rules: Rules = setting(
        "",
        "Who is asked first for which kind of message, as in long:gemini>openai,short:ollama; the others follow in "
        "the priority. docs/providers.md lists the kinds.",
    )
    stream_resume_grace_sec: Seconds = setting(
        300, "Seconds that an answer goes on without a reader, where it was asked for with an Idempotency-Key."
    )

    ollama_url: AutoUrl = setting(
        "auto", "`auto`: 127.0.0.1:11434, and with `up` the embedded model where none answers."
    )
    ollama_model: str | None = setting(
        None,
        "The local model; unset: the first that the server lists. LLM_MODEL does too.",
        json_schema_extra={"also": "LLM_MODEL"},
    )
    ollama_num_ctx: int = setting(
        4096,
        "The context length that Ollama loads the model with, in tokens; a longer one takes more memory.",
        ge=512,
    )
    ollama_keep_alive: str | None = setting(
        None,
        "How long Ollama keeps the model loaded, as in 30m, or -1 for ever; unset: as the server is set.",
        pattern=r"^-?[0-9]+(\.[0-9]+)?(ms|s|m|h)?$",
    )
    ollama_api_key: SecretStr | None = setting(None, "For an Ollama that asks for one.")
    ollama_locality: LocalityText | None = setting(
        None,
        "`local` or `cloud`; unset: local for loopback, private addresses and host names without a dot.",
    )
    gemini_api_key: SecretStr | None = setting(None, "Google AI Studio key.")
    gemini_model: str = setting(
        "models/gemini-flash-latest", "With or without `models/`. The default is Google's name for its newest Flash."
    )
    gemini_api_url: Url = setting("https://generativelanguage.googleapis.com", "Address of the Gemini API.")
    gemini_api_version: str = setting("v1beta", "Version in its path.", pattern=r"^[a-z0-9]+$")
    openai_api_key: SecretStr | None = setting(None, "OpenAI key.")
    openai_model: str = setting("gpt-4.1", "The OpenAI model.")
    openai_base_url: Url = setting("https://api.openai.com/v1", "Address of the API, up to and with its version.")
    openai_org_id: str | None = setting(None, "Sent to api.openai.com when set.")
    openai_project_id: str | None = setting(None, "Sent to api.openai.com when set.")
    openai_api_version: str | None = setting(
        None, "The api-version of a classic Azure deployment, as in 2024-10-21; unset: Azure's v1 API."
    )
    openai_locality: LocalityText = setting("cloud", "`local` for a server of your own behind OPENAI_BASE_URL.")

    anthropic_api_key: SecretStr | None = setting(None, "Anthropic key.")
    anthropic_model: str | None = setting(None, "The Anthropic model; needed with the key.")
    anthropic_base_url: Url = setting("https://api.anthropic.com", "Address of the Anthropic API.")
    anthropic_api_version: Literal["2026-10-21", "2023-06-01"] = setting(
        "2026-10-21", "The anthropic-version that is spoken."
    )

    quota_user_messages_per_day: int | None = setting(None, "Messages that a user may send in a day.", ge=1)
    quota_user_tokens_per_day: int | None = setting(
        None, "Tokens that a user may use in a day, prompts and answers together.", ge=1
    )
    quota_provider_tokens_per_day: TokensPerProvider = setting(
        "", "Tokens that a provider may use in a day, as in gemini:1000000; it is left out then, and others go on."
    )
    quota_provider_usd_per_day: NumberPerProvider = setting(
        "", "US dollars that a provider may cost in a day, as in gemini:2.5,openai:1."
    )
    quota_timezone: TimeZone = setting("UTC", "The time zone whose days the quotas count in, as in Europe/Berlin.")

    cloud_enabled: bool = setting("true", "`false`: no cloud provider is ever asked, whoever wants it.")
    expose_provider_headers: bool = setting("false", "Whether answers carry X-NovaCore-Provider and the like.")

    _of_rows: tuple[InForce, ...] = PrivateAttr(())
    rows: tuple[Row, ...] = Field((), description="The rows that the priority names.", json_schema_extra=DERIVED)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read from an environment; raises SettingsError."""
        settings = super().load(environ)
        names = [name for name in settings.llm_provider_priority if name not in cls.providers()]
        rows = tuple(_row(name, environ, cls.providers()) for name in names)
        files = {**settings.files}
        for name in names:
            files |= file_of(environ, key_variable(name))
        settings = settings.model_copy(update={"rows": rows, "files": files})
        settings._of_rows = tuple(variable for name in names for variable in _row_in_force(name, environ))
        return settings

    def in_force(self) -> Iterator[InForce]:
        """See novakit.settings; the variables of the rows come last."""
        yield from super().in_force()
        yield from self._of_rows

    @classmethod
    def providers(cls) -> tuple[str, ...]:
        """The names of the providers that have settings of their own."""
        return tuple(name.removesuffix("_model") for name in cls.model_fields if name.endswith("_model"))

    def keys(self) -> dict[str, str]:
        """Every configured provider key, by the provider's name."""
        suffix = "_api_key"
        fields = [name for name in type(self).model_fields if name.endswith(suffix)]
        own = {name.removesuffix(suffix): getattr(self, name) for name in fields}
        keys = {**own, **{row.name: row.api_key for row in self.rows}}
        return {name: key.get_secret_value() for name, key in keys.items() if key is not None}

    @model_validator(mode="after")
    def _anthropic_has_a_model(self) -> Self:
        if self.anthropic_api_key is not None and self.anthropic_model is None:
            raise ValueError("ANTHROPIC_MODEL is not set; it is needed with ANTHROPIC_API_KEY.")
        return self

    def unused_names(self) -> list[tuple[str, str]]:
        """(variable, name) wherever a list names a provider that is not in the priority."""
        fields = (
            "llm_provider_timeouts",
            "llm_connect_timeouts",
            "llm_stall_timeouts",
            "llm_total_timeouts",
            "llm_provider_concurrency",
            "quota_provider_tokens_per_day",
            "quota_provider_usd_per_day",
        )
        named = {field: getattr(self, field) for field in fields if field in self.model_fields_set}
        named["llm_route_rules"] = dict.fromkeys(name for rule in self.llm_route_rules for name in rule.providers)
        return [
            (field.upper(), name)
            for field, names in named.items()
            for name in names
            if name not in self.llm_provider_priority
        ]


_ROW_FIELDS = ("base_url", "api_key", "model", "locality")


def key_variable(name: str) -> str:
    """The variable that holds a provider's key."""
    return f"{_prefix(name)}_API_KEY"


def _prefix(name: str) -> str:
    return name.upper().replace("-", "_")


def _row_in_force(name: str, environ: Mapping[str, str]) -> Iterator[InForce]:
    """What is set of one row."""
    for field in _ROW_FIELDS:
        variable = f"{_prefix(name)}_{field.upper()}"
        text = read(environ, variable)
        if text is not None:
            yield in_force(Row.model_fields[field], variable, text, source_of(environ, variable))


def _row(name: str, environ: Mapping[str, str], known: tuple[str, ...]) -> Row:
    """The settings of one row; raises SettingsError."""
    prefix = _prefix(name)
    values: dict[str, Any] = {"name": name}
    for field in _ROW_FIELDS:
        value = read(environ, f"{prefix}_{field.upper()}")
        if value is not None:
            values[field] = value
    if "base_url" not in values:
        raise SettingsError(
            f"LLM_PROVIDER_PRIORITY: {name!r} is none of {', '.join(known)}; for a server of your own that speaks "
            f"OpenAI's protocol, set {prefix}_BASE_URL and {prefix}_MODEL."
        )
    try:
        return Row(**values)
    except ValidationError as error:
        raise SettingsError(sentence(Row, error.errors()[0], values, prefix=f"{prefix}_")) from None
