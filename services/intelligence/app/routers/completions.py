"""The OpenAI-compatible API: ``POST /v1/chat/completions`` and ``GET /v1/models``, as ASGI endpoints."""

import asyncio
from contextlib import aclosing, suppress
from dataclasses import dataclass
from math import ceil
from typing import Literal
from urllib.parse import unquote

import msgspec
from novakit import compatible, logs, sse
from novakit.asgi import ClientLeftError, header, read_body, respond, until_client_leaves
from novakit.clock import Clock
from novakit.compatible import CompatibleError
from novakit.database.outage import unavailable
from novakit.identity import TokenVerifier
from novakit.ids import NewId
from novakit.problem import CRASHED, Problem
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from ..domain.errors import ProviderError
from ..domain.events import Finished, TextDelta
from ..routing.targets import AUTO, UnknownModelError, resolve
from ..routing.trail import AllProvidersFailed, InterruptedAnswer, Replaced, Reset
from ..services.answers.apology import locked_out_sentence
from ..services.answers.drain import CutShortError, Drain, DrainingError
from ..services.answers.turn import SEAM_LINE
from ..services.completion_frames import DONE, Chunks, FinishName, error_event, finish_reason, whole
from ..services.completions import Completions, Wanted
from ..services.llm_router import ProviderOrchestrator
from ..services.quotas.users import UserOverQuotaError
from ..services.route_record import RouteRecord
from ..services.stored_route import CallRecord
from ..store.jobs import StoreLostError
from .caller import Caller, WishesOf, identify
from .chat import MAX_BODY_BYTES
from .completion_body import CompletionBody, read_completion
from .provider_headers import provider_headers
from .streaming import over_quota

PREFIX = "/v1/"
COMPLETIONS_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"
LOCAL_ONLY_HEADER = b"x-novacore-local-only"
HEARTBEAT_SEC = 15.0
STOPPING = "NovaCore is stopping; try again in a moment."
FORBIDDEN = "The cloud was forbidden to this user while a cloud provider was answering; the answer was cut off."
RETRY_AFTER_SEC = 5
"""For callers whom nobody could answer, where no provider has named a time."""
RETRY_AFTER_MAX_SEC = 600
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_REQUEST_FAULTS = frozenset({"invalid_request", "context_too_long"})

log = logs.get("completions")


@dataclass(frozen=True, slots=True)
class CompletionParts:
    """What the endpoints need; wired once."""

    completions: Completions
    orchestrator: ProviderOrchestrator
    verifier: TokenVerifier
    wishes_of: WishesOf
    clock: Clock
    new_id: NewId
    cloud_enabled: bool
    expose_provider: bool
    drain: Drain


class ModelCard(msgspec.Struct, kw_only=True):
    """One value of ``model``. ``created`` is when this service started, in seconds since 1970."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(msgspec.Struct, kw_only=True):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class CompletionEndpoints:
    """Everything under ``/v1``."""

    def __init__(self, parts: CompletionParts) -> None:
        self._parts = parts
        self._started = int(parts.clock.wall())

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to a path under ``/v1``; errors have OpenAI's shape."""
        reply = _Reply(send)
        try:
            await self._route(scope, receive, reply)
        except ClientLeftError:
            return
        except UserOverQuotaError as over:
            problem = over_quota(over)
            await reply.fail(
                CompatibleError(429, problem.detail, code="quota_exceeded", headers=dict(problem.headers))
            )
        except (DrainingError, CutShortError):
            if self._parts.drain.draining:
                await reply.fail(CompatibleError(503, STOPPING, code="stopping", headers={"Retry-After": "2"}))
            else:
                await reply.fail(CompatibleError(403, FORBIDDEN, code="cloud_forbidden"))
        except Problem as problem:
            await reply.fail(problem)
        except (SQLAlchemyError, StoreLostError) as error:
            await reply.fail(unavailable(error, log))
        except Exception:
            with suppress(OSError):
                await reply.fail(Problem(500, CRASHED))
            raise

    async def _route(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        path = scope["path"]
        if path == COMPLETIONS_PATH:
            _require(scope, "POST")
            await self._complete(scope, receive, reply)
        elif path == MODELS_PATH or path.startswith(f"{MODELS_PATH}/"):
            _require(scope, "GET")
            await self._models(scope, path.removeprefix(MODELS_PATH).lstrip("/"), reply.send)
        else:
            raise CompatibleError(404, f"There is no {path} here.")

    async def _models(self, scope: Scope, name: str, send: Send) -> None:
        identify(scope, self._parts.verifier)
        candidates = [
            candidate
            for candidate in self._parts.orchestrator.candidates()
            if candidate.configured and (self._parts.cloud_enabled or candidate.locality == "local")
        ]
        owners = {AUTO: "novacore"}
        for candidate in candidates:
            owners[f"{candidate.name}/{candidate.model}" if candidate.model else candidate.name] = candidate.name
        cards = [ModelCard(id=model, created=self._started, owned_by=owner) for model, owner in owners.items()]
        if not name:
            await respond(send, msgspec.json.encode(ModelList(data=cards)))
            return
        card = next((card for card in cards if card.id == unquote(name)), None)
        if card is None:
            raise _unknown_model(unquote(name))
        await respond(send, msgspec.json.encode(card))

    async def _complete(self, scope: Scope, receive: Receive, reply: "_Reply") -> None:
        caller = identify(scope, self._parts.verifier)
        body = read_completion(await read_body(receive, MAX_BODY_BYTES))
        wanted = await self._wanted(scope, caller, body)
        record = self._parts.completions.record(wanted)
        completion = _Completion(
            f"chatcmpl-{self._parts.new_id()}", int(self._parts.clock.wall()), record, wanted.user_id
        )
        answer = self._stream if body.stream else self._whole
        async with self._parts.drain.until_cut(completion):
            await until_client_leaves(receive, answer(wanted, completion, reply))

    async def _wanted(self, scope: Scope, caller: Caller, body: CompletionBody) -> Wanted:
        candidates = self._parts.orchestrator.candidates()
        try:
            chain = resolve(body.models, candidates)
        except UnknownModelError as unknown:
            raise _unknown_model(unknown.name) from None
        keyless = {candidate.name for candidate in candidates if not candidate.configured}
        if chain and all(target.provider in keyless for target in chain):
            names = ", ".join(dict.fromkeys(target.provider for target in chain))
            raise CompatibleError(404, f"There is no key for {names} here.", code="model_not_found", param="model")
        local_only = header(scope, LOCAL_ONLY_HEADER)
        return Wanted(
            user_id=caller.user_id,
            request_id=caller.request_id,
            turns=body.turns,
            sampling=body.sampling,
            chain=chain,
            wishes=await self._parts.wishes_of(caller.user_id, caller.request_id),
            local_only=local_only is not None and local_only.strip().lower() != "false",
            stream=body.stream,
            with_usage=body.with_usage,
            end_user=body.user,
            traceparent=caller.traceparent,
        )

    async def _whole(self, wanted: Wanted, completion: "_Completion", reply: "_Reply") -> None:
        text: list[str] = []
        finish: FinishName = "stop"
        refusal: str | None = None
        events = self._parts.completions.answer(wanted, completion.record)
        try:
            async with aclosing(events):
                async for event in events:
                    match event:
                        case TextDelta():
                            text.append(event.text)
                        case Replaced():
                            text[:] = [event.text]
                        case Reset():
                            text.clear()
                        case Finished():
                            finish = finish_reason(event.reason)
        except ProviderError as refused:
            finish, refusal = _told(refused)
        except AllProvidersFailed as failed:
            raise failure(failed, self._parts.clock.now()) from None
        said = "".join(text) or None
        body = whole(completion.id, completion.created, completion.call, text=said, refusal=refusal, finish=finish)
        await respond(reply.send, body, headers=self._headers(completion))

    async def _stream(self, wanted: Wanted, completion: "_Completion", reply: "_Reply") -> None:
        chunks: Chunks | None = None
        finish: FinishName = "stop"
        refusal: str | None = None
        beats = asyncio.ensure_future(reply.beat())
        events = self._parts.completions.answer(wanted, completion.record)
        try:
            async with aclosing(events):
                async for event in events:
                    match event:
                        case TextDelta(text) if chunks is not None:
                            await reply.write(chunks.content(text))
                        case TextDelta(text):
                            chunks = completion.chunks(with_usage=wanted.with_usage)
                            await reply.open(self._headers(completion))
                            await reply.write(chunks.role() + chunks.content(text))
                        case Replaced() | Reset() if chunks is not None:
                            text = event.text if isinstance(event, Replaced) else ""
                            await reply.write(chunks.content(SEAM_LINE + text))
                        case Finished():
                            finish = finish_reason(event.reason)
        except ProviderError as refused:
            finish, refusal = _told(refused)
        except AllProvidersFailed as failed:
            raise failure(failed, self._parts.clock.now()) from None
        except InterruptedAnswer as broken:
            raise CompatibleError(502, f"The answer broke off ({broken.error.reason}).", code="interrupted") from None
        finally:
            beats.cancel()
        last: list[bytes] = []
        if chunks is None:
            chunks = completion.chunks(with_usage=wanted.with_usage)
            await reply.open(self._headers(completion))
            last.append(chunks.role())
        if refusal is not None:
            last.append(chunks.refusal(refusal))
        last.append(chunks.finish(finish))
        if wanted.with_usage:
            last.append(chunks.usage(completion.call))
        await reply.write(b"".join((*last, DONE)))
        await reply.end()

    def _headers(self, completion: "_Completion") -> list[tuple[bytes, bytes]]:
        if not self._parts.expose_provider:
            return []
        return provider_headers(completion.call.provider, completion.call.model)


@dataclass(frozen=True, slots=True)
class _Completion:
    """One answer: its id, when it began (seconds since 1970 UTC), and its story."""

    id: str
    created: int
    record: RouteRecord
    user_id: str

    @property
    def in_cloud(self) -> bool:
        """Whether a cloud provider is being asked."""
        return any(call.locality == "cloud" for call in self.record.open_calls())

    @property
    def call(self) -> CallRecord:
        """The call that answered, or is answering."""
        call = self.record.speaker()
        if call is None:
            raise AssertionError("nobody has been asked")
        return call

    def chunks(self, *, with_usage: bool) -> Chunks:
        """What a stream of this answer is made of; the model is known by now."""
        return Chunks(self.id, self.created, self.call, with_usage=with_usage)


class _Reply:
    """An answer that may still become an error: a stream's head goes out with its first words or first heartbeat."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self._begun = False

    async def open(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the head of a stream, once."""
        if not self._begun:
            self._begun = True
            await self.send({"type": "http.response.start", "status": 200, "headers": [*_STREAM_HEADERS, *headers]})

    async def write(self, data: bytes) -> None:
        """Send a piece of the stream."""
        await self.send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """The stream is whole."""
        await self.send({"type": "http.response.body", "body": b""})

    async def beat(self) -> None:
        """Send a comment every HEARTBEAT_SEC, so that no proxy takes a model that thinks for a dead one."""
        while True:
            await asyncio.sleep(HEARTBEAT_SEC)
            await self.open([])
            await self.write(sse.HEARTBEAT)

    async def fail(self, problem: Problem) -> None:
        """Tell of an error: as the answer, or as the last event where the head is gone."""
        if not self._begun:
            await compatible.respond_error(self.send, problem)
            return
        await self.write(error_event(compatible.error_object(problem)))
        await self.end()


def failure(failed: AllProvidersFailed, now: float) -> CompatibleError:
    """Nobody answered: 400 where the request itself is at fault with everyone who was asked, else 503.

    ``now`` is the clock that cooldowns are told in.
    """
    reasons = {failure.error.reason for failure in failed.failures}
    waits = [skip.until - now for skip in failed.skipped if skip.until is not None]
    if reasons and reasons <= _REQUEST_FAULTS and not waits:
        if "context_too_long" in reasons:
            return CompatibleError(
                400,
                "The messages are longer than the context of every model that may answer.",
                code="context_length_exceeded",
                param="messages",
            )
        names = ", ".join(dict.fromkeys(failure.candidate.name for failure in failed.failures))
        return CompatibleError(400, f"The request was turned down as invalid by {names}.", code="invalid_request")
    waits += [failure.error.retry_after for failure in failed.failures if failure.error.retry_after]
    seconds = min(RETRY_AFTER_MAX_SEC, max(1, ceil(min(waits, default=RETRY_AFTER_SEC))))
    told = locked_out_sentence(failed) or f"{str(failed).capitalize()}."
    return CompatibleError(503, told, code="no_provider_answered", headers={"Retry-After": str(seconds)})


def _told(refused: ProviderError) -> tuple[FinishName, str | None]:
    """(finish reason, the model's refusal) of an answer that is one; raises CompatibleError with its own status."""
    if refused.status is not None and refused.status >= 400:
        raise CompatibleError(
            refused.status, "The provider's content filter turned the request down.", code="content_filter"
        )
    if refused.reason == "refused":
        return "stop", refused.said or "The model declined to answer this."
    return "content_filter", None


def _unknown_model(name: str) -> CompatibleError:
    return CompatibleError(
        404,
        f"There is no model {name!r} here; GET /v1/models lists what there is.",
        code="model_not_found",
        param="model",
    )


def _require(scope: Scope, method: str) -> None:
    if scope["method"] != method:
        raise CompatibleError(405, f"This path takes {method} only.", headers={"Allow": method})
