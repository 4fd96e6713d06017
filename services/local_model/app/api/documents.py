"""What ``/api/tags``, ``/api/ps`` and ``/api/show`` say of the model. Pure."""

from ..engine.model_file import Facts
from . import options, wire
from .wire import Document

CAPABILITIES = ("completion",)


def tag(name: str, facts: Facts) -> Document:
    """The model's entry in ``/api/tags``."""
    return {
        "name": name,
        "model": name,
        "modified_at": wire.timestamp(facts.modified_at),
        "size": facts.size,
        "digest": facts.digest,
        "details": _details(facts),
        "capabilities": list(CAPABILITIES),
    }


def running(name: str, facts: Facts, *, context: int, expires_at: float) -> Document:
    """The model's entry in ``/api/ps`` while it is loaded; ``expires_at`` in wall time."""
    return {
        "name": name,
        "model": name,
        "size": facts.size,
        "digest": facts.digest,
        "details": _details(facts),
        "expires_at": wire.timestamp(expires_at),
        "size_vram": 0,
        "context_length": context,
    }


def show(name: str, facts: Facts) -> Document:
    """The answer of ``/api/show``."""
    metadata = facts.head.metadata
    parameters = options.described()
    lines = "\n".join(f"PARAMETER {' '.join(line.split())}" for line in parameters.splitlines())
    return {
        "license": str(metadata.get("general.license", "")),
        "modelfile": f"FROM {name}\n{lines}\n",
        "parameters": parameters,
        "template": str(metadata.get("tokenizer.chat_template", "")),
        "details": _details(facts),
        "model_info": {**metadata, "general.parameter_count": facts.head.parameters},
        "capabilities": list(CAPABILITIES),
        "modified_at": wire.timestamp(facts.modified_at),
    }


def _details(facts: Facts) -> Document:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": facts.head.architecture,
        "families": [facts.head.architecture],
        "parameter_size": facts.head.parameter_size,
        "quantization_level": facts.head.quantization,
    }
