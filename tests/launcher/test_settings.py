import pytest
from novakit.settings import SettingsError

from novacore.settings import LauncherSettings, binding
from novacore.topology import SERVICES, Service, service


def memory() -> Service:
    row = service("memory")
    assert row is not None
    return row


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_a_port_that_is_none_is_refused_with_its_name_and_value(port: str) -> None:
    with pytest.raises(SettingsError, match=f"NOVACORE_PORT: '{port}' cannot be used"):
        LauncherSettings.load({"NOVACORE_PORT": port})
    with pytest.raises(SettingsError, match=f"MEMORY_PORT: '{port}' cannot be used"):
        binding(memory(), {"MEMORY_PORT": port})


def test_each_service_has_its_own_default_port_on_loopback() -> None:
    found = {row.name: binding(row, {}) for row in SERVICES}
    assert {name: where.port for name, where in found.items()} == {
        "gateway": 8080,
        "intelligence": 8081,
        "memory": 8082,
        "local_model": 11435,
    }
    assert {where.host for where in found.values()} == {"127.0.0.1"}


def test_the_grace_is_read_for_every_service() -> None:
    assert binding(memory(), {"SHUTDOWN_GRACE_SEC": "7"}).shutdown_grace_sec == 7
    with pytest.raises(SettingsError, match="SHUTDOWN_GRACE_SEC: '-1'"):
        binding(memory(), {"SHUTDOWN_GRACE_SEC": "-1"})


def test_the_priority_is_a_list_of_names() -> None:
    assert LauncherSettings.load({}).priority == ("ollama", "gemini", "openai")
    assert LauncherSettings.load({"LLM_PROVIDER_PRIORITY": " Gemini, ,openai "}).priority == ("gemini", "openai")
