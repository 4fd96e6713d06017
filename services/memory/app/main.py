"""The composition root of the memory service: ``create_app(settings)`` wires everything."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request, Response
from novakit import health, logs, openapi
from novakit.clock import Clock, SystemClock
from novakit.database import open_database, outage
from novakit.identity import TOKEN_SECONDS, TokenVerifier
from novakit.ids import id_source
from novakit.pseudonyms import Pseudonyms
from novakit.secret_files import SecretFiles
from novakit.web import new_app

from .config import Settings
from .facts import endpoints as facts
from .facts.repository import FactsRepository
from .metrics import MemoryMetrics
from .observing import Observed
from .preferences import endpoints
from .preferences.repository import PreferencesRepository
from .store.tables import HEAD

AUDIENCE = "memory"
MIGRATIONS = Path(__file__).parent / "store" / "migrations"
MAX_BODY_BYTES = 64 * 1024


def create_app(settings: Settings | None = None, *, clock: Clock | None = None) -> FastAPI:
    """The app. Without settings they are read from the environment; raises SettingsError."""
    settings = settings or Settings.load(os.environ)
    clock = clock or SystemClock()
    logs.setup(AUDIENCE, settings.log_level)
    metrics = MemoryMetrics(settings.novacore_data_dir)
    secret = settings.service_jwt_secret.get_secret_value()
    database = open_database(settings.database_url, settings.novacore_data_dir, AUDIENCE)
    engine = database.engine()
    repository = PreferencesRepository(engine)
    secrets = SecretFiles(settings.files, logs.get("secrets"))
    service_secret = secrets.signing(
        "SERVICE_JWT_SECRET", settings.service_jwt_secret.get_secret_value(), life=TOKEN_SECONDS, now=clock.now
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await database.migrate(MIGRATIONS, HEAD)
        async with secrets.watching():
            yield
        await engine.dispose()

    app = new_app("NovaCore memory", lifespan, max_body_bytes=MAX_BODY_BYTES, openapi_url=openapi.OPENAPI_PATH)
    log = logs.get("requests")
    outage.install(app, log)
    app.state.verifier = TokenVerifier(service_secret, audience=AUDIENCE, wall=clock.wall)
    app.include_router(health.router({"database": repository.ping}))
    app.include_router(endpoints.router(repository))
    app.include_router(facts.router(FactsRepository(engine), wall=clock.wall, new_id=id_source(clock)))

    @app.get("/metrics", include_in_schema=False)
    async def show_metrics(request: Request) -> Response:
        body, content_type = metrics.told.render(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    openapi.publish(app, openapi.INNER)
    app.middleware_stack = Observed(
        app.build_middleware_stack(), metrics=metrics, clock=clock, log=log, pseudonym=Pseudonyms(secret)
    )
    return app
