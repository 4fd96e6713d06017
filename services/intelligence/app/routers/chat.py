"""The hot path: ``POST /api/chat/message`` and ``/api/chat/stream``, as ASGI endpoints inside the FastAPI app."""

import asyncio
from dataclasses import replace
from typing import Literal

import msgspec
from novakit.asgi import client_watched, read_body, respond
from novakit.identity import TokenVerifier
from novakit.ids import is_uuid
from novakit.problem import Problem
from starlette.types import Receive, Scope, Send

from ..domain.chat import ProviderRequest
from ..routing.facts import Fact, to_remember
from ..services.answers.beginning import Question
from ..services.answers.conversation import Conversations
from ..services.answers.elsewhere import Abroad
from ..services.answers.replay import BROKEN_OFF
from ..services.answers.turn import Endpoint, Turn
from ..services.memory_client import Wishes
from ..store.keys import Key
from ..store.turns import EndedPrompt
from .caller import Caller, RecallOf, WishesOf, identify
from .keys import key_of
from .provider_headers import provider_headers
from .streaming import answer, over, rewinds, tell, told_as_problems

MESSAGE_PATH = "/api/chat/message"
STREAM_PATH = "/api/chat/stream"
CHAT_PATHS = frozenset({MESSAGE_PATH, STREAM_PATH})
MAX_BODY_BYTES = 1024 * 1024


class ChatMessage(msgspec.Struct, forbid_unknown_fields=True):
    """The body of both calls."""

    message: str
    session_id: str | None = None
    use_memory: bool = True
    local_only: bool = False
    parent_id: str | None = None
    prefer: Literal["local", "cloud"] | None = None


class ChatResponse(msgspec.Struct):
    """The answer of ``message``, exactly."""

    response: str
    session_id: str
    tokens_used: int
    latency_ms: int


_decode = msgspec.json.Decoder(ChatMessage).decode
_encode = msgspec.json.Encoder().encode


class ChatEndpoints:
    """Both endpoints; what they need is wired once."""

    def __init__(
        self,
        conversations: Conversations,
        verifier: TokenVerifier,
        wishes_of: WishesOf,
        max_chars: int,
        *,
        recall: RecallOf | None,
        learns: bool,
        expose_provider: bool,
    ) -> None:
        """``recall`` None: facts are not asked for. ``learns``: there is somebody to remember them."""
        self._wishes_of = wishes_of
        self._recall = recall
        self._learns = learns
        self._conversations = conversations
        self._verifier = verifier
        self._max_chars = max_chars
        self._expose_provider = expose_provider

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to either path."""
        answering = self.message if scope["path"] == MESSAGE_PATH else self.stream
        await answer(answering, "POST", scope, receive, send)

    async def message(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole answer at once."""
        found = await self._begin(scope, receive, "message")
        headers: list[tuple[bytes, bytes]] = []
        outcome = await self._outcome(found, receive)
        if outcome is None or outcome.status == "failed":
            raise Problem(500, "The answer could not be made or stored; the log of this service has the details.")
        if outcome.status == "interrupted":
            raise Problem(503, f"{BROKEN_OFF} The history has it.", headers={"Retry-After": "2"})
        if isinstance(found, Turn):
            headers = self._provider_headers(found)
        body = _encode(ChatResponse(outcome.text, outcome.session_id, outcome.tokens_used, outcome.latency_ms))
        await respond(send, body, headers=headers)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer as it comes."""
        found = await self._begin(scope, receive, "stream")
        # One turn of the loop lets the answer begin, so that its first event goes out with the head.
        await asyncio.sleep(0)
        await tell(found, scope, receive, send, place=0)

    async def foresee(self, body: bytes, caller: Caller) -> ProviderRequest:
        """What a provider would be asked for the message of this body; raises the Problem that ``message`` would."""
        asked = self._asked(body)
        wishes, facts = await self._asked_of_memory(caller, asked)
        question = replace(_question(caller, asked, "message"), facts=facts)
        with told_as_problems():
            return await self._conversations.foresee(question, wishes)

    async def _outcome(self, turn: Turn | EndedPrompt | Abroad, receive: Receive) -> EndedPrompt | None:
        if isinstance(turn, Abroad):
            return await over(turn, receive)
        if isinstance(turn, EndedPrompt):
            return turn
        turn.join()
        with client_watched(receive, turn.leave):
            await turn.over()
        return turn.outcome

    async def _begin(self, scope: Scope, receive: Receive, endpoint: Endpoint) -> Turn | EndedPrompt | Abroad:
        caller = identify(scope, self._verifier)
        asked = self._asked(await read_body(receive, MAX_BODY_BYTES))
        key = key_of(scope, caller, endpoint, asked)
        wishes, facts = await self._asked_of_memory(caller, asked)
        question = _question(caller, asked, endpoint, rewinds=rewinds(scope), key=key)
        question = replace(question, facts=facts, to_remember=self._to_remember(asked))
        return await self._conversations.begin(question, wishes)

    async def _asked_of_memory(self, caller: Caller, asked: ChatMessage) -> tuple[Wishes, tuple[Fact, ...]]:
        """Both at once: each has the same deadline, so that memory costs one at most."""
        wishes = self._wishes_of(caller.user_id, caller.request_id)
        if self._recall is None or not asked.use_memory:
            return await wishes, ()
        return await asyncio.gather(wishes, self._recall(caller.user_id, asked.message, caller.request_id))

    def _to_remember(self, asked: ChatMessage) -> str | None:
        return to_remember(asked.message) if self._learns and asked.use_memory else None

    def _asked(self, body: bytes) -> ChatMessage:
        try:
            asked = _decode(body)
        except msgspec.DecodeError as error:
            raise Problem(422, f"The body cannot be used: {error}.") from None
        except UnicodeDecodeError:
            raise Problem(422, "The body cannot be used: it is not UTF-8.") from None
        if not asked.message.strip():
            raise Problem(422, "message is empty.")
        if len(asked.message) > self._max_chars:
            raise Problem(422, f"message has {len(asked.message)} characters; {self._max_chars} are allowed.")
        for name, value in (("session_id", asked.session_id), ("parent_id", asked.parent_id)):
            if value is not None and not is_uuid(value):
                raise Problem(422, f"{name} is not a UUID.")
        if asked.parent_id is not None and asked.session_id is None:
            raise Problem(422, "parent_id needs the session_id that it belongs to.")
        return asked

    def _provider_headers(self, turn: Turn) -> list[tuple[bytes, bytes]]:
        outcome = turn.outcome
        if not self._expose_provider or outcome is None or outcome.provider is None:
            return []
        return provider_headers(outcome.provider, outcome.model or "", turn.route.fallback()[1])


def _question(
    caller: Caller, asked: ChatMessage, endpoint: Endpoint, *, rewinds: bool = False, key: Key | None = None
) -> Question:
    return Question(
        user_id=caller.user_id,
        request_id=caller.request_id,
        text=asked.message,
        session_id=asked.session_id.lower() if asked.session_id else None,
        parent_id=asked.parent_id.lower() if asked.parent_id else None,
        local_only=asked.local_only,
        prefer=asked.prefer,
        endpoint=endpoint,
        rewinds=rewinds,
        key=key,
        traceparent=caller.traceparent,
    )
