"""What every provider offers: one streamed call, and a free look at whether it could answer."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date

from ...domain.chat import Locality, ProviderRequest
from ...domain.errors import Garbled
from ...domain.events import Completion, Delta, Finished, ReasoningDelta, TextDelta
from ...routing.policy import Candidate

Window = Callable[[str, str], int | None]
"""How many tokens a model reads: of a vendor (see ``priced_as``) by its name, None where that is not known."""


def nothing_known(_vendor: str, _model: str) -> int | None:
    """The window of whoever has no data to look at."""
    return None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a provider's free answers tell of itself and of the model that would answer.

    ``listed`` says whether its list names the model; None where it has no such list. ``retires`` is the day from
    which the model is gone, as the provider itself tells it; ``deprecated``: it is to go some day. ``version`` is the
    server's. ``loaded`` says whether the model is in memory; None where that is nobody's business. ``hosted``: the
    server has the model's work done in a cloud.
    """

    model: str
    listed: bool | None = True
    retires: date | None = None
    deprecated: bool = False
    version: str = ""
    loaded: bool | None = None
    hosted: bool = False


class Provider(ABC):
    """One configured provider and its model.

    ``name`` is its name in ``LLM_PROVIDER_PRIORITY``. ``locality`` is what was declared, never guessed from an
    answer. ``on_this_machine`` says whether a call to it leaves this machine. ``context_tokens`` is how long a
    conversation with its answer may be, in tokens. ``priced_as`` is how genai-prices knows the provider: its id
    there, or the address of its API; empty where no price can be known. ``prefills`` says whether it goes on with an
    answer that is the conversation's last message; others are asked to in words. ``window`` is what is publicly known
    of models, for those who have nothing better to go by.
    """

    name: str
    locality: Locality
    on_this_machine: bool
    context_tokens: int
    priced_as: str = ""
    prefills: bool = False
    window: Window = staticmethod(nothing_known)

    @property
    @abstractmethod
    def model(self) -> str:
        """The model that would answer now; empty while it is not known."""

    def candidate(self, model: str = "") -> Candidate:
        """This provider as ``plan()`` sees it, with another of its models where one is named."""
        return Candidate(
            self.name,
            model or self.model,
            self.locality,
            self.on_this_machine,
            context_tokens=self.context_tokens,
            asked_model=model,
        )

    @abstractmethod
    async def ensure_ready(self) -> None:
        """Return where a call could succeed, else raise ProviderError. Free: never a prompt, never a token."""

    def key_replaced(self, _owner: str, _key: str, /) -> None:
        """The key of the provider ``_owner`` was replaced: it is used from the next call on, and never quoted."""
        return

    async def examine(self) -> Standing:
        """A closer look for a person, as free as ``ensure_ready`` and by GET alone; raises ProviderError."""
        await self.ensure_ready()
        return Standing(self.model)

    async def is_cold(self, _model: str = "", /) -> bool:
        """Whether the model has to be loaded before it can answer. Free; raises ProviderError."""
        return False

    async def warm_up(self, _model: str = "", /) -> None:
        """Let the model be loaded, without asking it anything; raises ProviderError."""
        return

    @abstractmethod
    def stream(self, request: ProviderRequest) -> AsyncGenerator[Delta]:
        """The answer as ``(TextDelta | ReasoningDelta)* Finished``; raises ProviderError.

        ``request.model`` names another model than the configured one. Nothing is sent before the first ``anext``.
        Closing the generator closes the upstream connection at once.
        Times are the caller's business, but for the connect timeout.
        """

    async def generate(self, request: ProviderRequest) -> Completion:
        """The whole answer: a fold of ``stream``; raises ProviderError."""
        return await gather(self.stream(request))


async def gather(deltas: AsyncGenerator[Delta]) -> Completion:
    """Fold a stream; raises Garbled (truncated) where it ends without ``Finished``."""
    text: list[str] = []
    reasoning: list[str] = []
    async with aclosing(deltas):
        async for delta in deltas:
            match delta:
                case TextDelta():
                    text.append(delta.text)
                case ReasoningDelta():
                    reasoning.append(delta.text)
                case Finished():
                    return Completion("".join(text), "".join(reasoning), delta)
    raise Garbled("the stream ended without its terminal mark", reason="truncated")
