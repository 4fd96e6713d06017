"""The hot path: ``POST /api/chat/message`` and ``/api/chat/stream``, as ASGI endpoints inside the FastAPI app."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from novakit.asgi import ClientLeftError, client_watched, header, read_body, respond, respond_problem
from novakit.identity import TokenVerifier
from novakit.ids import is_uuid
from novakit.problem import CRASHED, Problem
from starlette.types import Message, Receive, Scope, Send

from ..services.conversation import Conversations, Question
from ..services.turn import Endpoint, Turn
from ..store.turns import ParentMissingError, SessionEndedError, SessionMissingError
from .caller import Caller, identify
from .provider_headers import provider_headers

MESSAGE_PATH = "/api/chat/message"
STREAM_PATH = "/api/chat/stream"
CHAT_PATHS = frozenset({MESSAGE_PATH, STREAM_PATH})
STREAM_VERSION_HEADER = b"x-novacore-stream"
"""``2``: the reader knows the events ``replace`` and ``reset``."""
MAX_BODY_BYTES = 1024 * 1024
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


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


ProviderOrder = Callable[[str], Awaitable[tuple[str, ...]]]
"""Whom a user wants asked first, as the memory service knows it."""

_decode = msgspec.json.Decoder(ChatMessage).decode
_encode = msgspec.json.Encoder().encode


class ChatEndpoints:
    """Both endpoints; what they need is wired once."""

    def __init__(
        self,
        conversations: Conversations,
        verifier: TokenVerifier,
        provider_order: ProviderOrder,
        max_chars: int,
        *,
        expose_provider: bool,
    ) -> None:
        self._provider_order = provider_order
        self._conversations = conversations
        self._verifier = verifier
        self._max_chars = max_chars
        self._expose_provider = expose_provider

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to either path."""
        if scope["method"] != "POST":
            await respond_problem(send, Problem(405, "This path takes POST only.", headers={"Allow": "POST"}))
            return
        begun = False

        async def answering(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            answer = self.message if scope["path"] == MESSAGE_PATH else self.stream
            await answer(scope, receive, answering)
        except Problem as problem:
            await respond_problem(send, problem)
        except ClientLeftError:
            return
        except Exception:
            if not begun:
                await respond_problem(send, Problem(500, CRASHED))
            raise

    async def message(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The whole answer at once."""
        turn = await self._begin(scope, receive, "message")
        with client_watched(receive, lambda: turn.cut("interrupted")):
            await turn.over()
        outcome = turn.outcome
        if outcome is None or outcome.status == "failed":
            raise Problem(500, "The answer could not be made or stored; the log of this service has the details.")
        body = _encode(ChatResponse(outcome.text, outcome.session_id, outcome.tokens_used, outcome.latency_ms))
        await respond(send, body, headers=self._provider_headers(turn))

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer as it comes."""
        turn = await self._begin(scope, receive, "stream")
        with client_watched(receive, lambda: turn.cut("interrupted")):
            # One turn of the loop lets the answer begin, so that its first event goes out with the head.
            await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
            async for chunk in turn.read(asyncio.get_running_loop().call_later):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _begin(self, scope: Scope, receive: Receive, endpoint: Endpoint) -> Turn:
        caller = identify(scope, self._verifier)
        rewinds = header(scope, STREAM_VERSION_HEADER) == "2"
        question = self._question(await read_body(receive, MAX_BODY_BYTES), caller, endpoint, rewinds=rewinds)
        order = await self._provider_order(caller.user_id)
        try:
            return await self._conversations.begin(question, order)
        except SessionMissingError:
            raise Problem(404, "There is no such session.") from None
        except SessionEndedError:
            raise Problem(409, "This session has ended; start a new one.") from None
        except ParentMissingError:
            raise Problem(404, "parent_id names no message of this session.") from None

    def _question(self, body: bytes, caller: Caller, endpoint: Endpoint, *, rewinds: bool) -> Question:
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
        )

    def _provider_headers(self, turn: Turn) -> list[tuple[bytes, bytes]]:
        outcome = turn.outcome
        if not self._expose_provider or outcome is None or outcome.provider is None:
            return []
        return provider_headers(outcome.provider, outcome.model or "", turn.route.fallback()[1])
