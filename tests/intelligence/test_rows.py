"""Rows: any other name in the priority is a server that speaks OpenAI's protocol, made of settings alone."""

from pathlib import Path

import pytest
from novakit.settings import SettingsError
from pydantic import SecretStr

from services.intelligence.app.config import Row, Settings

SECRET = {"SERVICE_JWT_SECRET": "s" * 32}


def load(**environ: str) -> Settings:
    return Settings.load({**SECRET, **environ})


def test_it_is_read_from_the_variables_of_its_name() -> None:
    settings = load(
        LLM_PROVIDER_PRIORITY="ollama,my-vllm,groq",
        MY_VLLM_BASE_URL="http://gpu:8000/v1/",
        MY_VLLM_MODEL="qwen3",
        MY_VLLM_LOCALITY="local",
        GROQ_BASE_URL="https://groq.example/openai/v1",
        GROQ_MODEL="llama",
        GROQ_API_KEY="k" * 8,
    )
    assert settings.rows == (
        Row(name="my-vllm", base_url="http://gpu:8000/v1", model="qwen3", locality="local"),
        Row(name="groq", base_url="https://groq.example/openai/v1", model="llama", api_key=SecretStr("k" * 8)),
    )


def test_is_cloud_until_it_is_declared_local() -> None:
    [row] = load(LLM_PROVIDER_PRIORITY="a", A_BASE_URL="http://127.0.0.1:1/v1", A_MODEL="m").rows
    assert row.locality == "cloud"


def test_its_key_may_be_mounted(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("mounted")
    settings = load(
        LLM_PROVIDER_PRIORITY="a", A_BASE_URL="http://h/v1", A_MODEL="m", A_API_KEY_FILE=str(file),
        GEMINI_API_KEY="g" * 8,
    )  # fmt: skip
    assert sorted(settings.keys().values()) == ["g" * 8, "mounted"]


def test_variables_of_a_name_that_is_not_in_the_priority_are_not_read() -> None:
    assert load(A_BASE_URL="nonsense").rows == ()


def test_env_example_tells_of_every_variable_of_a_row() -> None:
    told = {variable.name.removeprefix("X_").lower() for variable in Row.variables()}
    assert told == set(Row.model_fields) - {"name"}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"MY_VLLM_BASE_URL": "http://gpu:8000/v1"}, "MY_VLLM_MODEL is not set: The model to ask for."),
        (
            {"MY_VLLM_BASE_URL": "gpu:8000", "MY_VLLM_MODEL": "m"},
            "MY_VLLM_BASE_URL: 'gpu:8000' cannot be used: it must be an address such as http://127.0.0.1:11434.",
        ),
        (
            {"MY_VLLM_BASE_URL": "http://gpu/v1", "MY_VLLM_MODEL": "m", "MY_VLLM_LOCALITY": "here"},
            "MY_VLLM_LOCALITY: 'here' cannot be used: it must be 'local' or 'cloud'.",
        ),
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start_with_its_name(row: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(LLM_PROVIDER_PRIORITY="my-vllm", **row)
    assert str(refused.value) == told


def test_whoever_has_settings_of_its_own_is_known_by_its_model() -> None:
    assert Settings.providers()[:4] == ("ollama", "gemini", "openai", "anthropic")
