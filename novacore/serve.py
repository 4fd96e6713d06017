"""``serve NAME``: one service in the foreground.

SIGTERM and SIGINT mean the same, however often they come: no new work, running answers get their grace, exit code 0.
"""

import asyncio
import gc
import importlib
import math
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Literal

import uvicorn
from novakit.later import later
from novakit.settings import SettingsError
from starlette.types import Message, Receive, Scope, Send

from . import lifeline, ports
from .process import become, tell_crash
from .settings import Binding, binding
from .topology import Service

App = Callable[..., Awaitable[None]]


def serve(service: Service, directory: Path) -> int:
    """Serve until told to stop; the exit code. This process's environment becomes the service's."""
    lifeline.hold(os.environ)
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    try:
        environ = become(service, directory)
        _run(service, binding(service, environ), stop)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except ports.PortTakenError as error:
        print(error, file=sys.stderr)
        return 1
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told the way this process tells everything)
        tell_crash(service, "serve", error)
        return 1
    return 0


class _Stop:
    """The handler of both signals: ends the process while nothing runs yet, and the server once there is one."""

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self.server is None:
            sys.exit(0)
        self.server.should_exit = True


TICKS_TO_LOOK_AT_CONNECTIONS = 10
TICKS_TO_SECOND_LOOK = 10
TICKS_TO_FULL_LOOK = 600
"""After so many of uvicorn's ticks, 0.1 s each, garbage is looked for among what outlived one look, or all looks."""


def _generation(tick: int) -> int:
    """Which of the garbage collector's generations (0 to 2) is looked through at a tick."""
    if tick % TICKS_TO_FULL_LOOK == 0:
        return 2
    return 1 if tick % TICKS_TO_SECOND_LOOK == 0 else 0


class _Server(uvicorn.Server):
    """A server that never takes a second signal for an order to drop what is running.

    ``ending`` is called once, before it waits for what still runs.
    """

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 (uvicorn's signature)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What was imported and built until now lives as long as the process. Looking through all of it at each full
        # collection would stop every answer for a tenth of a second.
        gc.collect()
        gc.freeze()
        # Python's own moment to collect is when much was made and little of it freed. Where a hundred answers run,
        # that is when most is alive: it finds no garbage, and stops them for 5 ms. ``bench.failover`` shows it.
        gc.disable()
        later.put_off(asyncio.get_running_loop())

    async def on_tick(self, counter: int) -> bool:
        gc.collect(_generation(counter))
        if counter % TICKS_TO_LOOK_AT_CONNECTIONS == 0:
            for connection in tuple(self.server_state.connections):
                # The protocol that stands in where httptools is missing has no such clock.
                look: Callable[[], None] | None = getattr(connection, "look", None)
                if look is not None:
                    look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # There are no more ticks.
        gc.enable()
        later.at_once()
        self._ending()
        await super().shutdown(sockets)


class _Starting:
    """The app as it is. Why it could not start is kept for this process to tell: uvicorn would log all its words.

    Nothing lies between the server and the app when a request comes.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.error: Exception | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            return self._app(scope, receive, send)
        return self._lifespan(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def without_words(message: Message) -> None:
            await send({**message, "message": ""} if message["type"].endswith(".failed") else message)

        try:
            await self._app(scope, receive, without_words)
        except Exception as error:
            self.error = error
            raise


def _run(service: Service, where: Binding, stop: _Stop) -> None:
    loop_factory = None
    if find_spec("uvloop"):
        loop_factory = importlib.import_module("uvloop").new_event_loop
    listener = ports.listen(
        where.host, where.port, host_variable=service.host_variable, port_variable=service.port_variable
    )
    with listener, asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(_serve(service, where, stop, listener))


def _http_protocol() -> type[asyncio.Protocol] | Literal["h11"]:
    if find_spec("httptools") is None:
        return "h11"
    protocol: type[asyncio.Protocol] = importlib.import_module(".protocol", __package__).CoalescingProtocol
    return protocol


async def _serve(service: Service, where: Binding, stop: _Stop, listener: ports.Listener) -> None:
    module, _, factory = service.app.partition(":")
    app: App = getattr(importlib.import_module(module), factory)()

    def ending() -> None:
        # An app that has long answers to end says how; the others just stop.
        drain: Callable[[float], None] | None = getattr(getattr(app, "state", None), "drain", None)
        if drain is not None:
            drain(where.shutdown_grace_sec)

    starting = _Starting(app)
    server = _Server(
        uvicorn.Config(
            starting,
            interface="asgi3",
            lifespan="on",
            loop="none",
            http=_http_protocol(),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            # The gateway itself knows which proxies to believe; uvicorn would believe every loopback caller.
            proxy_headers=False,
            timeout_keep_alive=service.keep_alive,
            timeout_graceful_shutdown=math.ceil(where.shutdown_grace_sec),
        ),
        ending,
    )
    stop.server = server
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        # So uvicorn ends where the app has not started.
        if starting.error is None:
            raise
    if starting.error is not None:
        raise starting.error
