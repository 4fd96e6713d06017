"""What the lint for secrets finds, and what it leaves alone. The secrets here are put together when the test runs."""

import random
import string
import subprocess
from pathlib import Path

import pytest

from scripts import lint_secrets
from scripts.lint_secrets import in_history, in_tree, no_placeholder, secrets_in
from tests.support.services import ROOT

RANDOM = random.Random(7)


def random_text(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(RANDOM.choices(alphabet, k=length))


SECRETS = {
    "a key of OpenAI or Anthropic": ["sk-" + random_text(48), "sk-ant-api03-" + random_text(80)],
    "a key of Google": ["AIza" + random_text(35), "AQ." + random_text(40)],
    "a key of Groq or xAI": ["gsk_" + random_text(52), "xai-" + random_text(60)],
    "a key of AWS": ["AKIA" + random_text(16, string.ascii_uppercase + string.digits)],
    "a token of GitHub": ["ghp_" + random_text(36), "github_pat_" + random_text(60)],
    "a token of Slack": ["xoxb-" + random_text(40)],
    "a token of Vault": ["hvs." + random_text(60)],
    "a key of NovaCore": ["nc_" + random_text(43)],
    "a private key": ["-----BEGIN RSA PRIVATE" + " KEY-----", "-----BEGIN PRIVATE" + " KEY-----"],
    "a signed token": [".".join(["eyJ" + random_text(20), "eyJ" + random_text(60), random_text(43)])],
}


def test_there_is_an_example_of_each_shape() -> None:
    assert SECRETS.keys() == lint_secrets.SHAPES.keys()


@pytest.mark.parametrize(("kind", "secret"), [(kind, one) for kind, some in SECRETS.items() for one in some])
def test_a_secret_with_a_form_is_found_wherever_it_stands(kind: str, secret: str) -> None:
    for line in (secret, f'KEY = "{secret}"', f"https://example.com/?key={secret}&x=1", f"<!-- {secret} -->"):
        assert kind in list(secrets_in(line)), line


@pytest.mark.parametrize("name", ["API_KEY", "jwt_secret", "METRICS_TOKEN", "password", "openaiApiKey"])
def test_random_text_behind_the_name_of_a_secret_is_found(name: str) -> None:
    for line in (f"{name}={random_text(32)}", f'  {name}: "{random_text(40)}"', f'"{name}": "{random_text(24)}",'):
        assert list(secrets_in(line)), line


@pytest.mark.parametrize(
    "line",
    [
        "GEMINI_API_KEY=replace-me",
        "GEMINI_API_KEY_FILE=/run/secrets/gemini_api_key",
        'KEY = "nc_" + "x" * 40',
        "nc_" + "x" * 40,
        "sk-ant-" + "x" * 30,
        "secret=settings.service_jwt_secret.get_secret_value()",
        'token = "correct-horse-battery-staple"',
        "the password is argon2id with 19 MiB",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ],
)
def test_what_is_no_secret_is_left_alone(line: str) -> None:
    assert list(secrets_in(line)) == []


@pytest.mark.parametrize(
    ("line", "variable"),
    [
        ("GEMINI_API_KEY=abc", "GEMINI_API_KEY"),
        ("# JWT_SECRET=change-me", "JWT_SECRET"),
        ("      METRICS_TOKEN: hunter2", "METRICS_TOKEN"),
        ("export DB_PASSWORD='letmein'", "DB_PASSWORD"),
        ("GEMINI_API_KEY=replace-me", None),
        ("OPENAI_API_KEY=", None),
        ("OPENAI_API_KEY: ${OPENAI_API_KEY:-}", None),
        ("JWT_SECRET_FILE=/run/secrets/jwt", None),
        ("export NOVACORE_API_KEY=$(cat data/secrets/key)", None),
        ("JWT_SECRET is needed", None),
        ("#   NOVACORE_API_KEY=nc_… sh check", None),
    ],
)
def test_a_placeholder_is_the_placeholder(line: str, variable: str | None) -> None:
    assert no_placeholder(line) == variable


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_a_secret_that_was_taken_out_again_is_still_in_the_history(repository: Path) -> None:
    secret = SECRETS["a key of Google"][0]
    for text in (f"key = {secret}\n", "key = replace-me\n"):
        (repository / "notes.txt").write_text(text)
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", "change")
    assert list(in_tree(repository)) == []
    [finding] = in_history(repository)
    assert finding.where.endswith(" notes.txt")
    assert secret not in str(finding)


def test_a_file_that_is_not_committed_yet_is_looked_at_and_one_that_git_ignores_is_not(repository: Path) -> None:
    (repository / ".gitignore").write_text(".env\n")
    for name in (".env", "new.md"):
        (repository / name).write_text(f"GEMINI_API_KEY={random_text(39)}\n")
    assert {finding.where for finding in in_tree(repository)} == {"new.md:1"}


def test_this_project_and_its_history_hold_no_secret() -> None:
    assert [*in_tree(), *in_history()] == []
    assert (ROOT / ".git").exists()
