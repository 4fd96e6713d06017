"""Forwards requests to the inner services byte for byte, as they come."""

import re

from aiohttp import ClientConnectorError, ClientError, ClientResponse, ClientSession, ConnectionTimeoutError
from novakit.asgi import ClientLeftError, header, read_body, respond, until_client_leaves
from novakit.identity import REQUEST_ID_HEADER, ROLE_HEADER, TOKEN_HEADER, USER_HEADER
from novakit.logs import Logger
from novakit.problem import Problem
from novakit.tracing import TRACEPARENT
from starlette.types import Message, Receive, Scope

from ..auth.access import Access
from ..credentials import Caller
from ..errors import respond_error
from ..exchange import Exchange
from ..limits.limiter import Limiter
from ..metrics import GatewayMetrics
from .headers import inward, outward
from .upstream import Upstream, call

MAX_BODY_BYTES = 1024 * 1024
FORWARDED_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
# The calls that make a model work; all others are cheap and not limited.
GENERATIONS = frozenset({"/api/chat/message", "/api/chat/stream", "/v1/chat/completions"})
GOING_ON = re.compile(r"/api/chat/messages/[^/]+/continue")

_ALLOW = (b"allow", ", ".join(sorted(FORWARDED_METHODS | {"OPTIONS"})).encode())


class Forwarder:
    """An ASGI endpoint, but for its third argument, which is the request's Exchange.

    ``pool`` is set while the app runs.
    """

    def __init__(
        self,
        *,
        access: Access,
        limiter: Limiter,
        metrics: GatewayMetrics,
        log: Logger,
        owned_headers: frozenset[bytes],
    ) -> None:
        self.pool: ClientSession | None = None
        self._access = access
        self._limiter = limiter
        self._metrics = metrics
        self._log = log
        self._owned_headers = owned_headers

    async def forward(self, upstream: Upstream, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        """Answer one request with what the upstream answers to it."""
        try:
            if scope["method"] not in FORWARDED_METHODS:
                await _answer_method(scope, exchange)
                return
            target = upstream.url + _encoded_target(scope)
            caller = await self._access.caller(scope)
            exchange.user = caller.user_id
            body = await _read(scope, receive)
            if scope["method"] == "POST" and generates(scope["path"]):
                self._charge(caller)
            headers = [
                *inward(scope["headers"]),
                (TOKEN_HEADER, upstream.signer.token()),
                (USER_HEADER, caller.user_id),
                (ROLE_HEADER, caller.role),
                (REQUEST_ID_HEADER, exchange.request_id),
            ]
            if exchange.trace is not None:
                headers.append((TRACEPARENT, exchange.trace.traceparent))
            work = self._relay(upstream, scope, target, headers, body, exchange)
            if not await until_client_leaves(receive, work):
                exchange.cut = "client_left"
        except Problem as problem:
            await respond_error(exchange.send, scope["path"], problem)
        except ClientLeftError:
            exchange.cut = "client_left"

    def _charge(self, caller: Caller) -> None:
        seconds = self._limiter.wait(caller.user_id)
        if seconds:
            self._metrics.rate_limited()
            raise Problem(
                429,
                f"You may start {self._limiter.per_minute} generations a minute; try again in {seconds} s.",
                headers={"Retry-After": str(seconds)},
            )

    async def _relay(
        self,
        upstream: Upstream,
        scope: Scope,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes,
        exchange: Exchange,
    ) -> None:
        assert self.pool is not None, "the app is running"  # noqa: S101 (set by its lifespan)
        try:
            async with call(self.pool, scope["method"], target, headers, body) as answer:
                if answer.status == 401:
                    self._metrics.upstream_failed(upstream.name, "token_refused")
                    self._log.error("service_token_refused", upstream=upstream.name, request_id=exchange.request_id)
                    raise Problem(
                        502,
                        f"The {upstream.name} service did not accept the gateway's token: "
                        "give both the same SERVICE_JWT_SECRET and the same time.",
                    )
                await self._pass_on(answer, exchange)
        except (ClientError, OSError) as error:
            reason = type(error).__name__
            self._log.warning(
                "upstream_failed", upstream=upstream.name, reason=reason, request_id=exchange.request_id
            )
            self._metrics.upstream_failed(upstream.name, "unreachable" if _not_there(error) else "broke_off")
            if not exchange.answered:
                raise _not_reached(upstream, error) from None
            exchange.cut = "upstream_failed"
            # The head is gone, so nothing can be said any more. Returning without an end lets the server close
            # the connection, and the client sees that the answer is not whole.

    async def _pass_on(self, answer: ClientResponse, exchange: Exchange) -> None:
        start: Message = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": outward(answer.raw_headers, self._owned_headers),
        }
        await exchange.send(start)
        content = answer.content
        ended = False
        while not ended:
            chunk = await content.readany()
            ended = content.at_eof()
            await exchange.send({"type": "http.response.body", "body": chunk, "more_body": not ended})


def generates(path: str) -> bool:
    """Whether a POST to this path makes a model work."""
    return path in GENERATIONS or GOING_ON.fullmatch(path) is not None


async def _read(scope: Scope, receive: Receive) -> bytes:
    announced = header(scope, b"content-length")
    if announced is not None and int(announced) > MAX_BODY_BYTES:
        raise Problem(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
    return await read_body(receive, MAX_BODY_BYTES)


def _encoded_target(scope: Scope) -> str:
    """Path and query as they were sent; raises Problem 404 for a path that climbs out of its area."""
    if "/." in scope["path"] and not {".", ".."}.isdisjoint(scope["path"].split("/")):
        raise Problem(404, "There is nothing here.")
    path = scope["raw_path"].decode("ascii")
    query = scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


async def _answer_method(scope: Scope, exchange: Exchange) -> None:
    if scope["method"] == "OPTIONS":
        await respond(exchange.send, b"", status=204, headers=[_ALLOW])
        return
    problem = Problem(405, "This method is not used here.", headers={"Allow": _ALLOW[1].decode()})
    await respond_error(exchange.send, scope["path"], problem)


def _not_there(error: Exception) -> bool:
    return isinstance(error, ClientConnectorError | ConnectionTimeoutError)


def _not_reached(upstream: Upstream, error: Exception) -> Problem:
    if _not_there(error):
        return Problem(
            503, f"The {upstream.name} service cannot be reached; it may be starting.", headers={"Retry-After": "2"}
        )
    return Problem(502, f"The {upstream.name} service broke off before it answered.", headers={"Retry-After": "2"})
