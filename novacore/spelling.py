"""Finds the settings in ``.env`` that nothing reads because their names are misspelt. Pure."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from novakit.findings import Finding

from .environment import SECRETS
from .settings import LauncherSettings
from .topology import SERVICES

LIKENESS = 0.75
"""From 0 to 1. A file may hold settings of other programs too: only what looks much like one of ours is told."""
OF_A_ROW = ("BASE_URL", "API_KEY", "MODEL", "LOCALITY")
OF_THE_COMMAND_LINE = frozenset({"NOVACORE_ENV_FILE", "NOVACORE_URL"})


def known(of_services: Iterable[str], priority: Iterable[str]) -> frozenset[str]:
    """Every variable that is read: by the services, by the launcher, and for the rows that the priority names."""
    own = {variable.name for variable in LauncherSettings.variables()}
    own |= {name for row in SERVICES for name in (row.host_variable, row.port_variable)}
    own |= {name for name in SECRETS if "*" not in name}
    rows = {f"{name.upper().replace('-', '_')}_{field}" for name in priority for field in OF_A_ROW}
    return frozenset({*of_services, *own, *rows, *OF_THE_COMMAND_LINE})


def misspelt(written: Iterable[str], variables: Collection[str]) -> list[Finding]:
    """A warning for each name that is none of the variables, but much like one of them."""
    found = []
    for name in written:
        bare = name.removesuffix("_FILE")
        close = get_close_matches(bare, variables, n=1, cutoff=LIKENESS)
        if close and bare not in variables and name not in variables:
            text = f"nothing reads {name}, which stands in .env; is {close[0]} meant?"
            found.append(
                Finding("warning", "settings", "spelling", text, f"Correct the name to {close[0]}, or take it out.")
            )
    return found
