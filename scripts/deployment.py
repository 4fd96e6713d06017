"""Writes what the settings say in deployments: the environment of each container, and Terraform's variables.

``make documents`` does it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from novakit.settings import Settings, Variable

from novacore.environment import SECRETS, may_see
from novacore.settings import ProcessSettings
from novacore.topology import SERVICES, Service
from services.gateway.app.config import Settings as Gateway
from services.intelligence.app.config import Settings as Intelligence
from services.local_model.app.config import Settings as LocalModel
from services.memory.app.config import Settings as Memory

ROOT = Path(__file__).resolve().parent.parent
SETTINGS: dict[str, type[Settings]] = {
    "gateway": Gateway,
    "intelligence": Intelligence,
    "memory": Memory,
    "local_model": LocalModel,
}
DECIDED = frozenset(
    {
        *(name for row in SERVICES for name in (row.host_variable, row.port_variable)),
        *(row.url_variable for row in SERVICES if row.url_variable not in {None, "OLLAMA_URL"}),
        "NOVACORE_DATA_DIR",
        "PAGE_DIR",
    }
)
"""What the image or the deployment itself decides."""
COMMAND_LINES = frozenset({"NOVACORE_URL", "NOVACORE_API_KEY"})
"""What only `novacore chat` reads."""
NOTE = "# Written by `make documents` from the settings classes (scripts/deployment.py); do not change it by hand.\n"


def settings_of(row: Service) -> list[Variable]:
    """What a deployment can set for a service, in the order of its class."""
    every = (*SETTINGS[row.name].variables(), *ProcessSettings.variables())
    return [variable for variable in every if not variable.internal and variable.name not in DECIDED]


def secrets_of(row: Service) -> list[str]:
    """The names of a service's secrets."""
    return [variable.name for variable in settings_of(row) if is_secret(variable)]


def is_secret(variable: Variable) -> bool:
    """Whether it is kept as one: its class says so, or the launcher does (a database's URL holds a password)."""
    return variable.secret or variable.name in SECRETS


def compose() -> str:
    """``deploy/environment.yml``: what each container's environment takes over from ``.env``.

    Intelligence is given the whole file besides, for providers that are rows of settings; there, what is another's is
    empty.
    """
    lines = [NOTE, "services:\n"]
    for row in SERVICES:
        lines.append(f"  {row.name}:\n    environment:\n")
        lines += [f"      {variable.name}:\n" for variable in settings_of(row)]
        if row.asks_providers:
            lines += [f'      {name}: ""\n' for name in others_secrets(row)]
    return "".join(lines)


def compose_files() -> str:
    """``deploy/secrets.yml``: the same for production, where each secret is a file, and an environment holds none."""
    lines = [NOTE, "services:\n"]
    for row in SERVICES:
        names = secrets_of(row)
        if not names:
            continue
        lines.append(f"  {row.name}:\n    environment:\n")
        lines += [f'      {name}: ""\n      {name}_FILE: /run/secrets/{name.lower()}\n' for name in names]
        lines.append("    secrets:\n")
        lines += [f"      - {name.lower()}\n" for name in names]
    return "".join(lines)


def others_secrets(row: Service) -> list[str]:
    """Secrets that stand in the same file and are not this service's."""
    names = [name for name in SECRETS if "*" not in name]
    return [each for name in names for each in (name, f"{name}_FILE") if not may_see(row, name)]


def all_secrets() -> list[str]:
    """Every secret, each once."""
    return list(dict.fromkeys(name for row in SERVICES for name in secrets_of(row)))


def terraform() -> str:
    """``infrastructure/terraform/settings.tf``: a variable for each setting that is no secret, and who gets which."""
    variables = {
        variable.name: variable for row in SERVICES for variable in settings_of(row) if not is_secret(variable)
    }
    parts = [NOTE, *(_terraform_variable(variable) for variable in variables.values())]
    parts.append("locals {\n  # A setting that is null keeps its default and is in no container's environment.\n")
    parts.append("  settings = {\n")
    for row in SERVICES:
        names = [variable.name for variable in settings_of(row) if not is_secret(variable)]
        parts.append(f"    {row.name} = {{\n{_aligned(names)}    }}\n")
    parts.append("  }\n  secrets = {\n")
    width = max(len(row.name) for row in SERVICES)
    parts += [f"    {row.name:<{width}} = {json.dumps(secrets_of(row))}\n" for row in SERVICES]
    parts.append("  }\n}\n")
    return "".join(parts)


def _terraform_variable(variable: Variable) -> str:
    default = f" Default: {variable.default}." if variable.default else ""
    meaning = json.dumps(f"{variable.meaning.rstrip('.')}.{default}", ensure_ascii=False).replace("${", "$${")
    return (
        f'\nvariable "{variable.name.lower()}" {{\n'
        f"  description = {meaning}\n  type        = string\n  default     = null\n}}\n\n"
    ).rstrip("\n") + "\n"


def _aligned(names: list[str]) -> str:
    width = max(map(len, names))
    return "".join(f"      {name:<{width}} = var.{name.lower()}\n" for name in names)


def targets() -> Iterator[tuple[Path, str]]:
    """Each generated file and what it has to say."""
    yield ROOT / "deploy" / "environment.yml", compose()
    yield ROOT / "deploy" / "secrets.yml", compose_files()
    yield ROOT / "infrastructure" / "terraform" / "settings.tf", terraform()
