"""The settings."""

from pathlib import Path

import pytest
from novakit.settings import SettingsError

from services.local_model.app.api.durations import FOREVER
from services.local_model.app.config import Settings


def test_without_an_environment_the_defaults_hold() -> None:
    settings = Settings.load({})

    assert settings == Settings()
    assert (settings.local_model_name, settings.local_model_context) == ("smollm2:135m", 4096)
    assert (settings.local_model_slots, settings.local_model_queue) == (2, 16)
    assert (settings.keep_alive, settings.local_model_memory_mb) == (300, 768)
    assert (settings.local_model_preload, settings.local_model_path) == (False, None)


@pytest.mark.parametrize(("text", "expected"), [("-1", FOREVER), ("10m", 600), ("90", 90), ("0", 0)])
def test_a_keep_alive_is_a_duration_or_seconds(text: str, expected: float) -> None:
    assert Settings.load({"LOCAL_MODEL_KEEP_ALIVE": text}).keep_alive == expected


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOCAL_MODEL_KEEP_ALIVE", "soon"),
        ("LOCAL_MODEL_KEEP_ALIVE", "nan"),
        ("LOCAL_MODEL_CONTEXT", "12"),
        ("LOCAL_MODEL_SLOTS", "0"),
        ("LOCAL_MODEL_QUEUE", "-1"),
        ("LOCAL_MODEL_MEMORY_MB", "much"),
        ("LOCAL_MODEL_PRELOAD", "perhaps"),
        ("LOCAL_MODEL_PATH", "no/such/file.gguf"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_refused_with_a_sentence_that_names_it(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.load({variable: value})

    assert str(refused.value).startswith(f"{variable}: '{value}' cannot be used: ")
    assert str(refused.value).endswith(".")


def test_another_model_file_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "other.gguf"
    path.write_bytes(b"GGUF")

    assert Settings.load({"LOCAL_MODEL_PATH": str(path)}).local_model_path == path


def test_every_setting_says_what_it_means() -> None:
    assert all(variable.meaning for variable in Settings.variables())
