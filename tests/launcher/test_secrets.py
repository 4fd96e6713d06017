from pathlib import Path

import pytest
from novakit.settings import SettingsError

from novacore import secrets


def test_a_first_start_makes_three_secrets_that_only_their_owner_can_read(tmp_path: Path) -> None:
    made = secrets.ensure({}, tmp_path / "data")
    assert set(made) == {"JWT_SECRET", "SERVICE_JWT_SECRET", "NOVACORE_BOOTSTRAP_API_KEY"}
    assert len(set(made.values())) == 3
    assert all(len(value) >= 32 for value in made.values())
    assert made["NOVACORE_BOOTSTRAP_API_KEY"].startswith("nc_")
    files = sorted((tmp_path / "data" / "secrets").iterdir())
    assert [file.name for file in files] == ["jwt_secret", "novacore_bootstrap_api_key", "service_jwt_secret"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "data" / "secrets").stat().st_mode & 0o777 == 0o700


def test_a_second_start_keeps_them(tmp_path: Path) -> None:
    assert secrets.ensure({}, tmp_path) == secrets.ensure({}, tmp_path)


def test_what_the_environment_or_a_file_says_wins_and_is_not_stored(tmp_path: Path) -> None:
    secrets.ensure({}, tmp_path)
    (tmp_path / "mounted").write_text("from-file\n")
    environ = {"JWT_SECRET": "from-environment", "SERVICE_JWT_SECRET_FILE": str(tmp_path / "mounted")}
    values = secrets.ensure(environ, tmp_path)
    assert (values["JWT_SECRET"], values["SERVICE_JWT_SECRET"]) == ("from-environment", "from-file")
    stored = "".join(path.read_text() for path in (tmp_path / "secrets").iterdir())
    assert "from-" not in stored


def test_services_are_told_where_a_signing_secret_lies_unless_it_stands_in_the_environment(tmp_path: Path) -> None:
    own = str(tmp_path / "secrets" / "service_jwt_secret")
    assert secrets.by_file({"JWT_SECRET": "s" * 32}, tmp_path) == {"SERVICE_JWT_SECRET_FILE": own}
    mounted = {"JWT_SECRET": "replace-me", "JWT_SECRET_FILE": "/run/secrets/jwt", "SERVICE_JWT_SECRET": ""}
    assert secrets.by_file(mounted, tmp_path) == {
        "JWT_SECRET_FILE": "/run/secrets/jwt",
        "SERVICE_JWT_SECRET_FILE": own,
    }


def test_a_secret_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    secrets.ensure({}, tmp_path)
    path = tmp_path / "secrets" / "jwt_secret"
    path.chmod(0o644)
    secrets.ensure({}, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_write_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "jwt_secret.new").write_text("half")
    value = secrets.ensure({}, tmp_path)["JWT_SECRET"]
    assert (folder / "jwt_secret").read_text() == f"{value}\n"
    assert not (folder / "jwt_secret.new").exists()


def test_a_data_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(SettingsError, match="NOVACORE_DATA_DIR"):
        secrets.ensure({}, tmp_path / "data")


def test_a_stored_secret_that_is_not_text_is_said_without_showing_it(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "jwt_secret").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="JWT_SECRET cannot be read from"):
        secrets.ensure({}, tmp_path)
