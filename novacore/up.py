"""``up``: the whole product on this machine, one process for each service."""

import asyncio
import hashlib
import os
import secrets as tokens
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from novakit.clock import Clock, SystemClock
from novakit.settings import SOURCES_VARIABLE, SettingsError, file_of, read, told_sources, with_sources

from . import console as consoles
from . import fetch, lock, ollama, ports, providers, secrets
from .child import Program
from .console import Console
from .environment import (
    BOOTSTRAP_KEY,
    LOOPBACK,
    METRICS_SERVICES,
    SIGNIN_HASH,
    for_service,
    with_addresses,
    with_secrets,
)
from .lifeline import Lifeline
from .settings import LauncherSettings
from .supervisor import Supervisor
from .topology import LOCAL_MODEL, SERVICES, Service

NAME_WIDTH = max(len(row.name) for row in SERVICES)
PROVIDERS_SECONDS = 3.0
DOCTOR = "make doctor looks for what is wrong."


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started: decided before anything runs."""

    services: tuple[Service, ...]
    environ: Mapping[str, str]
    local_model: ollama.Kind
    address: str
    signin_token: str


def up(directory: Path, *, verbose: bool) -> int:
    """Start everything, keep it running, and stop it; the exit code."""
    try:
        environ = with_sources(os.environ, directory)
        settings = LauncherSettings.load(environ)
        address = ports.url(settings.novacore_host, settings.novacore_port)
        with lock.hold(settings.novacore_data_dir, address):
            ports.check_free(
                settings.novacore_host,
                settings.novacore_port,
                host_variable="NOVACORE_HOST",
                port_variable="NOVACORE_PORT",
            )
            console = consoles.standard(verbose=verbose or settings.log_level == "debug", width=NAME_WIDTH)
            plan = make_plan(settings, environ)
            return asyncio.run(_run(plan, settings, console, SystemClock()))
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except (ports.PortTakenError, lock.InUseError) as error:
        print(error, file=sys.stderr)
        return 1


def has_its_modules(row: Service) -> bool:
    """Whether the modules are there that not every machine has."""
    return all(find_spec(module) for module in row.needs)


def make_plan(
    settings: LauncherSettings,
    environ: Mapping[str, str],
    has_model: Callable[[], bool] = ollama.answers_with_a_model,
    is_installed: Callable[[Service], bool] = has_its_modules,
) -> Plan:
    """Choose the local model, the ports and the services, and make the secrets; raises SettingsError."""
    embedded = next(row for row in SERVICES if row.name == LOCAL_MODEL)
    choice = ollama.choose(
        settings.ollama_url,
        settings.priority,
        installed=is_installed(embedded),
        has_model=has_model,
    )
    services = tuple(row for row in SERVICES if row is not embedded or choice.kind is ollama.Kind.BUILT_IN)
    internal = [row.name for row in services if row.url_variable is not None]
    chosen = ports.free_ports(len(internal), besides=settings.novacore_port)
    addresses = dict(zip(internal, chosen, strict=True))
    merged = with_addresses(environ, addresses)
    if LOCAL_MODEL in addresses:
        merged[METRICS_SERVICES] = f"{LOCAL_MODEL}={ports.url(LOOPBACK, addresses[LOCAL_MODEL])}"
    if choice.url is not None:
        merged["OLLAMA_URL"] = choice.url
    address = ports.url(settings.novacore_host, settings.novacore_port)
    token = tokens.token_urlsafe(32)
    files = secrets.by_file(environ, settings.novacore_data_dir)
    made = secrets.ensure(environ, settings.novacore_data_dir)
    made = {name: value for name, value in made.items() if f"{name}_FILE" not in files} | files
    made[SIGNIN_HASH] = hashlib.sha256(token.encode()).hexdigest()
    whole = with_secrets(merged, made)
    # The path of a file that somebody has named may be written anew, and a value of it be known by now.
    named = {variable for name in secrets.NAMES for variable in (name, f"{name}_FILE") if file_of(environ, name)}
    ours = [name for name, value in whole.items() if value != environ.get(name) and name not in named]
    whole[SOURCES_VARIABLE] = told_sources(environ, ours, "launcher")
    whole[SOURCES_VARIABLE] = told_sources(whole, named & whole.keys(), "file")
    return Plan(services, whole, choice.kind, address, token)


def programs(plan: Plan, lifeline: Mapping[str, str]) -> list[Program]:
    """One program for each service, with the environment that is meant for it."""
    return [
        Program(
            name=row.name,
            argv=(sys.executable, "-m", "novacore", "serve", row.name),
            environ={**for_service(row, plan.environ), **lifeline},
            ready_url=f"{_url(row, plan)}/readyz",
            depends_on=row.depends_on,
            restarted=row.restarted,
            drains=row.drains,
        )
        for row in plan.services
    ]


def _url(row: Service, plan: Plan) -> str:
    return plan.address if row.url_variable is None else plan.environ[row.url_variable]


async def _run(plan: Plan, settings: LauncherSettings, console: Console, clock: Clock) -> int:
    started = clock.now()
    with closing(Lifeline()) as lifeline:
        supervisor = Supervisor(
            programs(plan, lifeline.environment()),
            console=console,
            clock=clock,
            grace=settings.shutdown_grace_sec,
            inherit=(lifeline.read_end,),
        )
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, supervisor.interrupt)
        loop.add_signal_handler(signal.SIGTERM, supervisor.stop)
        # Under nohup it goes on when its terminal is closed.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGHUP, supervisor.stop)

        async def greet() -> None:
            seconds = clock.now() - started
            lines = await provider_lines(plan, settings)
            for line in greeting(plan, lines, seconds, console):
                console.say(line)

        console.say(f"NovaCore starts; {_where_data_is(plan, settings)}.")
        code = await supervisor.run(greet)
        console.say("NovaCore has stopped." if code == 0 else f"NovaCore has stopped because of the above. {DOCTOR}")
        return code


def _where_data_is(plan: Plan, settings: LauncherSettings) -> str:
    folder = settings.novacore_data_dir.resolve()
    if read(plan.environ, "DATABASE_URL") is None:
        return f"its data is in {folder}"
    return f"its data is in PostgreSQL, its secrets are in {folder}"


async def provider_lines(plan: Plan, settings: LauncherSettings) -> list[str]:
    """What the running product says of its providers; nothing where it does not say."""
    headers = {"Authorization": f"Bearer {plan.environ[BOOTSTRAP_KEY]}"}
    url = f"{plan.address}/api/chat/providers"
    answer = await asyncio.to_thread(fetch.get, url, timeout=PROVIDERS_SECONDS, headers=headers)
    if answer is None or answer.status != 200:
        return []
    rows = providers.rows_of(answer.body)
    return with_hint(providers.report(rows, settings.priority, plan.environ, plan.local_model))


def with_hint(lines: list[str]) -> list[str]:
    """The lines, and who can tell more where a provider does not answer."""
    return [*lines, DOCTOR] if any(providers.TROUBLE in line for line in lines) else lines


def greeting(plan: Plan, provider_lines: list[str], seconds: float, console: Console) -> list[str]:
    """What is said once everything is ready."""
    return [
        *(f"  {line}" for line in provider_lines),
        "",
        f"NovaCore is ready after {seconds:.1f} s: {console.bold(plan.address)}",
        "Sign in with this link; it works once, within 10 minutes:",
        f"  {console.bold(f'{plan.address}/#signin={plan.signin_token}')}",
        "Ctrl-C stops it.",
        "",
    ]
