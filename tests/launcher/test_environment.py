import pytest

from novacore.environment import SECRETS, for_service, with_addresses, with_secrets
from novacore.topology import SERVICES

SECRET_OWNERS = {
    "GEMINI_API_KEY": {"intelligence"},
    "OPENAI_API_KEY": {"intelligence"},
    "ANTHROPIC_API_KEY": {"intelligence"},
    "OLLAMA_API_KEY": {"intelligence"},
    "GROQ_API_KEY": {"intelligence"},
    "GEMINI_API_KEY_FILE": {"intelligence"},
    "NOVACORE_BOOTSTRAP_API_KEY": {"gateway"},
    "NOVACORE_BOOTSTRAP_API_KEY_FILE": {"gateway"},
    "NOVACORE_SIGNIN_TOKEN_HASH": {"gateway"},
    "METRICS_TOKEN": {"gateway"},
    "JWT_SECRET": {"gateway"},
    "JWT_SECRET_FILE": {"gateway"},
    "SERVICE_JWT_SECRET": {"gateway", "intelligence", "memory"},
    "DATABASE_URL": {"gateway", "intelligence", "memory"},
    "NOVACORE_API_KEY": set(),
    "OTEL_EXPORTER_OTLP_HEADERS": {"gateway", "intelligence"},
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE": {"gateway", "intelligence"},
}


@pytest.mark.parametrize(("variable", "owners"), SECRET_OWNERS.items())
def test_a_secret_reaches_those_that_need_it_and_nobody_else(variable: str, owners: set[str]) -> None:
    environ = {variable: "value"}
    assert {row.name for row in SERVICES if variable in for_service(row, environ)} == owners


def test_what_is_no_secret_reaches_everyone() -> None:
    environ = {"PATH": "/bin", "LOG_LEVEL": "debug", "GEMINI_MODEL": "m", "NOVACORE_DATA_DIR": "data"}
    assert all(for_service(row, environ) == environ for row in SERVICES)


def test_every_secret_that_a_service_is_given_is_in_the_list() -> None:
    assert {pattern for row in SERVICES for pattern in row.secrets} <= set(SECRETS)


def test_internal_services_listen_on_loopback_where_their_callers_look_for_them() -> None:
    merged = with_addresses({"OLLAMA_URL": "auto"}, {"memory": 1001, "intelligence": 1002, "local_model": 1003})
    assert merged == {
        "MEMORY_HOST": "127.0.0.1",
        "MEMORY_PORT": "1001",
        "MEMORY_URL": "http://127.0.0.1:1001",
        "INTELLIGENCE_HOST": "127.0.0.1",
        "INTELLIGENCE_PORT": "1002",
        "INTELLIGENCE_URL": "http://127.0.0.1:1002",
        "LOCAL_MODEL_HOST": "127.0.0.1",
        "LOCAL_MODEL_PORT": "1003",
        "OLLAMA_URL": "http://127.0.0.1:1003",
    }


def test_without_a_built_in_model_the_address_of_ollama_stays() -> None:
    assert with_addresses({"OLLAMA_URL": "http://box:1"}, {"memory": 1001})["OLLAMA_URL"] == "http://box:1"


def test_a_secret_that_was_read_from_a_file_travels_as_its_value() -> None:
    merged = with_secrets({"JWT_SECRET_FILE": "/run/x", "LANG": "C"}, {"JWT_SECRET": "made"})
    assert merged == {"JWT_SECRET": "made", "LANG": "C"}
