"""The composition root of the local model: ``create_app(settings)`` wires everything."""

import asyncio
import os
import platform
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from novakit import health, logs
from novakit.clock import Clock, SystemClock
from novakit.settings import SettingsError
from prometheus_client import disable_created_metrics
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .api import about
from .api.answering import Answering, Parts
from .api.hosts import LocalHostsOnly
from .api.wire import ChatRequest, GenerateRequest, RequestError
from .config import Settings
from .engine import model_file
from .engine.engine import Engine, LoadFailedError
from .engine.generation import Generation
from .engine.model_file import ModelFile
from .engine.residency import Guard, Residency
from .engine.slots import SlotQueue
from .engine.stalls import Progress
from .engine.xllama import Shape, XllamaEngine
from .metrics import Metrics
from .process import machine, process
from .process.janitor import Janitor
from .process.stopping import Stopping, StoppingError

NAME = "local_model"


@dataclass(frozen=True, slots=True)
class Running:
    """What a running app is made of."""

    residency: Residency
    janitor: Janitor
    stopping: Stopping


def create_app(
    settings: Settings | None = None,
    *,
    engine: Engine | None = None,
    clock: Clock | None = None,
    end: Callable[[int], None] = os._exit,
) -> FastAPI:
    """The app; raises SettingsError.

    Without settings this is the service's own process: they are read from the environment, the process is limited
    as they say, and it is ended where the engine hangs. With settings the process is somebody else's, and is left
    as it is.
    """
    own_process = settings is None
    settings = settings or Settings.load(os.environ)
    path = settings.local_model_path or model_file.bundled()
    logs.setup(NAME, settings.log_level)
    disable_created_metrics()  # type: ignore[no-untyped-call]
    if own_process:
        _require_features()
        process.limit(os.environ, settings.local_model_memory_mb)
    usable = machine.cores(process.affinity(), process.read_text("/sys/fs/cgroup/cpu.max"))
    shape = Shape(
        path=path,
        context=settings.local_model_context,
        slots=settings.local_model_slots,
        threads=machine.threads(usable),
        batch_threads=usable,
    )
    guard = process.end_if_frozen if own_process else nullcontext
    return _assemble(
        settings,
        engine or XllamaEngine(shape),
        ModelFile(path),
        clock or SystemClock(),
        guard,
        end,
        own_process=own_process,
    )


def _require_features() -> None:
    unfit = machine.unfit(platform.machine(), process.read_text("/proc/cpuinfo"))
    if unfit:
        raise SettingsError(unfit)


def _assemble(
    settings: Settings,
    engine: Engine,
    file: ModelFile,
    clock: Clock,
    guard: Guard,
    end: Callable[[int], None],
    *,
    own_process: bool,
) -> FastAPI:
    threads = ThreadPoolExecutor(settings.local_model_slots + 1, thread_name_prefix="engine")
    slots = SlotQueue(settings.local_model_slots, settings.local_model_queue)
    progress = Progress(clock.now)
    stopping = Stopping()
    metrics = Metrics(loaded=lambda: residency.loaded, busy=lambda: slots.busy, waiting=lambda: slots.waiting)
    residency = Residency(engine, threads, clock, guard=guard, on_load=metrics.load)
    janitor = Janitor(residency, progress, end)
    parts = Parts(
        name=settings.local_model_name,
        keep_alive=settings.keep_alive,
        slots=slots,
        residency=residency,
        generation=Generation(engine, threads, progress),
        stopping=stopping,
        metrics=metrics,
        clock=clock,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        signals: AbstractContextManager[None] = stopping.on_signals() if own_process else nullcontext()
        tasks = [asyncio.ensure_future(janitor.run(asyncio.sleep))]
        if settings.local_model_preload:
            tasks.append(asyncio.ensure_future(_preload(residency, settings.keep_alive)))
        with signals:
            yield
        stopping.stop()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await residency.dismiss()
        threads.shutdown(wait=False)

    async def serving() -> None:
        if stopping.stopped:
            raise StoppingError

    app = FastAPI(title="NovaCore local model", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.running = Running(residency, janitor, stopping)
    app.add_middleware(LocalHostsOnly)
    _speak_ollama_errors(app)
    app.include_router(health.router({"serving": serving}))
    described = about.About(settings.local_model_name, file, residency, clock, context=settings.local_model_context)
    app.router.routes += [
        *described.routes(),
        Route("/api/chat", Answering(parts, ChatRequest), methods=["POST"]),
        Route("/api/generate", Answering(parts, GenerateRequest), methods=["POST"]),
        Route("/metrics", metrics.endpoint, methods=["GET"]),
    ]
    return app


async def _preload(residency: Residency, keep_alive: float) -> None:
    with suppress(LoadFailedError):  # it was logged, and the first request tries again
        async with residency.use(keep_alive):
            pass


def _speak_ollama_errors(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def _refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError)  # noqa: S101 (what the handler is registered for)
        return about.error_response(error)

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (what the handler is registered for)
        return about.error_response(RequestError(error.status_code, str(error.detail).lower()))

    @app.exception_handler(Exception)
    async def _crash(_request: Request, _error: Exception) -> Response:
        return about.error_response(RequestError(500, "something broke in the server; its log has the details"))
