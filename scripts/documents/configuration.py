"""Every variable, from the settings classes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from novakit.settings import Settings, names_of
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from novacore.topology import SERVICES
from scripts.env_example import COMMAND_LINE, SECTIONS, belongs, sentence
from services.gateway.app.config import Settings as Gateway
from services.intelligence.app.config import Row
from services.intelligence.app.config import Settings as Intelligence
from services.local_model.app.config import Settings as LocalModel
from services.memory.app.config import Settings as Memory

from .tables import code, table

READERS: Mapping[str, type[Settings]] = {
    "gateway": Gateway,
    "intelligence": Intelligence,
    "memory": Memory,
    "local_model": LocalModel,
}

_LISTS = {tuple: "names, with commas", Mapping: "`name:number`, with commas"}


@dataclass(frozen=True, slots=True)
class Line:
    """One variable, as a row of a table."""

    name: str
    default: str
    values: str
    meaning: str
    readers: str


def sections() -> str:
    """A table for each part, in the order of ``env.example``."""
    told: set[str] = set()
    parts = []
    for title, settings in SECTIONS:
        lines = [line for line in _lines(settings) if line.name not in told and belongs(line.name, settings)]
        told.update(line.name for line in lines)
        parts.append(_section(title, lines))
    parts.insert(1, _section("Any other name x in the priority: a server with OpenAI's API", list(_row_lines())))
    parts.append(_section("Where each service listens", list(_addresses(told))))
    parts.append(_section("The command line", list(_command_line())))
    return "\n\n".join(parts)


def _section(title: str, lines: list[Line]) -> str:
    rows = [(code(line.name), code(line.default), line.values, line.meaning, line.readers) for line in lines]
    return f"## {title}\n\n{table(('variable', 'default', 'values', 'meaning', 'read by'), rows)}"


def _lines(settings: type[Settings]) -> Iterator[Line]:
    for field_name, field in settings.model_fields.items():
        names = names_of(field_name, field)
        if names and not _extra(field, "internal"):
            yield _line(names[0], field, _readers(names[0]))


def _row_lines() -> Iterator[Line]:
    for name, field in Row.model_fields.items():
        if name != "name":
            yield _line(f"X_{name.upper()}", field, "intelligence")


def _addresses(told: set[str]) -> Iterator[Line]:
    for row in SERVICES:
        if row.host_variable not in told:
            yield Line(row.host_variable, "127.0.0.1", "address", f"Address that {row.name} binds to.", row.name)
        if row.port_variable not in told:
            yield Line(row.port_variable, str(row.default_port), "1 to 65535", f"Port of {row.name}.", row.name)


def _command_line() -> Iterator[Line]:
    for variable in COMMAND_LINE:
        yield Line(
            variable.name, variable.default, "secret" if variable.secret else "text", variable.meaning, "`chat`"
        )


def _line(name: str, field: FieldInfo, readers: str) -> Line:
    return Line(name, _default(field), values_of(field), sentence(field.description or ""), readers)


def _readers(variable: str) -> str:
    found = [name for name, settings in READERS.items() if variable in _names(settings)]
    return ", ".join(found) or "every process"


def _names(settings: type[BaseModel]) -> set[str]:
    return {name for field_name, field in settings.model_fields.items() for name in names_of(field_name, field)}


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return ""
    return str(field.default).lower() if isinstance(field.default, bool) else str(field.default)


def values_of(field: FieldInfo) -> str:
    """What may be set, in a few words."""
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return " ".join(code(str(value)) for value in get_args(kind))
    if kind is bool:
        return "`true` `false`"
    if kind in {int, float}:
        return _range(field.metadata, "a whole number" if kind is int else "a number")
    if _is_secret(field.annotation):
        least = next((str(item.min_length) for item in field.metadata if isinstance(item, MinLen)), "")
        return f"secret, at least {least} characters" if least else "secret"
    if isinstance(kind, type) and issubclass(kind, Path):
        return "path"
    if "Rule" in str(kind):
        return "`kind:name>name`, with commas"
    return _LISTS.get(get_origin(kind), "text")


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        if len(kinds) == 1:
            return _without_none(kinds[0])
    if hasattr(annotation, "__metadata__"):
        return _without_none(get_args(annotation)[0])
    return annotation


def _is_secret(annotation: Any) -> bool:
    return "SecretStr" in str(annotation) or annotation is SecretStr


def _range(metadata: list[Any], otherwise: str) -> str:
    least = next((item for item in metadata if isinstance(item, Ge | Gt)), None)
    most = next((item for item in metadata if isinstance(item, Le)), None)
    if isinstance(least, Ge) and most is not None:
        return f"{least.ge} to {most.le}"
    if isinstance(least, Ge):
        return f"at least {least.ge}"
    if isinstance(least, Gt) and most is not None:
        return f"above {least.gt}, at most {most.le}"
    return otherwise


def _extra(field: FieldInfo, name: str) -> object:
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None
