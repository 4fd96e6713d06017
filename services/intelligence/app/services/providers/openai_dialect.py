"""Which of the servers with OpenAI's API this is, and what that changes: address, authorisation, parameters. Pure.

Told by the host name (providers that hide behind another host are taken for "another server", which is the safe
choice) and, for Azure, by whether an api-version is configured.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

Kind = Literal["openai", "azure_classic", "azure_v1", "other"]

AZURE_SUFFIXES = (
    ".openai.azure.com",
    ".services.ai.azure.com",
    ".cognitiveservices.azure.com",
    ".azure-api.net",
)
REASONING_FAMILIES = ("o1", "o3", "o4", "gpt-5", "gpt-6")
"""Their models choose their words themselves, and count what they think against ``max_completion_tokens``."""
NOT_FOR_REASONING = frozenset({"temperature", "top_p", "frequency_penalty", "presence_penalty", "stop"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """``base`` is the address up to where the paths of the API begin; ``api_version`` is Azure's, else empty."""

    kind: Kind
    base: str
    api_version: str = ""

    def chat_url(self, model: str) -> str:
        """Where completions are asked for."""
        if self.kind == "azure_classic":
            deployment = quote(model, safe="")
            return f"{self.base}/openai/deployments/{deployment}/chat/completions?api-version={self.api_version}"
        return f"{self.base}/chat/completions"

    def check_url(self, model: str) -> str:
        """What can be asked for free. Azure lists the models that could be deployed, not those that are."""
        if self.kind == "openai":
            return f"{self.base}/models/{quote(model, safe='')}"
        if self.kind == "azure_classic":
            return f"{self.base}/openai/models?api-version={self.api_version}"
        return f"{self.base}/models"

    def headers(self, api_key: str | None, organization: str | None, project: str | None) -> dict[str, str]:
        """Who asks. Organisation and project are OpenAI's own, and go to nobody else."""
        headers = self.authorization(api_key) if api_key else {}
        if self.kind == "openai":
            headers |= {"OpenAI-Organization": organization} if organization else {}
            headers |= {"OpenAI-Project": project} if project else {}
        return headers

    def authorization(self, api_key: str) -> dict[str, str]:
        """The headers that carry the key."""
        is_azure = self.kind in {"azure_classic", "azure_v1"}
        return {"api-key": api_key} if is_azure else {"Authorization": f"Bearer {api_key}"}

    @property
    def obfuscates(self) -> bool:
        """Whether the server pads its events unless it is asked not to; others may not know the option."""
        return self.kind == "openai"

    def limit_names(self, model: str) -> tuple[str, str]:
        """What the answer's limit is called, and what it is called by others.

        Most servers read the older name alone: Ollama's own /v1 ignores the newer one in silence.
        """
        newer = self.kind == "openai" or (self.kind != "other" and is_reasoning(model))
        names = ("max_completion_tokens", "max_tokens")
        return names if newer else (names[1], names[0])

    def not_taken(self, model: str) -> frozenset[str]:
        """Parameters that this model is known to turn down."""
        return NOT_FOR_REASONING if self.kind != "other" and is_reasoning(model) else frozenset()

    @property
    def vendor(self) -> str:
        """How genai-prices knows the server: its id there, or the address."""
        return {"openai": "openai", "azure_classic": "azure", "azure_v1": "azure"}.get(self.kind, self.base)


def dialect_of(base_url: str, api_version: str | None) -> Dialect:
    """The dialect behind an address; an Azure address is given with or without ``/openai/v1``."""
    base = base_url.rstrip("/")
    if is_azure(base):
        resource = base.removesuffix("/v1").removesuffix("/openai")
        if api_version:
            return Dialect("azure_classic", resource, api_version)
        return Dialect("azure_v1", f"{resource}/openai/v1")
    host = urlsplit(base).hostname or ""
    official = host == "api.openai.com" or host.endswith(".api.openai.com")
    return Dialect("openai" if official else "other", base)


def is_azure(base_url: str) -> bool:
    """Whether this is one of Azure's hosts."""
    return (urlsplit(base_url).hostname or "").endswith(AZURE_SUFFIXES)


def is_reasoning(model: str) -> bool:
    """Whether the name is that of one of OpenAI's reasoning models; ``gpt-5-chat`` models are none."""
    return model.startswith(REASONING_FAMILIES) and "-chat" not in model
