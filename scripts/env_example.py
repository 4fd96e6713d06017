"""Writes ``env.example`` from the settings classes. Run ``python scripts/env_example.py`` after changing one."""

import textwrap
from pathlib import Path

from novakit.settings import PLACEHOLDER, Settings, Variable
from novakit.tracing_settings import TracingSettings

from novacore.settings import LauncherSettings
from novacore.topology import SERVICES
from services.gateway.app.config import Settings as Gateway
from services.intelligence.app.config import Row
from services.intelligence.app.config import Settings as Intelligence
from services.local_model.app.config import Settings as LocalModel
from services.memory.app.config import Settings as Memory

TARGET = Path(__file__).resolve().parent.parent / "env.example"
WIDTH = 100

INTRODUCTION = """\
NovaCore's settings, with their defaults. Copy this file to .env and change what you need; a line that starts with # \
is not read. The environment counts more than the file. An empty value and replace-me mean unset. X_FILE=/path reads \
the value of X from a file.
"""

SECTIONS: tuple[tuple[str, type[Settings]], ...] = (
    ("Chat and providers (intelligence)", Intelligence),
    ("The door (gateway)", Gateway),
    ("Preferences (memory)", Memory),
    ("The built-in model (local model)", LocalModel),
    ("Starting and stopping (launcher)", LauncherSettings),
    ("Traces (gateway and intelligence)", TracingSettings),
)
_OF_TRACES = {variable.name for variable in TracingSettings.variables()}

COMMAND_LINE = (
    Variable("NOVACORE_URL", "", "Where `novacore chat` finds the gateway; unset: this machine.", secret=False),
    Variable("NOVACORE_API_KEY", "", "The key of `novacore chat`; unset: the one that `up` made.", secret=True),
)


def belongs(name: str, settings: type[Settings]) -> bool:
    """Whether a variable is told of in the section of these settings: services inherit those of traces."""
    return settings is TracingSettings or name not in _OF_TRACES


def render() -> str:
    """The whole file."""
    told: set[str] = set()
    parts = [_comment(INTRODUCTION)]
    for title, settings in SECTIONS:
        variables = [
            variable
            for variable in settings.variables()
            if not variable.internal and belongs(variable.name, settings)
        ]
        parts.append(_section(title, [variable for variable in variables if variable.name not in told]))
        told.update(variable.name for variable in variables)
    parts.insert(
        2, _section("Any other name x in LLM_PROVIDER_PRIORITY: a server with OpenAI's API", list(Row.variables()))
    )
    parts.append(_section("Where each service listens (`up` picks free ports itself)", _addresses(told)))
    parts.append(_section("The command line", COMMAND_LINE))
    return "\n".join(parts)


def _addresses(told: set[str]) -> list[Variable]:
    found = []
    for row in SERVICES:
        found.append(Variable(row.host_variable, "127.0.0.1", f"Address that {row.name} binds to.", secret=False))
        found.append(Variable(row.port_variable, str(row.default_port), f"Port of {row.name}.", secret=False))
    return [variable for variable in found if variable.name not in told]


def _section(title: str, variables: "list[Variable] | tuple[Variable, ...]") -> str:
    return f"\n# {'-' * 3} {title} {'-' * 3}\n\n" + "\n".join(_entry(variable) for variable in variables)


def _entry(variable: Variable) -> str:
    value = variable.default or (PLACEHOLDER if variable.secret else "")
    quoted = f'"{value}"' if " " in value else value
    return f"{_comment(sentence(variable.meaning))}# {variable.name}={quoted}\n"


def sentence(meaning: str) -> str:
    """What a variable means, as a sentence; an address that it begins with stays as it is."""
    told = meaning.removesuffix(".") + "."
    return told if "://" in told.partition(" ")[0] else told[:1].upper() + told[1:]


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, WIDTH))


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
