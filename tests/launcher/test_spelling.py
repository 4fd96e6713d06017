import pytest

from novacore.spelling import known, misspelt
from services.gateway.app.config import Settings as Gateway
from services.intelligence.app.config import Settings as Intelligence
from services.local_model.app.config import Settings as LocalModel
from services.memory.app.config import Settings as Memory

READ = {
    variable.name for settings in (Gateway, Intelligence, LocalModel, Memory) for variable in settings.variables()
}
KNOWN = known([*READ, "LLM_MODEL"], ("ollama", "my-gpu"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("GEMINI_APIKEY", "GEMINI_API_KEY"),
        ("OPENAI_KEY", "OPENAI_API_KEY"),
        ("OLAMA_URL", "OLLAMA_URL"),
        ("OLLAMA_MODL", "OLLAMA_MODEL"),
        ("CLOUD_ENABLE", "CLOUD_ENABLED"),
        ("MY_GPU_BASEURL", "MY_GPU_BASE_URL"),
        ("LLM_PROVIDERS_PRIORITY", "LLM_PROVIDER_PRIORITY"),
    ],
)
def test_a_name_that_is_almost_right_is_told_with_the_one_that_was_meant(written: str, meant: str) -> None:
    (finding,) = misspelt([written], KNOWN)
    assert finding.level == "warning"
    assert finding.text == f"nothing reads {written}, which stands in .env; is {meant} meant?"


@pytest.mark.parametrize(
    "written",
    [
        *sorted(READ),
        "LLM_MODEL",
        "GEMINI_API_KEY_FILE",
        "MY_GPU_LOCALITY",
        "NOVACORE_PORT",
        "MEMORY_PORT",
        "NOVACORE_API_KEY",
        "SHUTDOWN_GRACE_SEC",
        "DATABASE_URL",
        "PATH",
        "COMPOSE_PROJECT_NAME",
        "AWS_REGION",
    ],
)
def test_what_is_read_and_what_belongs_to_other_programs_is_not_told(written: str) -> None:
    assert misspelt([written], KNOWN) == []
