"""Settings from the environment: frozen, read once, and refused with one sentence where a value is wrong.

A settings class is a pydantic model whose field ``llm_fallback_mode`` is the variable ``LLM_FALLBACK_MODE``.
An empty value and the placeholder ``replace-me`` mean unset. ``X_FILE`` names a file that holds the value of ``X``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

PLACEHOLDER = "replace-me"
DERIVED: Final[dict[str, Any]] = {"derived": True}
"""The extra data of a field that no variable of its name holds; the class fills it itself."""
ENV_FILE_VARIABLE = "NOVACORE_ENV_FILE"
_IN_A_URL = re.compile(r"://[^/@\s]*@")
"""The user and the password."""
SOURCES_VARIABLE = "NOVACORE_SOURCES"
"""Where what a process finds in its environment came from, as in ``LOG_LEVEL=env_file,OLLAMA_URL=launcher``."""

Source = Literal["environment", "env_file", "file", "launcher", "default"]
"""``file``: the one that ``X_FILE`` names. ``launcher``: ``up`` has chosen or made it."""


class SettingsError(Exception):
    """A value that cannot be used; the message is one sentence that names the variable and what is allowed.

    ``also`` are the sentences for other values that were found wrong with it.
    """

    def __init__(self, message: str, also: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.also = also


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: what ``env.example`` says of it. ``internal``: processes tell it each other."""

    name: str
    default: str
    meaning: str
    secret: bool
    internal: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """One variable as it is in force. ``value`` is how it was written; a secret has none, and is ``given`` or not."""

    name: str
    value: str | None
    source: Source
    secret: bool
    given: bool
    meaning: str


class Settings(BaseModel):
    """Base of every service's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    files: Mapping[str, Path] = Field(
        default_factory=dict, description="The variables that were read from a file.", json_schema_extra=DERIVED
    )

    _given: dict[str, InForce] = PrivateAttr(default_factory=dict)

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Read from an environment; raises SettingsError."""
        values: dict[str, Any] = {}
        files: dict[str, Path] = {}
        given: dict[str, InForce] = {}
        for name, field in cls.model_fields.items():
            for variable in names_of(name, field):
                value = read(environ, variable)
                if value is not None:
                    values[name] = value
                    files |= file_of(environ, variable)
                    given[name] = in_force(field, variable, value, source_of(environ, variable))
                    break
        try:
            settings = cls(**values, **({"files": files} if files else {}))
        except ValidationError as error:
            by_field: dict[tuple[int | str, ...], ErrorDetails] = {}
            for one in error.errors():
                by_field.setdefault(one["loc"][:1], one)
            first, *others = [sentence(cls, one, values) for one in by_field.values()]
            raise SettingsError(first, tuple(others)) from None
        settings._given = given
        return settings

    @classmethod
    def variables(cls) -> Iterator[Variable]:
        """Every variable of this class, in the order of its fields."""
        return variables_of(cls)

    def in_force(self) -> Iterator[InForce]:
        """Every variable that ``load`` reads, as it is in force. No secret is among the values."""
        for name, field in type(self).model_fields.items():
            if _extra(field, "derived") or _extra(field, "internal"):
                continue
            yield self._given.get(name) or in_force(field, names_of(name, field)[0], _default_text(field), "default")


def in_force(field: FieldInfo, variable: str, text: str, source: Source) -> InForce:
    """A field's variable whose value is written so."""
    secret = _is_secret(field)
    value = None if secret else _IN_A_URL.sub("://…@", text)
    return InForce(variable, value, source, secret, bool(text), field.description or "")


def source_of(environ: Mapping[str, str], variable: str) -> Source:
    """Where ``read`` finds a variable that is set."""
    told = _sources(environ)
    if _set(environ.get(variable)) is not None:
        return told.get(variable, "environment")
    # A file that somebody has named is a mounted one, also where its name stands in .env.
    return "launcher" if told.get(f"{variable}_FILE") == "launcher" else "file"


def variables_of(
    cls: type[BaseModel], *, prefix: str = "", without: frozenset[str] = frozenset()
) -> Iterator[Variable]:
    """The variables of a class, their names after ``prefix``; ``without`` are fields that are none."""
    for name, field in cls.model_fields.items():
        if name in without or _extra(field, "derived"):
            continue
        yield Variable(
            name=prefix + names_of(name, field)[0],
            default=_default_text(field),
            meaning=field.description or "",
            secret=_is_secret(field),
            internal=bool(_extra(field, "internal")),
        )


def names_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    """The environment variables of a field, the one that counts most first (``also`` in its extra data)."""
    if _extra(field, "derived"):
        return ()
    also = _extra(field, "also")
    return (name.upper(), str(also)) if also else (name.upper(),)


def read(environ: Mapping[str, str], variable: str) -> str | None:
    """One variable's value, from itself or from the file that ``…_FILE`` names; None where it is unset."""
    value = _set(environ.get(variable))
    if value is not None:
        return value
    return next((read_file(name, path) for name, path in file_of(environ, variable).items()), None)


def file_of(environ: Mapping[str, str], variable: str) -> dict[str, Path]:
    """The file that a variable is read from, under its name; nothing where it has a value of its own, or none."""
    path = _set(environ.get(f"{variable}_FILE"))
    return {} if path is None or _set(environ.get(variable)) is not None else {variable: Path(path)}


def read_file(variable: str, path: Path) -> str | None:
    """The value in such a file; None where it holds none. Raises SettingsError."""
    try:
        return _set(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable}_FILE names {str(path)!r}, which cannot be read: {_why(error)}.") from None


def environment(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment with the ``.env`` file of ``directory`` (or the named one) below it; raises SettingsError."""
    from_file = {
        name: value
        for name, value in in_file(environ, directory).items()
        if _set(environ.get(f"{name}_FILE")) is None
    }
    # What means unset must not hide the file's value.
    return {
        **from_file,
        **{name: value for name, value in environ.items() if _set(value) is not None or name not in from_file},
    }


def with_sources(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The same, and in SOURCES_VARIABLE which values are the file's; raises SettingsError."""
    merged = environment(environ, directory)
    from_file = [name for name in in_file(environ, directory) if name in merged and _set(environ.get(name)) is None]
    return {**merged, SOURCES_VARIABLE: told_sources({}, from_file, "env_file")}


def told_sources(environ: Mapping[str, str], names: Iterable[str], source: Source) -> str:
    """What SOURCES_VARIABLE says when these come from there, and the others from where it said before."""
    told = {**_sources(environ), **dict.fromkeys(names, source)}
    return ",".join(f"{name}={where}" for name, where in sorted(told.items()))


def _sources(environ: Mapping[str, str]) -> dict[str, Source]:
    told: dict[str, Source] = {}
    for part in environ.get(SOURCES_VARIABLE, "").split(","):
        name, _, source = part.partition("=")
        match source:
            case "env_file" | "launcher" | "file":
                told[name] = source
    return told


def in_file(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """What the ``.env`` file alone holds, nothing where there is none; raises SettingsError."""
    named = environ.get(ENV_FILE_VARIABLE, "").strip()
    path = Path(named) if named else directory / ".env"
    if named and not path.is_file():
        raise SettingsError(f"{ENV_FILE_VARIABLE} names {named!r}, which is not a file.")
    if not path.is_file():
        return {}
    try:
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{str(path)!r} cannot be read: {_why(error)}.") from None
    return {name: value for name, value in values.items() if value is not None}


def _set(value: str | None) -> str | None:
    value = (value or "").strip()
    return None if value in {"", PLACEHOLDER} else value


def _why(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not UTF-8 text"


def sentence(cls: type[BaseModel], error: ErrorDetails, values: Mapping[str, Any], *, prefix: str = "") -> str:
    """What is wrong, by the variable's name: ``prefix`` and the field's; a secret's value is not shown."""
    if not error["loc"]:
        return _reason(error)
    name = str(error["loc"][0])
    field = cls.model_fields[name]
    variable = prefix + names_of(name, field)[0]
    if error["type"] == "missing":
        return f"{variable} is not set: {field.description}"
    shown = "its value" if _is_secret(field) else repr(values.get(name, ""))
    return f"{variable}: {shown} cannot be used: {_reason(error)}"


def _reason(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return str(context["error"])
    if error["type"] == "literal_error":
        return f"it must be {context['expected']}."
    message = error["msg"].rstrip(".").replace("items after validation", "characters")
    _subject, should, rest = message.partition(" should ")
    return f"it must {rest}." if should else f"{message}."


def _extra(field: FieldInfo, name: str) -> object:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation) or field.annotation is SecretStr


def _default_text(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return ""
    if isinstance(field.default, bool):
        return str(field.default).lower()
    return str(field.default)
