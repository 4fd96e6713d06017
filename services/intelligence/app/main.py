"""The composition root of the intelligence service: ``create_app(settings)`` wires everything."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import ClientSession
from fastapi import FastAPI
from novakit import health, logs
from novakit.clock import Clock, SystemClock
from novakit.database import open_database, outage
from novakit.identity import TOKEN_SECONDS, TokenSigner, TokenVerifier
from novakit.ids import NewId, id_source
from novakit.openapi import OPENAPI_PATH
from novakit.pseudonyms import Pseudonyms
from novakit.secret_files import SecretFiles
from novakit.signing import SigningSecret
from novakit.tracing import Tracer
from novakit.web import new_app
from starlette.routing import Route

from .config import Settings, key_variable
from .routers import (
    chat_operations,
    completions_operations,
    data,
    explain,
    facts,
    openapi,
    operations,
    preferences,
    providers,
    sessions,
    usage,
)
from .routers.chat import MAX_BODY_BYTES, ChatEndpoints
from .routers.completions import CompletionEndpoints, CompletionParts
from .routers.front import Front
from .routers.resuming import ResumeEndpoints
from .routing.breaker import BreakerPolicy
from .services.activity import Activity
from .services.answers.conversation import Conversations, Manner
from .services.answers.drain import Drain
from .services.answers.presence import Presence
from .services.answers.running import RunningTurns
from .services.completions import Completions
from .services.examining import Examiner
from .services.learning import Learning
from .services.llm_router import Pace, ProviderOrchestrator
from .services.memory_client import NO_WISHES, MemoryClient, Wishes
from .services.observations import Observation, Origin
from .services.orchestrator.deadlines import Clocks
from .services.orchestrator.health_board import HealthBoard
from .services.orchestrator.slots import Slots
from .services.parts import Parts
from .services.prices import ContextWindows, Prices
from .services.providers import registry
from .services.providers.transport import AiohttpTransport, open_session
from .services.quotas.books import Books
from .services.quotas.budgets import ProviderBudgets
from .services.quotas.days import Days
from .services.quotas.users import UserQuotas
from .services.route_record import RouteRecord
from .services.stored_route import StoredRoute
from .services.user_locks import UserLocks
from .store.jobs import StoreLostError
from .store.ledger import NANO
from .store.opening import Store, opened
from .store.quotas import Unit
from .store.repository import ChatRepository
from .store.tables import HEAD
from .store.usage import UsageRepository
from .store.user_data import UserData
from .utils.metrics import Metrics
from .utils.observers import Observers

AUDIENCE = "intelligence"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"
FIRST_TOKEN_SEC = {"ollama": 20.0, "gemini": 15.0, "openai": 15.0}
OTHER_FIRST_TOKEN_SEC = 15.0
STALL_SEC = 10.0
TOTAL_SEC = 300.0
PROBE_LEASE_SEC = 30.0
CALLS_AT_A_TIME = {"ollama": 2}


def create_app(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    new_id: NewId | None = None,
    jitter: Callable[[], float] = random.random,
) -> FastAPI:
    """The app. Without settings they are read from the environment; raises SettingsError."""
    settings = settings or Settings.load(os.environ)
    clock = clock or SystemClock()
    new_id = new_id or id_source(clock)
    logs.setup(AUDIENCE, settings.log_level)
    _warn_of_unused_names(settings)
    observers = _observers(settings, clock)
    database = open_database(settings.database_url, settings.novacore_data_dir, AUDIENCE)
    drain = Drain()
    secrets = SecretFiles(settings.files, logs.get("secrets"))
    service_secret = secrets.signing(
        "SERVICE_JWT_SECRET", settings.service_jwt_secret.get_secret_value(), life=TOKEN_SECONDS, now=clock.now
    )
    verifier = TokenVerifier(service_secret, audience=AUDIENCE, wall=clock.wall)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await database.migrate(MIGRATIONS, HEAD)
        async with opened(database, new_id()) as store, open_session() as session, observers.tracer.running():
            presence = Presence(store, clock.wall)
            await presence.begin()
            memory = _memory(settings, session, service_secret, clock, observers.metrics)
            parts = _wire(settings, clock, new_id, jitter, observers, AiohttpTransport(session), store, drain, memory)
            app.state.parts = parts
            await parts.budgets.look()
            app.state.memory = memory
            app.state.verifier = verifier
            _open(app, parts, settings, verifier, memory)
            for name, key in settings.keys().items():
                secrets.watch(key_variable(name), key, partial(_use_key, parts, name))
            presence.keep(parts.conversations.elsewhere)
            beside = [
                asyncio.ensure_future(work) for work in (parts.orchestrator.look_around(), parts.learning.run())
            ]
            async with secrets.watching():
                yield
            for task in beside:
                task.cancel()
            await parts.conversations.close()
            await parts.orchestrator.close()
            await parts.budgets.close()
            await presence.end()

    async def database_answers() -> None:
        parts: Parts = app.state.parts
        await parts.repository.ping()

    app = new_app("NovaCore intelligence", lifespan, max_body_bytes=MAX_BODY_BYTES, openapi_url=OPENAPI_PATH)
    outage.install(app, logs.get("store"), (StoreLostError,))
    app.include_router(health.router({"database": database_answers}))
    for described in (sessions, data, providers, usage, operations, preferences, facts, explain):
        app.include_router(described.router)
    app.router.routes.append(Route("/metrics", observers.metrics.endpoint))
    openapi.describe(
        app,
        (*chat_operations.operations(settings.chat_max_message_chars), *completions_operations.OPERATIONS),
        answers=(sessions.MessageRoute,),
    )
    # In front of FastAPI, not inside it: its layers would cost the chat paths more than all of their own work here.
    app.state.drain = drain.begin
    app.middleware_stack = Front(app.build_middleware_stack(), app.state)
    return app


def _use_key(parts: Parts, name: str, key: str) -> None:
    """Ask this provider with another key from now on."""
    parts.orchestrator.key_replaced(name, key)
    parts.examiner.key_replaced(name, key)


def _observers(settings: Settings, clock: Clock) -> Observers:
    metrics = Metrics(settings.novacore_data_dir)
    tracer = Tracer(AUDIENCE, settings.export, metrics.spans)
    return Observers(metrics, tracer, Pseudonyms(settings.service_jwt_secret.get_secret_value()), clock)


def _open(
    app: FastAPI, parts: Parts, settings: Settings, verifier: TokenVerifier, memory: MemoryClient | None
) -> None:
    """The endpoints of the hot path."""
    wishes_of = memory.wishes if memory else _no_wishes
    app.state.chat = ChatEndpoints(
        parts.conversations,
        verifier,
        wishes_of,
        settings.chat_max_message_chars,
        recall=memory.recall if memory and settings.memory_token_budget else None,
        learns=memory is not None,
        expose_provider=settings.expose_provider_headers,
    )
    app.state.resume = ResumeEndpoints(parts.conversations, verifier, wishes_of)
    app.state.completions = CompletionEndpoints(
        CompletionParts(
            completions=parts.completions,
            orchestrator=parts.orchestrator,
            verifier=verifier,
            wishes_of=wishes_of,
            clock=parts.clock,
            new_id=parts.new_id,
            cloud_enabled=settings.cloud_enabled,
            expose_provider=settings.expose_provider_headers,
            drain=parts.drain,
        )
    )


def pace_of(settings: Settings, names: list[str], local: set[str]) -> Pace:
    """The clocks of each provider: the configured ones, and the defaults where a list leaves a name out."""
    clocks = {
        name: Clocks(
            first_token=settings.llm_provider_timeouts.get(name, FIRST_TOKEN_SEC.get(name, OTHER_FIRST_TOKEN_SEC)),
            stall=settings.llm_stall_timeouts.get(name, STALL_SEC),
            total=settings.llm_total_timeouts.get(name, None if name in local else TOTAL_SEC),
        )
        for name in names
    }
    return Pace(
        clocks,
        request=settings.llm_request_deadline_sec,
        retry_wait_max=settings.llm_retry_wait_max_sec,
        failover=settings.llm_fallback_mode != "off",
        midstream=settings.llm_midstream_mode,
        cold_start=settings.llm_cold_start_timeout_sec,
        queue_wait=settings.llm_queue_timeout_sec,
        hedged=settings.llm_fallback_mode == "hedged",
        hedge_delay=settings.llm_hedge_delay_sec,
        hedge_share=settings.llm_hedge_max_share,
    )


def policy_of(settings: Settings) -> BreakerPolicy:
    """When a provider is left alone, and for how long."""
    return BreakerPolicy(
        settings.llm_provider_failure_threshold,
        settings.llm_provider_cooldown_sec,
        settings.llm_provider_cooldown_max_sec,
        # A probe that may still speak keeps its place: that of a cold model may take as long as a request may.
        probe_lease=settings.llm_request_deadline_sec + settings.llm_cold_start_timeout_sec + PROBE_LEASE_SEC,
    )


def _wire(
    settings: Settings,
    clock: Clock,
    new_id: NewId,
    jitter: Callable[[], float],
    observers: Observers,
    transport: AiohttpTransport,
    store: Store,
    drain: Drain,
    memory: MemoryClient | None,
) -> Parts:
    windows = ContextWindows()
    configured, missing = registry.build(settings, transport, clock, windows)
    for candidate in missing:
        logs.get("providers").info("provider_without_key", provider=candidate.name)
    pace = pace_of(
        settings,
        [provider.name for provider in configured],
        {provider.name for provider in configured if provider.locality == "local"},
    )
    board = HealthBoard(policy_of(settings), clock, jitter)
    board.subscribe(observers.circuit)
    slots = Slots({**CALLS_AT_A_TIME, **settings.llm_provider_concurrency})
    vendors = {provider.name: provider.priced_as for provider in configured}
    prices = Prices(vendors)
    if any(vendors.values()):
        for data in (prices, windows):
            asyncio.get_running_loop().run_in_executor(None, data.load)
    days = Days(ZoneInfo(settings.quota_timezone))
    budgets = ProviderBudgets(_provider_limits(settings), days, clock, new_id, store.writer.run, prices)
    orchestrator = ProviderOrchestrator(
        configured, missing, board, pace, clock, jitter, slots, budgets, settings.llm_route_rules
    )
    running = RunningTurns(clock.now)
    activity = Activity(clock.wall)

    def observe(observation: Observation) -> None:
        budgets.observe(observation)
        activity.observe(observation)
        observers.observe(observation)

    def new_record(
        request_id: str,
        user_id: str,
        traceparent: str | None,
        earlier: StoredRoute | None = None,
        earlier_ms: int = 0,
    ) -> RouteRecord:
        origin = Origin(request_id, user_id, observers.tracer.begin(traceparent))
        return RouteRecord(clock.now, origin, observe, prices, earlier, earlier_ms)

    repository = ChatRepository(store.engine)
    user_locks = UserLocks(repository.cloud_allowed, clock.now)

    def readable() -> int:
        return max((candidate.context_tokens for candidate in orchestrator.candidates()), default=0)

    books = Books(UserQuotas(_user_limits(settings), days, clock.wall, new_id, readable), days, clock.wall)
    manner = Manner(
        settings.chat_system_prompt,
        settings.fallback_message,
        settings.cloud_enabled,
        patience=settings.stream_resume_grace_sec,
        fact_tokens=settings.memory_token_budget,
    )
    learning = Learning(store.writer, memory)
    conversations = Conversations(
        orchestrator,
        store,
        running,
        manner,
        clock,
        new_id,
        new_record,
        observe,
        drain,
        books,
        user_locks,
        learning.wake,
    )
    parts = Parts(
        repository=repository,
        user_data=UserData(store.engine),
        usage=UsageRepository(store.engine),
        books=books,
        budgets=budgets,
        conversations=conversations,
        learning=learning,
        completions=Completions(
            orchestrator, store.writer, new_record, observe, books, user_locks, cloud_enabled=settings.cloud_enabled
        ),
        orchestrator=orchestrator,
        health=board,
        running=running,
        clock=clock,
        new_id=new_id,
        cloud_enabled=settings.cloud_enabled,
        drain=drain,
        activity=activity,
        examiner=Examiner(settings, transport, clock),
        settings=settings,
    )
    observers.metrics.watch(parts)
    return parts


def _user_limits(settings: Settings) -> dict[Unit, int]:
    limits: dict[Unit, int | None] = {
        "messages": settings.quota_user_messages_per_day,
        "tokens": settings.quota_user_tokens_per_day,
    }
    return {unit: limit for unit, limit in limits.items() if limit is not None}


def _provider_limits(settings: Settings) -> dict[str, dict[Unit, int]]:
    limits: dict[str, dict[Unit, int]] = {}
    for provider, tokens in settings.quota_provider_tokens_per_day.items():
        limits.setdefault(provider, {})["tokens"] = tokens
    for provider, dollars in settings.quota_provider_usd_per_day.items():
        limits.setdefault(provider, {})["nano_usd"] = round(dollars * NANO)
    return limits


def _memory(
    settings: Settings, session: ClientSession, secret: SigningSecret, clock: Clock, metrics: Metrics
) -> MemoryClient | None:
    if settings.memory_url is None:
        return None
    signer = TokenSigner(secret, issuer=AUDIENCE, audience="memory", wall=clock.wall)
    return MemoryClient(session, settings.memory_url, signer, clock, metrics.memory)


async def _no_wishes(_user_id: str, _request_id: str) -> Wishes:
    return NO_WISHES


def _warn_of_unused_names(settings: Settings) -> None:
    log = logs.get("settings")
    for variable, name in settings.unused_names():
        log.warning("setting_names_unused_provider", variable=variable, name=name)
