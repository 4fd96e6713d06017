"""The composition root: the one place that names concrete classes."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from novakit import health, logs
from novakit.clock import Clock, SystemClock
from novakit.database import open_database, outage
from novakit.identity import TOKEN_SECONDS, TokenSigner
from novakit.ids import id_source
from novakit.openapi import publish
from novakit.pseudonyms import Pseudonyms
from novakit.secret_files import SecretFiles
from novakit.tracing import Tracer
from novakit.web import new_app
from pydantic import SecretStr

from . import configuration, openapi, operations
from .auth import admin_endpoints, entry_endpoints, key_endpoints, own_endpoints
from .auth.access import Access
from .auth.accounts import AccountService, Policy
from .auth.administration import Administration
from .auth.callers import Callers
from .auth.keys import KeyService
from .auth.passwords import Passwords
from .auth.sessions import Sessions
from .auth.signing_in import HandOver
from .auth.throttle import SignInThrottle
from .auth.tokens import ACCESS_SECONDS, AccessTokens, RefreshTokens
from .behind import Service, asked_of, forwards
from .config import Settings
from .edge import OWNED_HEADERS, Edge, Parts
from .errors import unavailable
from .limits.limiter import Limiter
from .metrics import GatewayMetrics
from .network import is_loopback
from .page import Page
from .proxy.forward import MAX_BODY_BYTES, Forwarder
from .proxy.upstream import Upstream, open_pool
from .scraping import Scraping, Source
from .store.api_keys import ApiKeys
from .store.first_admin import FirstAdmin
from .store.sign_ins import SignIns
from .store.tables import HEAD
from .store.tickets import Tickets
from .store.users import Users
from .watch import Watch

MIGRATIONS = Path(__file__).parent / "store" / "migrations"


def create_app(
    settings: Settings | None = None, *, clock: Clock | None = None, passwords: Passwords | None = None
) -> FastAPI:
    """The app. Without settings they are read from the environment; raises SettingsError."""
    settings = settings or Settings.load(os.environ)
    clock = clock or SystemClock()
    logs.setup("gateway", settings.log_level)
    new_id = id_source(clock)
    watch = _watch(settings, clock)
    metrics, pseudonym, log = watch.metrics, watch.pseudonym, watch.log
    trusted = settings.trusted_networks
    loopback_only = is_loopback(settings.novacore_host) and not trusted

    database = open_database(settings.database_url, settings.novacore_data_dir, "gateway")
    engine = database.engine()
    users, keys, sign_ins, tickets = Users(engine), ApiKeys(engine), SignIns(engine), Tickets(engine)
    secrets = SecretFiles(settings.files, logs.get("secrets"))
    secret = secrets.signing("JWT_SECRET", settings.jwt_secret.get_secret_value(), life=ACCESS_SECONDS, now=clock.now)
    tokens = AccessTokens(secret)
    access = Access(keys, sign_ins, tokens, clock=clock, log=log)
    sessions = Sessions(
        sign_ins,
        access,
        tokens,
        RefreshTokens(secret),
        clock=clock,
        new_id=new_id,
        metrics=metrics,
        log=log,
        pseudonym=pseudonym,
    )
    service = AccountService(
        users,
        FirstAdmin(database, engine),
        tickets,
        sessions,
        access,
        passwords or Passwords(),
        SignInThrottle(clock),
        clock=clock,
        new_id=new_id,
        policy=Policy(secret, settings.novacore_signin_token_hash, settings.auth_registration == "open"),
    )
    forwarder = Forwarder(
        access=access,
        limiter=Limiter(settings.rate_limit_per_minute, clock),
        metrics=metrics,
        log=log,
        owned_headers=OWNED_HEADERS,
    )

    service_secret = secrets.signing(
        "SERVICE_JWT_SECRET", settings.service_jwt_secret.get_secret_value(), life=TOKEN_SECONDS, now=clock.now
    )

    def upstream(name: str, url: str) -> Upstream:
        return Upstream(name, url, TokenSigner(service_secret, issuer="gateway", audience=name, wall=clock.wall))

    upstreams: dict[Service, Upstream] = {
        "intelligence": upstream("intelligence", settings.intelligence_url),
        "memory": upstream("memory", settings.memory_url),
    }
    scraping = _scraping(settings, metrics, list(upstreams.values()))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.migrate(MIGRATIONS, HEAD)
        try:
            await _start(service, settings.novacore_bootstrap_api_key, log)
            async with open_pool() as pool, secrets.watching(), watch.tracer.running():
                forwarder.pool = description.pool = scraping.pool = pool
                yield
        finally:
            await engine.dispose()

    app = new_app("NovaCore gateway", lifespan, max_body_bytes=MAX_BODY_BYTES)
    outage.install(app, log, tell=unavailable)
    app.include_router(health.router({"database": users.ping}))
    app.include_router(operations.router(scraping, is_open=loopback_only, token=_metrics_token(settings, secrets)))
    callers = Callers(access)
    hand_over = HandOver(trusted)
    attempts = entry_endpoints.Attempts(metrics, clock, trusted)
    app.include_router(entry_endpoints.router(service, sessions, attempts, hand_over))
    app.include_router(own_endpoints.router(service, sessions, callers, hand_over, clock=clock))
    app.include_router(key_endpoints.router(KeyService(keys, access, clock=clock, new_id=new_id), callers))
    administration = Administration(
        users, tickets, keys, access, clock=clock, new_id=new_id, log=log, pseudonym=pseudonym
    )
    for routes in (admin_endpoints.router(administration, callers), configuration.router(settings, callers)):
        app.include_router(routes)
    publish(app, openapi.OUTER, openapi.complete_own)
    description = openapi.Description(app.openapi, upstreams, asked_of)
    app.include_router(openapi.router(description))
    parts = Parts(
        forwards=forwards(forwarder, upstreams),
        local=app.build_middleware_stack(),
        page=Page(settings.built_page),
    )
    # In front of FastAPI, not inside it: what is forwarded and the page pass none of its layers.
    app.middleware_stack = Edge(parts, loopback_only=loopback_only, clock=clock, new_id=new_id, watch=watch)
    return app


def _metrics_token(settings: Settings, secrets: SecretFiles) -> operations.MetricsToken:
    token = operations.MetricsToken(settings.metrics_token)
    if settings.metrics_token is not None:
        secrets.watch("METRICS_TOKEN", settings.metrics_token.get_secret_value(), token.replace)
    return token


def _watch(settings: Settings, clock: Clock) -> Watch:
    metrics = GatewayMetrics(settings.novacore_data_dir)
    return Watch(
        metrics,
        Tracer("gateway", settings.export, metrics.spans),
        Pseudonyms(settings.service_jwt_secret.get_secret_value()),
        clock,
        logs.get("requests"),
    )


def _scraping(settings: Settings, metrics: GatewayMetrics, upstreams: Sequence[Upstream]) -> Scraping:
    metrics.expect([each.name for each in upstreams])
    sources = [Source(each.name, each.url, each.signer) for each in upstreams]
    return Scraping(metrics, [*sources, *(Source(name, url) for name, url in settings.also_told.items())])


async def _start(service: AccountService, bootstrap_key: SecretStr | None, log: logs.Logger) -> None:
    if bootstrap_key is None:
        await service.start(None)
    elif await service.start(bootstrap_key.get_secret_value()):
        log.info("bootstrap_key_accepted")
    else:
        log.info("bootstrap_key_ignored", reason="not the first start")
