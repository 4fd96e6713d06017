"""Model names: ``host/namespace/model:tag``, of which all but the model may be left out. Pure."""

DEFAULT_TAG = "latest"
_DEFAULT_PREFIXES = ("registry.ollama.ai/", "library/")


def full(name: str) -> str:
    """The name with its tag, in lower case and without the default host and namespace."""
    short = name.strip().lower()
    for prefix in _DEFAULT_PREFIXES:
        short = short.removeprefix(prefix)
    return short if ":" in short.rsplit("/", 1)[-1] else f"{short}:{DEFAULT_TAG}"


def same(one: str, other: str) -> bool:
    """Whether two names mean one model. A name without a tag means ``:latest``."""
    return full(one) == full(other)
