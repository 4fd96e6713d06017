"""Where an Ollama is taken to be when nobody says so."""

import pytest

from services.intelligence.app.domain.chat import Locality
from services.intelligence.app.services.providers.registry import is_loopback, locality_of


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:11434",
        "http://localhost:11434",
        "http://[::1]:11434",
        "http://10.1.2.3",
        "http://172.16.0.9",
        "http://192.168.1.20:11434",
        "http://169.254.3.4",
        "http://[fd00::5]",
        "http://[fe80::1]",
        "http://ollama:11434",
        "http://gpu-box",
    ],
)
def test_loopback_private_addresses_and_plain_names_are_local(url: str) -> None:
    assert locality_of(url, None) == "local"


@pytest.mark.parametrize(
    "url",
    [
        "https://ollama.example.org",
        "http://8.8.8.8",
        "http://134744072",
        "http://0x08080808",
        "http://203.0.113.4",
        "http://198.18.0.5",
        "http://172.32.0.1",
        "http://[2001:db8::1]",
    ],
)
def test_everything_else_is_cloud_also_an_address_in_disguise(url: str) -> None:
    assert locality_of(url, None) == "cloud"


@pytest.mark.parametrize("declared", ["local", "cloud"])
def test_what_is_declared_counts(declared: Locality) -> None:
    assert locality_of("http://127.0.0.1", declared) == declared
    assert locality_of("https://ollama.example.org", declared) == declared


@pytest.mark.parametrize(
    ("url", "stays"),
    [("http://127.0.0.2", True), ("http://localhost", True), ("http://[::1]", True), ("http://10.0.0.1", False)],
)
def test_only_loopback_stays_on_this_machine(url: str, stays: bool) -> None:
    assert is_loopback(url) is stays
