"""Says whether a library that the engine needs is missing; ``make setup`` runs it as a module."""

import platform
import sys

from ..engine.library import ENGINE_LIBRARY, NO_LIBRARY
from .process import can_load

if __name__ == "__main__" and platform.system() == "Linux" and not can_load(ENGINE_LIBRARY):
    sys.stdout.write(f"{NO_LIBRARY} Without the embedded model NovaCore works with Ollama or a cloud provider.\n")
