"""Writes ``docs/TELEMETRY_REFERENCE.md`` from the code: metrics as they are declared, log lines as they are written.

Run ``make documents`` after changing one. A log line needs its meaning below.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import MagicMock

from novakit.metrics import Family

from services.gateway.app.metrics import GatewayMetrics
from services.intelligence.app.utils.metrics import Metrics
from services.local_model.app.metrics import Metrics as LocalModelMetrics
from services.memory.app.metrics import MemoryMetrics

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "TELEMETRY_REFERENCE.md"
PLACES = {
    "services/gateway": "gateway",
    "services/intelligence": "intelligence",
    "services/memory": "memory",
    "services/local_model": "local_model",
    "novacore": "every service",
    "libs/novakit": "gateway, intelligence",
}
LEVELS = ("error", "warning", "info", "debug")
METHODS = {"error": "error", "warning": "warning", "info": "info", "debug": "debug"}
EITHER = {"write": ("info", "debug"), "tell": ("warning", "info")}
"""Names that stand for one method or another, where a line's level depends on what it tells."""

MEANINGS = {
    "account_changed": "An admin changed a role, or disabled or enabled an account.",
    "accounts_unavailable": "The gateway's database cannot be used; nobody can sign in or be recognised.",
    "adapter_crashed": "A provider's adapter broke on an answer: a fault in NovaCore. The next provider answered.",
    "all_providers_failed": "Nobody answered a turn; `failures` says who was asked and who was not, and why.",
    "answer_failed": "The built-in model broke on a request.",
    "api_keys_revoked": "An admin revoked all API keys of an account.",
    "bootstrap_key_accepted": "The first start: NOVACORE_BOOTSTRAP_API_KEY is the admin's.",
    "bootstrap_key_ignored": "Not the first start: NOVACORE_BOOTSTRAP_API_KEY changes nothing.",
    "budget_not_settled": "What a call used could not be written to its provider's budget; the reservation runs out.",
    "chat_turn": "A turn is over, as its user saw it. One for each request.",
    "circuit": "A circuit opened (warning), half-opened or closed; `reason` is the fault that opened it.",
    "cloud_setting_unreadable": "A user's word on the cloud cannot be read: it counts as forbidden.",
    "crashed": "Something broke on our side; `at` is the place.",
    "database_unavailable": "The database of this service cannot be used; its callers are answered with 503.",
    "engine_stalled": "The built-in model hangs; its process ends and is started again.",
    "fact_not_kept": "The memory service did not take a fact; it is tried again.",
    "facts_unavailable": "Memory did not tell in time what a message reminds of; the chat went on without.",
    "invitation_issued": "An admin invited somebody.",
    "last_use_not_written": "When a key was last used could not be written.",
    "learning_failed": "Facts that wait to be remembered cannot be handed on.",
    "ledger_not_written": "A completion's usage could not be written to the ledger.",
    "memory_unavailable": "The memory service did not answer; chats go on without preferences.",
    "model_load_failed": "The built-in model could not be loaded.",
    "model_loaded": "The built-in model is in memory.",
    "model_unloaded": "The built-in model was let go after its time of rest.",
    "not_said_goodbye": "A process before this one ended without its last words; what it left is taken over.",
    "not_told": "A metric, a line or a span of a request could not be made: a fault in NovaCore; `at` is the place.",
    "others_not_heard": "Messages of other processes are not heard at present.",
    "partial_not_stored": "What was said so far of a running answer could not be stored.",
    "password_reset_issued": "An admin let a user set a new password.",
    "provider_answered": "An upstream call brought a whole answer. One for each attempt.",
    "provider_cancelled": "An upstream call was cut off: its reader left, a lock came, or another was faster.",
    "provider_failed": "An upstream call failed. Error where a key, a bill or a model's name has to be mended.",
    "provider_over_budget": "A provider has used up its budget and is left out until then.",
    "provider_without_key": "A provider of the priority has no key and is left out.",
    "refresh_token_reused": "A refresh token that had been replaced came again: its sign-in was ended.",
    "request": "A request is over. One for each; health checks, metrics and the page at debug.",
    "secret_file_not_usable": "A secret's file is empty, gone or too short: the secret in use stays.",
    "secret_replaced": "A secret's file was replaced; the new secret is in use.",
    "service_token_refused": "A service does not accept the gateway's token: their secrets or clocks differ.",
    "setting_names_unused_provider": "A setting names a provider that is not in LLM_PROVIDER_PRIORITY.",
    "store_failed": "An answer could not be stored; its reader was told.",
    "store_lost": "The connection to PostgreSQL is lost; it is made anew.",
    "traces_exported_again": "The collector takes traces again.",
    "traces_not_exported": "The collector does not take traces; said once until it does.",
    "turn_failed": "A turn broke on our side; its reader was told.",
    "upstream_failed": "A service behind the gateway was not there, or broke off.",
}

INTRODUCTION = """\
# Telemetry reference

Written from the code by `make documents`; a test holds it to the code.

## Metrics

Each service has its metrics at `/metrics`, in Prometheus' text format, or in OpenMetrics with exemplars (`trace_id`)
for whoever accepts that. The gateway's `/metrics` tells those of all services on its machine, each series with a
label `service`; where the services run elsewhere, it tells its own, and each is scraped itself. It is open while the
gateway is bound to loopback and no proxy is trusted; else it needs `METRICS_TOKEN`. Every service also has
`process_*` and `python_info`.

Labels are bounded: providers are those of the configuration; of models at most 32 are told apart, all that callers
name themselves are `by name`, the rest are `other`. Reasons are one closed list, the one that the page shows too.
"""

LOGS = """\
## Logs

One JSON object a line on standard output; on a terminal the same, to be read. Each has `timestamp`, `level`, `event`,
`service` and `component`. Libraries write the same lines, with `logger` in place of the component. Of an exception a
line has the type and the place, never the message. `user` is a pseudonym made with a key: the same in all services,
and of no use to whoever does not have SERVICE_JWT_SECRET. No line holds a prompt, an answer or a key.

`timestamp` is when it happened. The info lines of requests are written within a quarter of a second, several
together; what waits is written before any other line, and before the service ends.

*error* needs a person: page on it. *warning* was dealt with and is worth a look where it goes on. *info* is the
ordinary course.
"""

TRACES = """\
## Traces

Off unless `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_TRACES_EXPORTER=otlp`) is set; then sent by OTLP over HTTP, as
protobuf. `env.example` lists the variables; `OTEL_TRACES_SAMPLER` says which traces are recorded.

| span | kind | service | attributes |
|---|---|---|---|
| `{method} {route}` | server | gateway | `http.request.method`, `http.route`, `http.response.status_code`, \
`error.type`, `enduser.pseudo.id`, `novacore.request_id`, `novacore.cut` |
| `POST {route}` | server | intelligence | the same, and `gen_ai.provider.name`, `gen_ai.response.model`, \
`gen_ai.response.time_to_first_chunk`, `novacore.status`, `novacore.locality`, `novacore.fallback_from`, \
`novacore.fallback_reason` |
| `chat {model}` | client | intelligence, one for each attempt | `gen_ai.operation.name`, `gen_ai.provider.name`, \
`gen_ai.request.model`, `gen_ai.request.stream`, `gen_ai.response.model`, `gen_ai.response.finish_reasons`, \
`gen_ai.response.time_to_first_chunk`, `gen_ai.usage.input_tokens`, `gen_ai.usage.output_tokens`, \
`gen_ai.usage.reasoning.output_tokens`, `error.type`, `novacore.attempt`, `novacore.provider`, `novacore.locality`, \
`novacore.outcome`, `novacore.usage.estimated` |

Events of intelligence's span: `skip` (provider, reason), `failover` (source, target, reason), `handoff` (source,
target, at, reason), `hedge` (provider), `breaker` (provider, state, reason). The names under `gen_ai.` and `http.`
are OpenTelemetry's conventions. The provider gets the attempt's place in the trace as `traceparent`. A `traceparent`
that comes from outside is not believed. No span holds a prompt, an answer or a key.
"""


@dataclass
class Line:
    """What the code writes under one event: from where, at which levels, with which fields."""

    services: set[str] = field(default_factory=set)
    levels: set[str] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)


def render() -> str:
    """The whole file; raises AssertionError for a log line without a meaning, and a meaning without a line."""
    lines = written()
    if set(lines) != set(MEANINGS):
        raise AssertionError(f"MEANINGS and the code differ: {sorted(set(lines) ^ set(MEANINGS))}")
    parts = [INTRODUCTION]
    for service, families in declared().items():
        parts.append(f"### {service}\n\n{_metrics(families)}")
    parts.append(LOGS)
    parts.append(_lines(lines))
    parts.append(TRACES)
    return "\n".join(parts)


def declared() -> dict[str, list[Family]]:
    """The metrics that each service declares; those of every service apart."""
    anything = MagicMock()
    anything.orchestrator.candidates.return_value = []
    intelligence = Metrics(ROOT)
    intelligence.watch(anything)
    services = {
        "intelligence": intelligence.told.families,
        "gateway": GatewayMetrics(ROOT).told.families,
        "memory": MemoryMetrics(ROOT).told.families,
        "local_model": LocalModelMetrics(loaded=bool, busy=int, waiting=int).told.families,
    }
    shared = set.intersection(*({each.name for each in services[name]} for name in ("gateway", "memory")))
    own = {name: [each for each in found if each.name not in shared] for name, found in services.items()}
    common = [each for each in services["gateway"] if each.name in shared]
    return {**own, "every service (the data folder: not local_model)": common}


def written() -> dict[str, Line]:
    """Every log line of the code, by its event."""
    found: dict[str, Line] = defaultdict(Line)
    for folder, service in PLACES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "node_modules" not in path.parts:
                _read(ast.parse(path.read_text(encoding="utf-8")), service, found)
    return dict(sorted(found.items()))


def _read(tree: ast.Module, service: str, found: dict[str, Line]) -> None:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not (levels := _levels(call)):
                continue
            for event in _events(call.args[0], function):
                line = found[event]
                line.services.add(service)
                line.levels.update(levels)
                line.fields |= dict.fromkeys(_fields(call, function))


def _levels(call: ast.Call) -> tuple[str, ...]:
    """At which levels a call writes a line; none where it writes none."""
    if not call.args:
        return ()
    match call.func:
        case ast.Name(id=name) if name in EITHER:
            return EITHER[name]
        case ast.Attribute(attr=name, value=value) if name in METHODS and _is_log(value):
            return (METHODS[name],)
    return ()


def _is_log(value: ast.expr) -> bool:
    text = ast.unparse(value)
    return text in {"log", "self._log", "self.log"} or text.startswith("logs.get(")


def _events(given: ast.expr, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The event that a call names; one that is a parameter is named by whoever calls the function."""
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        yield given.value
    elif isinstance(given, ast.Name) and given.id == "event":
        yield from CALLED_WITH.get(function.name, ())


CALLED_WITH = {"log_crash": ("store_failed", "turn_failed")}


def _fields(call: ast.Call, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for keyword in call.keywords:
        if keyword.arg not in {None, "when", "ready"}:
            yield from ("error", "at") if keyword.arg == "exc_info" else (keyword.arg,)
        elif isinstance(keyword.value, ast.Name):
            yield from _keys_of(keyword.value.id, function)


def _keys_of(name: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """The keys of a dictionary that the function makes under this name."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name and isinstance(node.value, ast.Dict):
            yield from (str(key.value) for key in node.value.keys if isinstance(key, ast.Constant))


def _metrics(families: list[Family]) -> str:
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for family in sorted(families, key=lambda each: each.name):
        labels = ", ".join(f"`{label}`" for label in family.labels)
        bounds = f" Buckets: {', '.join(f'{bound:g}' for bound in family.buckets)}." if family.buckets else ""
        rows.append(f"| `{family.name}` | {family.kind} | {labels} | {family.meaning}{bounds} |")
    return "\n".join(rows) + "\n"


def _lines(lines: dict[str, Line]) -> str:
    rows = ["| event | level | service | meaning | fields |", "|---|---|---|---|---|"]
    for event, line in lines.items():
        levels = ", ".join(level for level in LEVELS if level in line.levels)
        names = ", ".join(f"`{name}`" for name in line.fields)
        services = ", ".join(sorted(line.services))
        rows.append(f"| `{event}` | {levels} | {services} | {MEANINGS[event]} | {names} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
