"""``POST /api/chat`` and ``POST /api/generate``: a request in, an answer out as lines of JSON or as one document."""

import traceback
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass

from novakit import asgi, logs
from novakit.asgi import ClientLeftError
from novakit.clock import Clock
from starlette.types import Receive, Scope, Send

from ..engine.engine import Job
from ..engine.generation import Generation
from ..engine.residency import Residency
from ..engine.slots import SlotQueue
from ..metrics import Metrics
from ..process.stopping import Stopping
from . import durations, errors, names, options, wire
from .reply import Reply
from .wire import ChatRequest, GenerateRequest

MAX_BODY_BYTES = 4 * 1024 * 1024

Asked = ChatRequest | GenerateRequest

_OUTCOMES: Mapping[int, str] = {503: "busy", 500: "failed"}


@dataclass(frozen=True, slots=True)
class Parts:
    """What an answer is made with. ``name`` is the model's, ``keep_alive`` the usual one in seconds."""

    name: str
    keep_alive: float
    slots: SlotQueue
    residency: Residency
    generation: Generation
    stopping: Stopping
    metrics: Metrics
    clock: Clock


class Answering:
    """One of the two routes, as an ASGI endpoint."""

    def __init__(self, parts: Parts, kind: type[ChatRequest] | type[GenerateRequest]) -> None:
        self._parts = parts
        self._kind: type[Asked] = kind
        self._is_chat = kind is ChatRequest
        self._log = logs.get("answering")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        """Answer one request, and stop as soon as its client leaves."""
        reply = Reply(send)
        try:
            body = await asgi.read_body(receive, MAX_BODY_BYTES)
            stayed = await asgi.until_client_leaves(receive, self._serve(body, reply))
            outcome = "completed" if stayed else "cancelled"
        except ClientLeftError:
            outcome = "cancelled"
        except Exception as error:  # noqa: BLE001 (whatever broke, the client is told)
            outcome = await self._fail(error, reply)
        self._parts.metrics.request("chat" if self._is_chat else "generate", outcome)

    async def _fail(self, error: Exception, reply: Reply) -> str:
        told = errors.explain(error)
        if told.status == 500:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            # The message may quote what a person wrote; the place says enough.
            self._log.error("answer_failed", error=type(error).__name__, at=f"{frame.name}:{frame.lineno}")
        await reply.error(told)
        return _OUTCOMES.get(told.status, "refused")

    async def _serve(self, body: bytes, reply: Reply) -> None:
        parts = self._parts
        began = parts.clock.now()
        request = wire.parse(body, self._kind)
        if not names.same(request.model, parts.name):
            raise wire.not_found(request.model)
        wire.check_abilities(request)
        prompt = wire.prompt_of(request)
        job = Job(prompt, options.sampling(request.options), options.schema(request.format))
        keep_alive = parts.keep_alive if request.keep_alive is None else durations.keep_alive(request.keep_alive)
        with parts.stopping.guarded():
            if prompt:
                await self._answer(request, job, keep_alive, reply, began)
            else:
                await self._load_or_unload(request, keep_alive, reply)

    async def _load_or_unload(self, request: Asked, keep_alive: float, reply: Reply) -> None:
        if keep_alive == 0:
            await self._parts.residency.dismiss()
            reason = "unload"
        else:
            async with self._parts.residency.use(keep_alive):
                reason = "load"
        await reply.document(wire.ended(request.model, self._now(), reason, chat=self._is_chat))

    async def _answer(self, request: Asked, job: Job, keep_alive: float, reply: Reply, began: float) -> None:
        parts = self._parts
        whole: list[str] = []
        spoken = False
        async with (
            parts.slots.slot() as slot,
            parts.residency.use(keep_alive) as load,
            aclosing(parts.generation.stream(job, slot, truncate=request.truncate is not False)) as pieces,
        ):
            async for piece in pieces:
                if not isinstance(piece, str):
                    finished = piece
                    break
                if not spoken:
                    spoken = True
                    parts.metrics.first_token(parts.clock.now() - began)
                if request.streams:
                    await reply.line(wire.piece(request.model, self._now(), piece, chat=self._is_chat))
                else:
                    whole.append(piece)
        parts.metrics.finished(finished)
        end = wire.last(
            request.model,
            self._now(),
            finished,
            text="".join(whole),
            chat=self._is_chat,
            total=parts.clock.now() - began,
            load=load,
        )
        if request.streams:
            await reply.line(end, more=False)
        else:
            await reply.document(end)

    def _now(self) -> str:
        return wire.timestamp(self._parts.clock.wall())
