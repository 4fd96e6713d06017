"""The composition root: the one place that names concrete classes."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from novakit import health, logs
from novakit.clock import Clock, SystemClock
from novakit.database import open_database
from novakit.identity import TokenSigner
from novakit.ids import id_source
from novakit.web import new_app
from pydantic import SecretStr

from . import operations
from .auth import endpoints
from .auth.access import Access
from .auth.service import AccountService
from .config import Settings
from .edge import OWNED_HEADERS, Edge, Parts
from .limits.limiter import Limiter
from .metrics import GatewayMetrics
from .network import is_loopback
from .page import Page
from .proxy.forward import MAX_BODY_BYTES, Forwarder
from .proxy.upstream import Upstream, open_pool
from .store.accounts import Accounts
from .store.tables import HEAD

MIGRATIONS = Path(__file__).parent / "store" / "migrations"
# A person pastes one link; a program that guesses has no use for five a minute.
LINK_ATTEMPTS_PER_MINUTE = 5


def create_app(settings: Settings | None = None, *, clock: Clock | None = None) -> FastAPI:
    """The app. Without settings they are read from the environment; raises SettingsError."""
    settings = settings or Settings.load(os.environ)
    clock = clock or SystemClock()
    logs.setup("gateway", settings.log_level)
    # Bound once: a lazy logger is put together anew for each line.
    log = logs.get("requests").bind()
    new_id = id_source(clock)
    metrics = GatewayMetrics()
    trusted = settings.trusted_networks
    loopback_only = is_loopback(settings.novacore_host) and not trusted

    database = open_database(settings.database_url, settings.novacore_data_dir, "gateway")
    engine = database.engine()
    accounts = Accounts(database, engine)
    access = Access(accounts, clock, log)
    service = AccountService(
        accounts, access, clock=clock, new_id=new_id, link_hash=settings.novacore_signin_token_hash
    )
    forwarder = Forwarder(
        access=access,
        limiter=Limiter(settings.rate_limit_per_minute, clock),
        metrics=metrics,
        log=log,
        owned_headers=OWNED_HEADERS,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.migrate(MIGRATIONS, HEAD)
        try:
            await _start(service, settings.novacore_bootstrap_api_key, log)
            async with open_pool() as pool:
                forwarder.pool = pool
                yield
        finally:
            await engine.dispose()

    app = new_app("NovaCore gateway", lifespan, max_body_bytes=MAX_BODY_BYTES)
    app.include_router(health.router({"database": accounts.ping}))
    app.include_router(operations.router(metrics, is_open=loopback_only, token=settings.metrics_token))
    app.include_router(
        endpoints.router(
            service,
            access,
            metrics=metrics,
            link_limiter=Limiter(LINK_ATTEMPTS_PER_MINUTE, clock),
            trusted=trusted,
        )
    )

    secret = settings.service_jwt_secret.get_secret_value()

    def upstream(name: str, url: str) -> Upstream:
        return Upstream(name, url, TokenSigner(secret, issuer="gateway", audience=name, wall=clock.wall))

    to_intelligence = partial(forwarder.forward, upstream("intelligence", settings.intelligence_url))
    to_memory = partial(forwarder.forward, upstream("memory", settings.memory_url))
    parts = Parts(
        forwards={
            "chat_message": to_intelligence,
            "chat_stream": to_intelligence,
            "chat": to_intelligence,
            "v1_chat_completions": to_intelligence,
            "v1": to_intelligence,
            "preferences": to_intelligence,
            "usage": to_intelligence,
            "memory": to_memory,
        },
        local=app.build_middleware_stack(),
        page=Page(settings.built_page),
    )
    # In front of FastAPI, not inside it: what is forwarded and the page pass none of its layers.
    app.middleware_stack = Edge(
        parts, loopback_only=loopback_only, clock=clock, new_id=new_id, metrics=metrics, log=log
    )
    return app


async def _start(service: AccountService, bootstrap_key: SecretStr | None, log: logs.Logger) -> None:
    if bootstrap_key is None:
        await service.start(None)
    elif await service.start(bootstrap_key.get_secret_value()):
        log.info("bootstrap_key_accepted")
    else:
        log.info("bootstrap_key_ignored", reason="not the first start")
