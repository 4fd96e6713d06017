"""Names and numbers in the documents are those of the code."""

import re

import pytest

from scripts.documents import configuration
from services.gateway.app.auth.accounts import KNOWN_SECONDS, LINK_SECONDS
from services.gateway.app.auth.tokens import REFRESH_SECONDS
from services.intelligence.app.services.providers.redaction import QUOTE_CHARS
from services.intelligence.app.store.keys import KEPT_MICROS
from services.memory.app.facts.schemas import MOST_FACTS

from .markdown import Document, documents

DOCUMENTS = {document.name: document for document in documents()}
VARIABLE = re.compile(r"(?<![\w./])[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b(?!\.md)")
KNOWN = frozenset(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", configuration.sections(), re.MULTILINE))
OTHERS = {
    "NOVACORE_ENV_FILE": "names the file itself",
    "X": "stands for any variable in X_FILE",
    "PARROT_X": "of the provider that a document makes up",
    "GROQ_API_KEY": "of a row of settings",
    "OLLAMA_HOST": "Ollama's own",
    "COMPOSE_PROFILES": "Compose's own",
    **dict.fromkeys(
        (
            *("NOVACORE_DOMAIN", "NOVACORE_HTTP_PORT", "NOVACORE_HTTPS_PORT", "NOVACORE_SECRETS"),
            *("NOVACORE_IMAGES", "NOVACORE_VERSION", "OLLAMA_IMAGE", "POSTGRES_IMAGE", "CADDY_IMAGE"),
        ),
        "the compose files'",
    ),
    "STOP_LOCAL_MODEL": "scripts/test_ngs_integration.sh's",
    "START_LOCAL_MODEL": "scripts/test_ngs_integration.sh's",
    "NOVACORE_FUZZ": "the tests'",
    "NOVACORE_RECORDINGS": "the tests'",
    "FIRST_TOKEN_SEC": "a constant",
    "CALLS_AT_A_TIME": "a constant",
}
"""What looks like a variable of ours and is none."""


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_every_variable_that_is_named_is_one(document: Document) -> None:
    named = {name for code in re.findall(r"`([^`\n]+)`", document.prose()) for name in VARIABLE.findall(code)}
    unknown = {
        name for name in named if name.removesuffix("_FILE") not in KNOWN | OTHERS.keys() and name not in OTHERS
    }
    assert not unknown


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("At most {} characters of a provider's error are quoted", QUOTE_CHARS),
        ("counts for {} days, and goes", KNOWN_SECONDS // 86_400),
        ("a refresh token after {} days", REFRESH_SECONDS // 86_400),
        ("{} hours, then until the next such key", KEPT_MICROS // 3_600_000_000),
        ("{} a user |", MOST_FACTS),
    ],
)
def test_what_is_said_of_data_is_what_the_code_does(sentence: str, number: int) -> None:
    text = " ".join(DOCUMENTS["docs/DATA_HANDLING.md"].text.split())
    assert sentence.format(number) in text


def test_how_long_a_link_works_is_said_alike_everywhere() -> None:
    said = {
        (name, found)
        for name in ("docs/QUICKSTART.md", "docs/ACCOUNTS.md", "docs/SECRETS_MANAGEMENT.md")
        for found in re.findall(r"once[^.]{0,20} within (\d+)\s+minutes", DOCUMENTS[name].text)
    }
    assert {minutes for _name, minutes in said} == {str(LINK_SECONDS // 60)}
    assert len(said) == 3
