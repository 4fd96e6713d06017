"""The headers that say who answered, for operators who want them (``EXPOSE_PROVIDER_HEADERS``)."""


def provider_headers(provider: str, model: str, fallback_reason: str | None = None) -> list[tuple[bytes, bytes]]:
    """Provider, model, and why it was not the first choice, where it was not."""
    headers = [(b"x-novacore-provider", provider.encode()), (b"x-novacore-model", _header_text(model))]
    return [*headers, (b"x-novacore-fallback-reason", fallback_reason.encode())] if fallback_reason else headers


def _header_text(text: str) -> bytes:
    """A name that a server chose, as a header may carry it."""
    return "".join(character if character.isprintable() else "?" for character in text).encode("ascii", "replace")
