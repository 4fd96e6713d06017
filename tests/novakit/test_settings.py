"""Settings from the environment, and the sentence for each value that cannot be used."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from novakit.settings import (
    SOURCES_VARIABLE,
    Settings,
    SettingsError,
    Variable,
    environment,
    read,
    told_sources,
    with_sources,
)
from pydantic import BeforeValidator, Field, SecretStr


def refuse(value: object) -> object:
    if value == "wrong":
        raise ValueError("it says wrong.")
    return value


class Example(Settings):
    needed: SecretStr = Field(min_length=8, description="What it needs.")
    mode: Literal["fast", "slow"] = Field(default="fast", description="How fast.")
    count: int = Field(default=3, ge=1, le=9, description="How many.")
    seconds: float = Field(default=1.5, gt=0, description="How long.")
    on: bool = Field(default=True, description="Whether.")
    name: str | None = Field(default=None, description="Its name.", json_schema_extra={"also": "OTHER_NAME"})
    checked: Annotated[str, BeforeValidator(refuse)] = Field(default="right", description="Something.")
    path_: str = Field(default="x", pattern="^[a-z]+$", description="A path.")
    key: SecretStr | None = Field(default=None, max_length=20, description="A key.")


GOOD = {"NEEDED": "long-enough"}


def load(**environ: str) -> Example:
    return Example.load({**GOOD, **environ})


def sentence(**environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load(**environ)
    return str(refused.value)


def test_a_field_is_the_variable_of_its_name_in_capitals() -> None:
    settings = load(MODE="slow", COUNT="4", SECONDS=" 2.5 ", ON="false", NAME="x")
    assert (settings.mode, settings.count, settings.seconds, settings.on, settings.name) == (
        "slow",
        4,
        2.5,
        False,
        "x",
    )
    assert settings.needed.get_secret_value() == "long-enough"


def test_what_is_not_set_has_its_default_and_is_not_counted_as_set() -> None:
    settings = load()
    assert (settings.mode, settings.count, settings.on, settings.name) == ("fast", 3, True, None)
    assert settings.model_fields_set == {"needed"}


@pytest.mark.parametrize("nothing", ["", "  ", "replace-me", " replace-me "])
def test_an_empty_value_and_the_placeholder_mean_unset(nothing: str) -> None:
    assert load(MODE=nothing, COUNT=nothing, NAME=nothing).model_fields_set == {"needed"}
    assert sentence(NEEDED=nothing) == "NEEDED is not set: What it needs."


SENTENCES = [
    ({"MODE": "quick"}, "MODE: 'quick' cannot be used: it must be 'fast' or 'slow'."),
    ({"COUNT": "0"}, "COUNT: '0' cannot be used: it must be greater than or equal to 1."),
    ({"COUNT": "10"}, "COUNT: '10' cannot be used: it must be less than or equal to 9."),
    (
        {"COUNT": "many"},
        "COUNT: 'many' cannot be used: it must be a valid integer, unable to parse string as an integer.",
    ),
    ({"SECONDS": "nan"}, "SECONDS: 'nan' cannot be used: it must be greater than 0."),
    ({"ON": "perhaps"}, "ON: 'perhaps' cannot be used: it must be a valid boolean, unable to interpret input."),
    ({"CHECKED": "wrong"}, "CHECKED: 'wrong' cannot be used: it says wrong."),
    ({"PATH_": "a b"}, "PATH_: 'a b' cannot be used: it must match pattern '^[a-z]+$'."),
    ({"NEEDED": "short"}, "NEEDED: its value cannot be used: it must have at least 8 characters, not 5."),
    ({"KEY": "k" * 21}, "KEY: its value cannot be used: it must have at most 20 characters, not 21."),
]


@pytest.mark.parametrize(("environ", "wanted"), SENTENCES)
def test_a_value_that_cannot_be_used_is_refused_in_one_sentence(environ: dict[str, str], wanted: str) -> None:
    assert sentence(**environ) == wanted


def test_every_other_value_that_cannot_be_used_has_its_sentence_too() -> None:
    with pytest.raises(SettingsError) as refused:
        load(COUNT="0", MODE="quick", KEY="secretive-and-too-long")
    assert str(refused.value).startswith("MODE: 'quick'")
    assert [text.split(":")[0] for text in refused.value.also] == ["COUNT", "KEY"]
    assert "secretive" not in str(refused.value.also)


def test_no_secret_is_in_a_sentence_or_in_a_representation() -> None:
    assert "secretive" not in sentence(KEY="secretive-and-too-long")
    settings = load(KEY="secretive")
    assert "secretive" not in repr(settings)
    assert "long-enough" not in str(settings)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().count = 4


def test_a_name_may_have_another_that_counts_less() -> None:
    assert load(OTHER_NAME="b").name == "b"
    assert load(NAME="a", OTHER_NAME="b").name == "a"
    assert load(NAME="", OTHER_NAME="b").name == "b"


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-the-file\n")
    assert load(KEY_FILE=str(file), KEY="replace-me").key == SecretStr("from-the-file")
    assert load(KEY_FILE=str(file), KEY="direct").key == SecretStr("direct")
    assert load(OTHER_NAME_FILE=str(file)).name == "from-the-file"
    assert load(KEY_FILE="replace-me").key is None


@pytest.mark.parametrize("content", ["", "\n", "replace-me\n"])
def test_a_file_that_holds_nothing_or_the_placeholder_means_unset(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secret"
    file.write_text(content)
    assert load(KEY_FILE=str(file)).key is None


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert sentence(KEY_FILE=str(missing)) == (
        f"KEY_FILE names '{missing}', which cannot be read: No such file or directory."
    )
    assert sentence(KEY_FILE=str(tmp_path)) == f"KEY_FILE names '{tmp_path}', which cannot be read: Is a directory."
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    assert sentence(KEY_FILE=str(binary)) == (
        f"KEY_FILE names '{binary}', which cannot be read: it is not UTF-8 text."
    )


def test_every_variable_is_told_with_its_default_and_its_meaning() -> None:
    assert list(Example.variables()) == [
        Variable("NEEDED", "", "What it needs.", secret=True),
        Variable("MODE", "fast", "How fast.", secret=False),
        Variable("COUNT", "3", "How many.", secret=False),
        Variable("SECONDS", "1.5", "How long.", secret=False),
        Variable("ON", "true", "Whether.", secret=False),
        Variable("NAME", "", "Its name.", secret=False),
        Variable("CHECKED", "right", "Something.", secret=False),
        Variable("PATH_", "x", "A path.", secret=False),
        Variable("KEY", "", "A key.", secret=True),
    ]


def dotenv(folder: Path, text: str | bytes, name: str = ".env") -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    dotenv(tmp_path, "A=file\nB=file\n# comment\nC='quoted value'\nD\n")
    assert environment({"A": "environ", "E": "environ"}, tmp_path) == {
        "A": "environ",
        "B": "file",
        "C": "quoted value",
        "E": "environ",
    }


@pytest.mark.parametrize("nothing", ["", " ", "replace-me"])
def test_what_means_unset_does_not_hide_the_files_value(tmp_path: Path, nothing: str) -> None:
    dotenv(tmp_path, "A=file\n")
    merged = environment({"A": nothing, "B": nothing}, tmp_path)
    assert (merged["A"], merged["B"]) == ("file", nothing)


def test_a_mounted_secret_of_the_environment_stands_above_the_files_value(tmp_path: Path) -> None:
    dotenv(tmp_path, "A=file\n")
    mounted = dotenv(tmp_path, "mounted", "secret")
    assert read(environment({"A_FILE": str(mounted)}, tmp_path), "A") == "mounted"
    assert read(environment({"A_FILE": ""}, tmp_path), "A") == "file"


def test_nothing_in_the_file_is_expanded(tmp_path: Path) -> None:
    dotenv(tmp_path, 'A="pa$$word${HOME}"\n')
    assert environment({}, tmp_path)["A"] == "pa$$word${HOME}"


def test_another_file_can_be_named(tmp_path: Path) -> None:
    dotenv(tmp_path, "A=usual\n")
    named = dotenv(tmp_path, "A=named\n", "other.env")
    assert environment({"NOVACORE_ENV_FILE": str(named)}, tmp_path)["A"] == "named"


def test_without_a_file_the_environment_stands_alone(tmp_path: Path) -> None:
    assert environment({"A": "x"}, tmp_path) == {"A": "x"}


def test_a_named_file_must_be_there_and_a_file_must_be_text(tmp_path: Path) -> None:
    missing: Any = str(tmp_path / "missing.env")
    with pytest.raises(SettingsError) as refused:
        environment({"NOVACORE_ENV_FILE": missing}, tmp_path)
    assert str(refused.value) == f"NOVACORE_ENV_FILE names '{missing}', which is not a file."
    file = dotenv(tmp_path, b"A=\xff\n")
    with pytest.raises(SettingsError) as unreadable:
        environment({}, tmp_path)
    assert str(unreadable.value) == f"'{file}' cannot be read: it is not UTF-8 text."


def test_each_variable_in_force_tells_its_source_and_a_secret_no_value(tmp_path: Path) -> None:
    mounted = tmp_path / "key"
    mounted.write_text("from-a-file")
    settings = load(
        MODE="slow",
        OTHER_NAME="http://ada:hidden@127.0.0.1/x",
        COUNT="4",
        KEY_FILE=str(mounted),
        **{SOURCES_VARIABLE: "COUNT=env_file,MODE=nonsense"},
    )
    told = {each.name: each for each in settings.in_force()}

    assert list(told) == ["NEEDED", "MODE", "COUNT", "SECONDS", "ON", "OTHER_NAME", "CHECKED", "PATH_", "KEY"]
    assert {name: (each.value, each.source) for name, each in told.items()} == {
        "NEEDED": (None, "environment"),
        "MODE": ("slow", "environment"),
        "COUNT": ("4", "env_file"),
        "SECONDS": ("1.5", "default"),
        "ON": ("true", "default"),
        "OTHER_NAME": ("http://…@127.0.0.1/x", "environment"),
        "CHECKED": ("right", "default"),
        "PATH_": ("x", "default"),
        "KEY": (None, "file"),
    }
    assert (told["KEY"].secret, told["KEY"].given) == (True, True)
    made = load(KEY_FILE=str(mounted), **{SOURCES_VARIABLE: "KEY_FILE=launcher"})
    assert {each.name: each.source for each in made.in_force()}["KEY"] == "launcher"
    assert (load().model_copy(update={"count": 5}).count, next(load().in_force()).given) == (5, True)
    assert {each.name: each.given for each in load().in_force()}["KEY"] is False


def test_what_comes_from_the_env_file_is_told_with_the_environment(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB=2\nC=3\n")
    merged = with_sources({"A": "mine", "B": "", "C_FILE": "somewhere"}, tmp_path)
    assert {name: merged.get(name) for name in "ABC"} == {"A": "mine", "B": "2", "C": None}
    assert merged[SOURCES_VARIABLE] == "B=env_file"
    assert told_sources(merged, ["D", "B"], "launcher") == "B=launcher,D=launcher"
