"""How providers are chosen and what follows their failures, from the tables that the orchestrator goes by."""

from typing import get_args

from services.intelligence.app import main
from services.intelligence.app.config import Settings
from services.intelligence.app.domain import errors as domain
from services.intelligence.app.domain.chat import ChatTurn, Lock, ProviderRequest
from services.intelligence.app.domain.errors import ProviderError, Reason, SkipReason
from services.intelligence.app.routing.breaker import Open
from services.intelligence.app.routing.policy import Candidate, Health, RouteDecision, plan
from services.intelligence.app.routing.rules import parse_rules
from services.intelligence.app.routing.verdicts import VERDICTS
from services.intelligence.app.services.providers import registry

from .tables import code, table

NOW = 1000.0
_EFFECTS = {
    "count": "one failure",
    "open": "opens at once",
    "cool": "left alone until a time",
    "success": "a success",
    "none": "untouched",
}
SKIPS: dict[SkipReason, str] = {
    "not_configured": "it has no key",
    "disabled": "`LLM_FALLBACK_MODE=off`: the first allowed one alone is asked",
    "cloud_disabled": "`CLOUD_ENABLED=false`",
    "local_only": "the conversation or the message is locked",
    "preference": "the user does not allow the cloud",
    "cooling_down": "its circuit is open",
    "busy": "no slot is free, or will be in time",
    "cold": "its model would have to be loaded first, and the cloud can answer now",
    "over_budget": "it has used up its tokens or its money of the day",
    "not_requested": "the caller named others",
    "prompt_too_long": "its context is known to be too short for this conversation",
}


def providers() -> str:
    """The providers that come with settings of their own."""
    settings = Settings.load({"SERVICE_JWT_SECRET": "s" * 32})
    rows = []
    for name, adapter in registry.ADAPTERS.items():
        place = settings.llm_provider_priority.index(name) + 1 if name in settings.llm_provider_priority else None
        first = settings.llm_provider_timeouts.get(name, main.OTHER_FIRST_TOKEN_SEC)
        calls = settings.llm_provider_concurrency.get(name)
        rows.append(
            (
                code(name),
                code(adapter.name),
                "not in the default priority" if place is None else str(place),
                "yes" if adapter.needs_key else "no",
                f"{first:g} s",
                str(calls or 32),
            )
        )
    rows.append(("any other name", code(registry.ROW.name), "", "no", f"{main.OTHER_FIRST_TOKEN_SEC:g} s", "32"))
    return table(("name", "class", "place", "needs a key", "first token within", "calls at a time"), rows)


def errors() -> str:
    """The tree of what a provider can do other than answer."""
    return "```text\n" + "\n".join(_tree(ProviderError, 0)) + "\n```"


def _tree(cls: type[ProviderError], depth: int) -> list[str]:
    reasons = [reason for reason in get_args(Reason) if reason in cls.reasons]
    name = "    " * depth + cls.__name__
    lines = [f"{name:<26}{' '.join(reasons)}".rstrip()]
    for child in cls.__subclasses__():
        if child.__module__ == domain.__name__:
            lines += _tree(child, depth + 1)
    return lines


def verdicts() -> str:
    """What follows each reason."""
    rows = [
        (
            code(reason),
            "once more" if verdict.retry else "no",
            "yes" if verdict.failover else "**no**",
            _EFFECTS[verdict.effect],
            ("all its models" if verdict.scope == "provider" else "this model")
            if verdict.effect not in {"none", "success"}
            else "",
        )
        for reason, verdict in VERDICTS.items()
    ]
    return table(("reason", "asked again", "next provider", "its health", "of"), rows)


def skips() -> str:
    """Why a provider is not asked at all."""
    return table(("reason", "because"), [(code(reason), SKIPS[reason]) for reason in get_args(SkipReason)])


def clocks() -> str:
    """The clocks of one attempt, with their defaults."""
    settings = Settings.load({"SERVICE_JWT_SECRET": "s" * 32})
    firsts = ", ".join(f"{name} {seconds:g} s" for name, seconds in settings.llm_provider_timeouts.items())
    rows = [
        ("connect", "until there is a connection", f"{registry.CONNECT_TIMEOUT_SEC:g} s", "`LLM_CONNECT_TIMEOUTS`"),
        (
            "first token",
            "from being admitted until the first text or reasoning",
            f"{firsts}; others {main.OTHER_FIRST_TOKEN_SEC:g} s",
            "`LLM_PROVIDER_TIMEOUTS`",
        ),
        ("stall", "between two pieces of text or reasoning", f"{main.STALL_SEC:g} s", "`LLM_STALL_TIMEOUTS`"),
        ("total", "the whole answer", f"{main.TOTAL_SEC:g} s; local: none", "`LLM_TOTAL_TIMEOUTS`"),
        (
            "request",
            "all waiting until a first token: queue, retries and fallbacks share it",
            f"{settings.llm_request_deadline_sec:g} s",
            "`LLM_REQUEST_DEADLINE_SEC`",
        ),
        (
            "cold start",
            "on top, for a local model that has to be loaded where the cloud is not allowed",
            f"{settings.llm_cold_start_timeout_sec:g} s",
            "`LLM_COLD_START_TIMEOUT_SEC`",
        ),
        (
            "queue",
            "for a slot of a busy local model, before the cloud is asked",
            f"{settings.llm_queue_timeout_sec:g} s",
            "`LLM_QUEUE_TIMEOUT_SEC`",
        ),
        (
            "retry",
            "the longest delay named by a provider that is waited for",
            f"{settings.llm_retry_wait_max_sec:g} s",
            "`LLM_RETRY_WAIT_MAX_SEC`",
        ),
    ]
    return table(("clock", "runs", "default", "set by"), rows)


OLLAMA = Candidate("ollama", "llama3.2", "local", on_this_machine=True)
GEMINI = Candidate("gemini", "gemini-3.8-flash", "cloud")
OPENAI = Candidate("openai", "gpt-4.1", "cloud", configured=False)
CANDIDATES = (OLLAMA, GEMINI, OPENAI)
REFUSED: Health = {("ollama", ""): Open(epoch=1, until=NOW + 60, trips=1)}


def decisions() -> str:
    """What ``plan()`` decides in some situations."""
    told = [
        ("all is well", _plan()),
        ("Ollama's circuit is open", _plan(health=REFUSED)),
        ("the message is `local_only`", _plan(locks=frozenset({"message"}))),
        ("the same, and Ollama's circuit is open", _plan(locks=frozenset({"message"}), health=REFUSED)),
        ("`CLOUD_ENABLED=false`", _plan(locks=frozenset({"deployment"}))),
        ("Gemini has used up its budget", _plan(over_budget={"gemini": NOW + 3600})),
        ("`LLM_FALLBACK_MODE=off`", _plan(failover=False)),
        ("the user prefers the cloud", _plan(prefer="cloud")),
        ("`LLM_ROUTE_RULES=code:gemini`, and code in the message", _plan(text="```py\nx\n```", rules="code:gemini")),
    ]
    rows = [(situation, _asked(decision), _left_out(decision)) for situation, decision in told]
    return table(("where", "asked, in this order", "not asked"), rows)


def _plan(
    *,
    text: str = "Why is the sky blue?",
    locks: frozenset[Lock] = frozenset(),
    prefer: str | None = None,
    health: Health | None = None,
    failover: bool = True,
    rules: str = "",
    over_budget: dict[str, float] | None = None,
) -> RouteDecision:
    request = ProviderRequest(turns=(ChatTurn("user", text),), locks=locks, prefer=prefer)  # type: ignore[arg-type]
    return plan(
        request, CANDIDATES, health or {}, NOW, failover=failover, rules=parse_rules(rules), over_budget=over_budget
    )


def _asked(decision: RouteDecision) -> str:
    named = [
        attempt.candidate.name + (" (as the last resort)" if attempt.last_resort else "")
        for attempt in decision.attempts
    ]
    return ", ".join(named) or "nobody"


def _left_out(decision: RouteDecision) -> str:
    return ", ".join(f"{skip.candidate.name}: `{skip.reason}`" for skip in decision.skipped)
