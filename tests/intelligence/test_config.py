"""Every setting of the intelligence service: its default, and the sentence for a value that cannot be used."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from novakit.settings import SettingsError
from novakit.tracing_settings import TracingSettings
from pydantic import SecretStr

from services.intelligence.app import main
from services.intelligence.app.config import Settings
from services.intelligence.app.services.orchestrator.deadlines import Clocks
from tests.support import log_lines

SECRET = {"SERVICE_JWT_SECRET": "s" * 32}
VARIABLES = [variable.name for variable in Settings.variables()]
DOCUMENTED = ("ollama", "gemini", "openai", "anthropic")

DEFAULTS: dict[str, object] = {
    "novacore_data_dir": Path("data"),
    "database_url": None,
    "memory_url": None,
    "memory_token_budget": 256,
    "log_level": "info",
    "chat_max_message_chars": 32000,
    "llm_provider_priority": ("ollama", "gemini", "openai"),
    "llm_provider_timeouts": {"ollama": 20.0, "gemini": 15.0, "openai": 15.0},
    "llm_connect_timeouts": {},
    "llm_stall_timeouts": {},
    "llm_total_timeouts": {},
    "llm_request_deadline_sec": 120,
    "llm_cold_start_timeout_sec": 120,
    "llm_fallback_mode": "sequential",
    "llm_hedge_delay_sec": 2,
    "llm_hedge_max_share": 0.1,
    "llm_midstream_mode": "continue",
    "llm_provider_failure_threshold": 3,
    "llm_provider_cooldown_sec": 60,
    "llm_provider_cooldown_max_sec": 600,
    "llm_provider_concurrency": {"ollama": 2},
    "llm_queue_timeout_sec": 2,
    "llm_retry_wait_max_sec": 2.5,
    "llm_route_rules": (),
    "stream_resume_grace_sec": 300,
    "ollama_url": "auto",
    "ollama_model": None,
    "ollama_api_key": None,
    "ollama_locality": None,
    "gemini_api_key": None,
    "gemini_model": "models/gemini-flash-latest",
    "gemini_api_url": "https://generativelanguage.googleapis.com",
    "gemini_api_version": "v1beta",
    "openai_api_key": None,
    "openai_model": "gpt-4.1",
    "openai_base_url": "https://api.openai.com/v1",
    "openai_org_id": None,
    "openai_project_id": None,
    "openai_api_version": None,
    "openai_locality": "cloud",
    "anthropic_api_key": None,
    "anthropic_model": None,
    "anthropic_base_url": "https://api.anthropic.com",
    "anthropic_api_version": "2026-10-21",
    "ollama_num_ctx": 4096,
    "ollama_keep_alive": None,
    "rows": (),
    "cloud_enabled": True,
    "expose_provider_headers": False,
    "quota_user_messages_per_day": None,
    "quota_user_tokens_per_day": None,
    "quota_provider_tokens_per_day": {},
    "quota_provider_usd_per_day": {},
    "quota_timezone": "UTC",
}


def load(**environ: str) -> Settings:
    return Settings.load({**SECRET, **environ})


def sentence(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(**environ)
    return str(refused.value)


@pytest.fixture
def _own_logging() -> Iterator[None]:
    with log_lines.given_back():
        yield


@pytest.mark.parametrize("field", DEFAULTS)
def test_a_default_is_the_documented_one(field: str) -> None:
    assert getattr(load(), field) == DEFAULTS[field]


def test_the_texts_have_defaults_and_nothing_else_is_there_but_what_belongs_to_one_provider() -> None:
    settings = load()
    texts = {"chat_system_prompt", "fallback_message"}
    others = {
        field
        for name in set(Settings.providers()) - set(DOCUMENTED)
        for field in Settings.model_fields
        if field.startswith(f"{name}_")
    }
    tracing = {field for field in TracingSettings.model_fields if field != "files"}
    assert set(Settings.model_fields) - others == {*DEFAULTS, *texts, *tracing, "files", "service_jwt_secret"}
    assert "try again in a moment" in settings.fallback_message
    assert settings.chat_system_prompt
    assert not any(character.isdigit() for character in settings.chat_system_prompt)


def test_every_variable_says_what_it_means() -> None:
    for variable in Settings.variables():
        assert variable.meaning.endswith((".", ")")) or "." in variable.meaning, variable.name


def test_keys_and_the_secret_are_secret() -> None:
    secret = {variable.name for variable in Settings.variables() if variable.secret}
    keys = {f"{name.upper()}_API_KEY" for name in DOCUMENTED}
    assert secret >= {"SERVICE_JWT_SECRET", *keys}
    named = {variable for variable in VARIABLES if variable.endswith(("_API_KEY", "_SECRET"))}
    headers = {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"}
    assert named | headers | {"DATABASE_URL"} == secret


SENTENCES = [
    (
        {"LLM_PROVIDER_PRIORITY": "ollama,olama"},
        (
            f"LLM_PROVIDER_PRIORITY: 'olama' is none of {', '.join(Settings.providers())}; for a server of your own "
            "that speaks OpenAI's protocol, set OLAMA_BASE_URL and OLAMA_MODEL."
        ),
    ),
    (
        {"LLM_PROVIDER_PRIORITY": "ollama,4you"},
        (
            "LLM_PROVIDER_PRIORITY: 'ollama,4you' cannot be used: '4you' is not a name: letters, digits, - and _, "
            "the first one a letter."
        ),
    ),
    (
        {"ANTHROPIC_API_KEY": "a" * 8},
        "ANTHROPIC_MODEL is not set; it is needed with ANTHROPIC_API_KEY.",
    ),
    (
        {"ANTHROPIC_API_VERSION": "2024-01-01"},
        "ANTHROPIC_API_VERSION: '2024-01-01' cannot be used: it must be '2026-10-21' or '2023-06-01'.",
    ),
    (
        {"OLLAMA_KEEP_ALIVE": "soon"},
        ("OLLAMA_KEEP_ALIVE: 'soon' cannot be used: it must match pattern '^-?[0-9]+(\\.[0-9]+)?(ms|s|m|h)?$'."),
    ),
    (
        {"LLM_PROVIDER_PRIORITY": "ollama,Ollama"},
        "LLM_PROVIDER_PRIORITY: 'ollama,Ollama' cannot be used: a name stands in it twice.",
    ),
    ({"LLM_PROVIDER_PRIORITY": ","}, "LLM_PROVIDER_PRIORITY: ',' cannot be used: it names no provider."),
    *(
        (
            {variable: bad},
            (
                f"{variable}: {bad!r} cannot be used: {part!r} is not a name, a colon and a number above 0, "
                "as in ollama:20,gemini:15."
            ),
        )
        for variable in (
            "LLM_PROVIDER_TIMEOUTS",
            "LLM_CONNECT_TIMEOUTS",
            "LLM_STALL_TIMEOUTS",
            "LLM_TOTAL_TIMEOUTS",
            "LLM_PROVIDER_CONCURRENCY",
        )
        for bad, part in (
            ("ollama", "ollama"),
            ("ollama:", "ollama:"),
            ("gemini:3,ollama:x", "ollama:x"),
            ("ollama:0", "ollama:0"),
            ("ollama:-1", "ollama:-1"),
            ("ollama:nan", "ollama:nan"),
            ("ollama:inf", "ollama:inf"),
            ("ollama:1000000", "ollama:1000000"),
        )
    ),
    *(
        ({variable: bad}, f"{variable}: {bad!r} cannot be used: it must be greater than 0.")
        for variable in (
            "LLM_REQUEST_DEADLINE_SEC",
            "LLM_COLD_START_TIMEOUT_SEC",
            "LLM_HEDGE_DELAY_SEC",
            "LLM_PROVIDER_COOLDOWN_SEC",
            "LLM_PROVIDER_COOLDOWN_MAX_SEC",
            "LLM_QUEUE_TIMEOUT_SEC",
            "LLM_RETRY_WAIT_MAX_SEC",
            "STREAM_RESUME_GRACE_SEC",
        )
        for bad in ("0", "-1")
    ),
    (
        {"LLM_REQUEST_DEADLINE_SEC": "86401"},
        "LLM_REQUEST_DEADLINE_SEC: '86401' cannot be used: it must be less than or equal to 86400.",
    ),
    (
        {"LLM_PROVIDER_CONCURRENCY": "ollama:1.5"},
        (
            "LLM_PROVIDER_CONCURRENCY: 'ollama:1.5' cannot be used: 'ollama:1.5' is not a name, a colon and a number "
            "above 0, as in ollama:20,gemini:15."
        ),
    ),
    (
        {"LLM_FALLBACK_MODE": "parallel"},
        "LLM_FALLBACK_MODE: 'parallel' cannot be used: it must be 'sequential', 'hedged' or 'off'.",
    ),
    (
        {"LLM_MIDSTREAM_MODE": "go"},
        "LLM_MIDSTREAM_MODE: 'go' cannot be used: it must be 'continue', 'restart' or 'fail'.",
    ),
    (
        {"LLM_HEDGE_MAX_SHARE": "1.1"},
        "LLM_HEDGE_MAX_SHARE: '1.1' cannot be used: it must be less than or equal to 1.",
    ),
    (
        {"LLM_PROVIDER_FAILURE_THRESHOLD": "0"},
        "LLM_PROVIDER_FAILURE_THRESHOLD: '0' cannot be used: it must be greater than or equal to 1.",
    ),
    (
        {"CHAT_MAX_MESSAGE_CHARS": "0"},
        "CHAT_MAX_MESSAGE_CHARS: '0' cannot be used: it must be greater than or equal to 1.",
    ),
    (
        {"LOG_LEVEL": "loud"},
        "LOG_LEVEL: 'loud' cannot be used: it must be 'debug', 'info', 'warning' or 'error'.",
    ),
    ({"OLLAMA_LOCALITY": "here"}, "OLLAMA_LOCALITY: 'here' cannot be used: it must be 'local' or 'cloud'."),
    ({"OPENAI_LOCALITY": "here"}, "OPENAI_LOCALITY: 'here' cannot be used: it must be 'local' or 'cloud'."),
    *(
        (
            {variable: bad},
            f"{variable}: {bad!r} cannot be used: it must be an address such as http://127.0.0.1:11434.",
        )
        for variable, bad in (
            ("OLLAMA_URL", "127.0.0.1:11434"),
            ("OLLAMA_URL", "ftp://host"),
            ("GEMINI_API_URL", "auto"),
            ("OPENAI_BASE_URL", "auto"),
            ("MEMORY_URL", "auto"),
            ("MEMORY_URL", "http://"),
        )
    ),
    (
        {"GEMINI_API_VERSION": "v1/beta"},
        "GEMINI_API_VERSION: 'v1/beta' cannot be used: it must match pattern '^[a-z0-9]+$'.",
    ),
    (
        {"CLOUD_ENABLED": "perhaps"},
        "CLOUD_ENABLED: 'perhaps' cannot be used: it must be a valid boolean, unable to interpret input.",
    ),
    (
        {"SERVICE_JWT_SECRET": "short"},
        "SERVICE_JWT_SECRET: its value cannot be used: it must have at least 32 characters, not 5.",
    ),
    (
        {"SERVICE_JWT_SECRET": "replace-me"},
        "SERVICE_JWT_SECRET is not set: Shared by the services, at least 32 characters; `up` makes one.",
    ),
]


@pytest.mark.parametrize(("environ", "wanted"), SENTENCES)
def test_a_value_that_cannot_be_used_stops_the_start_with_one_sentence(environ: dict[str, str], wanted: str) -> None:
    assert sentence(**environ) == wanted


def test_lists_are_read_whatever_their_case_and_spaces() -> None:
    settings = load(
        LLM_PROVIDER_PRIORITY=" Gemini , ollama,",
        LLM_PROVIDER_TIMEOUTS=" OLLAMA:2.5 ,, gemini : 3 ",
        OLLAMA_URL="http://h:1/",
    )
    assert settings.llm_provider_priority == ("gemini", "ollama")
    assert settings.llm_provider_timeouts == {"ollama": 2.5, "gemini": 3.0}
    assert settings.ollama_url == "http://h:1"


def test_the_model_has_two_names() -> None:
    assert load(LLM_MODEL="a").ollama_model == "a"
    assert load(OLLAMA_MODEL="b", LLM_MODEL="a").ollama_model == "b"


def test_a_key_may_be_mounted(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("mounted\n")
    assert load(GEMINI_API_KEY_FILE=str(file)).gemini_api_key == SecretStr("mounted")


NAMES = ["ollama", "gemini", "openai", "other"]


def test_every_provider_has_its_documented_clocks() -> None:
    pace = main.pace_of(load(), NAMES, {"ollama"})
    assert pace.clocks == {
        "ollama": Clocks(first_token=20.0, stall=10.0, total=None),
        "gemini": Clocks(first_token=15.0, stall=10.0, total=300.0),
        "openai": Clocks(first_token=15.0, stall=10.0, total=300.0),
        "other": Clocks(first_token=15.0, stall=10.0, total=300.0),
    }
    assert (pace.request, pace.retry_wait_max, pace.failover) == (120, 2.5, True)


@pytest.mark.parametrize("deadline", ["20", "600"])
def test_no_second_probe_is_let_in_while_a_first_may_still_be_waited_for(deadline: str) -> None:
    settings = load(LLM_REQUEST_DEADLINE_SEC=deadline, LLM_COLD_START_TIMEOUT_SEC="500")
    pace = main.pace_of(settings, NAMES, {"ollama"})
    assert main.policy_of(settings).probe_lease > pace.request + pace.cold_start


def test_a_partial_list_leaves_the_others_their_defaults() -> None:
    settings = load(
        LLM_PROVIDER_TIMEOUTS="gemini:3",
        LLM_STALL_TIMEOUTS="openai:4",
        LLM_TOTAL_TIMEOUTS="ollama:5",
        LLM_FALLBACK_MODE="off",
    )
    pace = main.pace_of(settings, NAMES[:3], {"ollama"})
    assert pace.clocks == {
        "ollama": Clocks(first_token=20.0, stall=10.0, total=5.0),
        "gemini": Clocks(first_token=3.0, stall=10.0, total=300.0),
        "openai": Clocks(first_token=15.0, stall=4.0, total=300.0),
    }
    assert not pace.failover


def test_names_that_are_not_in_the_priority_are_known() -> None:
    settings = load(
        LLM_PROVIDER_PRIORITY="ollama",
        LLM_PROVIDER_TIMEOUTS="ollama:1,gemini:2",
        LLM_STALL_TIMEOUTS="x:1",
        LLM_ROUTE_RULES="long:gemini>openai>ollama, code:openai",
    )
    assert settings.unused_names() == [
        ("LLM_PROVIDER_TIMEOUTS", "gemini"),
        ("LLM_STALL_TIMEOUTS", "x"),
        ("LLM_ROUTE_RULES", "gemini"),
        ("LLM_ROUTE_RULES", "openai"),
    ]
    assert load(LLM_PROVIDER_PRIORITY="ollama").unused_names() == []


@pytest.mark.usefixtures("_own_logging")
def test_the_log_warns_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    main.create_app(
        load(
            LLM_PROVIDER_PRIORITY="ollama",
            LLM_PROVIDER_TIMEOUTS="gemini:2",
            LLM_ROUTE_RULES="long:openai",
        )
    )
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["level"], line["event"], line["variable"], line.get("name")) for line in logged] == [
        ("warning", "setting_names_unused_provider", "LLM_PROVIDER_TIMEOUTS", "gemini"),
        ("warning", "setting_names_unused_provider", "LLM_ROUTE_RULES", "openai"),
    ]


@pytest.mark.usefixtures("_own_logging")
def test_without_settings_the_app_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_JWT_SECRET", "short")
    with pytest.raises(SettingsError, match="SERVICE_JWT_SECRET"):
        main.create_app()


def test_a_budget_may_be_as_large_as_a_busy_day_needs() -> None:
    settings = Settings.load({**SECRET, "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:2000000"})
    assert settings.quota_provider_tokens_per_day == {"gemini": 2_000_000}
