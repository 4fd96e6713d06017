"""What a look at the settings and the providers means to the person who set them up, in sentences. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from urllib.parse import urlsplit

from novakit.findings import Finding, Level

from ..config import Settings
from ..domain.errors import ProviderError, Reason, Unreachable
from .providers.base import Standing

SOON_DAYS = 60
"""How long before a model's end it is time to look for another."""
CLOCK_SECONDS = 120.0
"""How wrong this machine's clock may be: the tokens that sign calls between services live for minutes."""
SETTINGS, CLOCK = "settings", "clock"


@dataclass(frozen=True, slots=True)
class Variables:
    """The names of the settings that a person would change for one provider."""

    url: str
    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at one provider: how it stands, why it could not be asked, or None where it never spoke.

    ``address`` is where it was asked, without anything secret. ``at_home``: that is this machine or its own network.
    ``published`` is the day from which ``model`` is gone, as others tell it; ``deprecated``: they say it will be.
    """

    name: str
    model: str
    address: str
    at_home: bool
    has_key: bool
    variables: Variables
    outcome: Standing | ProviderError | None
    published: date | None = None
    deprecated: bool = False


def of_settings(subject: str, settings: Settings) -> list[Finding]:
    """What is odd about settings that can be used."""
    priority = settings.llm_provider_priority
    found = [
        Finding("warning", subject, SETTINGS, _unused(variable, name, priority), "Correct the name or take it out.")
        for variable, name in settings.unused_names()
    ]
    return found or [Finding("ok", subject, SETTINGS, "its settings can be used.")]


def _unused(variable: str, name: str, priority: Sequence[str]) -> str:
    close = get_close_matches(name, priority, n=1)
    guess = f"; is {close[0]} meant?" if close else "."
    return f"{variable} names {name!r}, which is not in LLM_PROVIDER_PRIORITY ({', '.join(priority)}){guess}"


def nobody_to_ask(subject: str, settings: Settings, localities: Iterable[str]) -> list[Finding]:
    """A fault where no configured provider may be asked; ``localities`` are those of the configured ones."""
    found = list(localities)
    if "local" in found or (found and settings.cloud_enabled):
        return []
    if found:
        text = "CLOUD_ENABLED=false leaves nobody to ask: every provider that is set up is a cloud."
        advice = "Add ollama to LLM_PROVIDER_PRIORITY, or take CLOUD_ENABLED out."
    else:
        text = (
            f"Nobody can be asked: {', '.join(settings.llm_provider_priority)} in LLM_PROVIDER_PRIORITY have no key."
        )
        advice = "Set a key, or add ollama to LLM_PROVIDER_PRIORITY: it needs none."
    return [Finding("fault", subject, "providers", text, advice)]


def without_key(name: str, key_variable: str, *, wanted: bool) -> Finding:
    """For a provider that has no key; ``wanted``: somebody put it into the priority, and not the default."""
    text = f"is not used: {key_variable} is not set."
    if not wanted:
        return Finding("skipped", name, "access", text)
    advice = f"Set {key_variable}, or take {name} out of LLM_PROVIDER_PRIORITY."
    return Finding("warning", name, "access", text, advice)


def cloud_disabled(name: str) -> Finding:
    """For a cloud that must not be called."""
    return Finding("skipped", name, "access", "was not called: CLOUD_ENABLED=false keeps every cloud out.")


def of_provider(look: Look, today: date) -> list[Finding]:
    """One finding for each thing that was looked at."""
    outcome = look.outcome
    if isinstance(outcome, Standing):
        return [_access(look, outcome), _model(look, outcome, today), *_concerns(look, outcome, today)]
    # What others tell of the model holds also while its provider tells nothing; of a missing one it is told there.
    missing = outcome is not None and outcome.reason == "model_missing"
    concerns = [] if missing else _concerns(look, Standing(look.model), today)
    if outcome is None:
        text = f"took the connection at {look.address}, and then said nothing."
        return [Finding("fault", look.name, "access", text, _unreachable(look)), *concerns]
    return [_failed(look, outcome, today), *concerns]


def _access(look: Look, standing: Standing) -> Finding:
    version = f", version {standing.version}" if standing.version else ""
    key = ", and accepts the key" if look.has_key else ""
    return Finding("ok", look.name, "access", f"answers at {look.address}{version}{key}.")


def _model(look: Look, standing: Standing, today: date) -> Finding:
    model, variable = standing.model, look.variables.model
    if standing.listed is None:
        return Finding("skipped", look.name, "model", f"does not tell whether {model} ({variable}) is there.")
    if not standing.listed:
        text = f"does not list the model {model}, though some servers answer to any name."
        return Finding("warning", look.name, "model", text, f"Set {variable} to a model that the server lists.")
    cold = ", which is not in memory now: its first answer takes longer" if standing.loaded is False else ""
    day = standing.retires or look.published
    end = f", which is there until {day}" if day is not None and (day - today).days > SOON_DAYS else ""
    return Finding("ok", look.name, "model", f"has the model {model}{cold}{end}.")


def _concerns(look: Look, standing: Standing, today: date) -> list[Finding]:
    found = []
    if standing.hosted:
        text = f"{standing.model} runs in a cloud, not on your machine: what you write is sent there."
        advice = f"Set {look.variables.model} to another model to stay at home; locked messages never go to this one."
        found.append(Finding("warning", look.name, "locality", text, advice))
    day = standing.retires or look.published
    text = ""
    if day is not None and day <= today:
        text = f"{standing.model} was to be switched off on {day}: it may fail, or another model may answer for it."
    elif day is not None and (day - today).days <= SOON_DAYS:
        text = f"{standing.model} is switched off on {day} ({_days((day - today).days)} from now)."
    elif day is None and (standing.deprecated or look.deprecated):
        text = f"{standing.model} is deprecated: its provider is going to switch it off."
    if text:
        advice = f"Set {look.variables.model} to a newer model."
        found.append(Finding("warning", look.name, "retirement", text, advice))
    return found


_WAIT = "Nothing is wrong with your settings; look again later."
_FAILED: dict[Reason, tuple[Level, str, str]] = {
    "auth": ("fault", "access", "at {at} does not accept the key"),
    "billing": ("fault", "access", "at {at} wants to be paid first"),
    "model_missing": ("fault", "model", "at {at} does not have the model"),
    "connect_refused": ("fault", "access", "cannot be reached: nothing listens at {at}"),
    "connect_timeout": ("fault", "access", "cannot be reached: no connection to {at} comes about"),
    "dns": ("fault", "access", "cannot be reached: the name in {at} is not known"),
    "tls": ("fault", "access", "cannot be reached: {at} has no certificate that is trusted"),
    "reset": ("fault", "access", "cannot be reached: {at} drops the connection"),
    "rate_limited": ("warning", "access", "at {at} has had too many calls just now"),
    "quota_exhausted": ("warning", "access", "at {at} answers no more for now: the quota is used up"),
    "overloaded": ("warning", "access", "at {at} is overloaded"),
    "server_error": ("warning", "access", "at {at} reports an error of its own"),
}
_OTHER: tuple[Level, str, str] = ("fault", "access", "at {at} answers what is not understood")


def _failed(look: Look, error: ProviderError, today: date) -> Finding:
    level, check, what = _FAILED.get(error.reason, _OTHER)
    if error.reason == "auth" and not look.has_key:
        what = "at {at} wants a key"
    if error.reason == "model_missing" and look.model:
        gone = f", which was switched off on {look.published}" if look.published and look.published <= today else ""
        what = f"{what} {look.model}{gone}"
    quoted = "" if isinstance(error, Unreachable) else f": {error.detail.removesuffix('.')}"
    text = f"{what.replace('{at}', look.address)}{quoted}."
    return Finding(level, look.name, check, text, _advice(look, error.reason, level))


def _advice(look: Look, reason: Reason, level: Level) -> str:
    variables = look.variables
    if level == "warning":
        return _WAIT
    match reason:
        case "auth" if look.has_key:
            return f"Set {variables.key} to a valid key of this provider, without quotes or spaces around it."
        case "auth":
            return f"Set {variables.key}."
        case "billing":
            return "Look at the account's credit and limits with the provider; no setting here helps."
        case "model_missing":
            return f"Set {variables.model} to a model that is there; if the address is wrong, {variables.url}."
        case _:
            return _unreachable(look)


def _unreachable(look: Look) -> str:
    if look.at_home:
        return f"Start the server there, or set {look.variables.url} to where it is."
    return (
        f"Look at this machine's network, and at {look.variables.url}. Calls to providers use no proxy: where the "
        "internet is behind one, they cannot get out."
    )


def of_clock(leads: Sequence[float]) -> Finding:
    """``leads``: by how many seconds each server's clock was ahead of ours. The one that agrees best is believed."""
    if not leads:
        text = "this machine's clock was compared with no other: no server beyond this machine told its time."
        return Finding("skipped", CLOCK, CLOCK, text)
    lead = min(leads, key=abs)
    if abs(lead) <= CLOCK_SECONDS:
        return Finding("ok", CLOCK, CLOCK, "this machine's clock agrees with that of the servers that answered.")
    side = "behind" if lead > 0 else "ahead of"
    text = f"this machine's clock is {abs(lead) / 60:.0f} minutes {side} that of the servers that answered."
    return Finding(
        "fault", CLOCK, CLOCK, text, "Let the system set it (timedatectl set-ntp true, or your system's way)."
    )


def shown(url: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
