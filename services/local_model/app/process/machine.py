"""What this machine offers the engine: its cores, and the instructions that the engine was compiled for. Pure."""

import math
import re

REQUIRED_FEATURES = ("avx", "avx2", "bmi2", "f16c", "fma")
"""The engine's wheel for x86-64 uses these without asking; a CPU that lacks one would end the process (SIGILL)."""


def missing_features(cpuinfo: str) -> tuple[str, ...]:
    """What an x86-64 CPU lacks, by the text of ``/proc/cpuinfo``; nothing where the text names no flags."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    if flags is None:
        return ()
    present = set(flags[1].split())
    return tuple(feature for feature in REQUIRED_FEATURES if feature not in present)


def unfit(architecture: str, cpuinfo: str) -> str:
    """Why this machine cannot run the embedded model, in a sentence that says what to do; empty where it can."""
    missing = missing_features(cpuinfo) if architecture in {"x86_64", "AMD64"} else ()
    if not missing:
        return ""
    return (
        f"The embedded model cannot run on this CPU, which lacks {', '.join(missing)}: "
        "set OLLAMA_URL to an Ollama server, or take ollama out of LLM_PROVIDER_PRIORITY."
    )


def cores(affinity: int, cpu_max: str) -> int:
    """How many cores this process may use: its affinity, less where a container's ``cpu.max`` allows less."""
    quota, _, period = cpu_max.partition(" ")
    if not quota.isdecimal() or not period.strip().isdecimal() or int(period) == 0:
        return affinity
    return max(1, min(affinity, math.ceil(int(quota) / int(period))))


def threads(usable_cores: int) -> int:
    """The threads that write an answer.

    Half the cores: the others of this machine keep theirs, and one busy core then does not hold up all threads,
    which wait for each other at every layer. Prompts are read with all cores.
    """
    return max(1, usable_cores // 2)
