"""What a person is told of settings, providers and the clock."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from novakit.findings import Finding

from services.intelligence.app.config import Settings
from services.intelligence.app.domain.errors import (
    Faulted,
    Garbled,
    Misconfigured,
    ProviderError,
    Throttled,
    Unreachable,
)
from services.intelligence.app.services import diagnosis
from services.intelligence.app.services.diagnosis import Look, Variables
from services.intelligence.app.services.providers.base import Standing

TODAY = date(2026, 11, 26)
OPENAI = Variables("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL")
WELL = Look(
    name="openai",
    model="gpt-9",
    address="https://api.openai.com/v1",
    at_home=False,
    has_key=True,
    variables=OPENAI,
    outcome=Standing("gpt-9"),
)


def load(**environ: str) -> Settings:
    return Settings.load({"SERVICE_JWT_SECRET": "s" * 32, **environ})


def told(standing: Standing, **more: Any) -> list[tuple[str, str, str]]:
    found = diagnosis.of_provider(replace(WELL, outcome=standing, **more), TODAY)
    return [(one.level, one.check, one.text) for one in found]


def failed(error: ProviderError | None, **more: Any) -> Finding:
    (found,) = diagnosis.of_provider(replace(WELL, outcome=error, **more), TODAY)
    return found


def test_settings_without_oddities_are_fine() -> None:
    assert diagnosis.of_settings("intelligence", load()) == [
        Finding("ok", "intelligence", "settings", "its settings can be used.")
    ]


def test_a_name_in_a_list_that_nobody_has_is_told_with_the_one_that_was_meant() -> None:
    (finding,) = diagnosis.of_settings("intelligence", load(LLM_PROVIDER_CONCURRENCY="olama:1"))
    assert finding.level == "warning"
    assert finding.text == (
        "LLM_PROVIDER_CONCURRENCY names 'olama', which is not in LLM_PROVIDER_PRIORITY (ollama, gemini, openai); "
        "is ollama meant?"
    )


@pytest.mark.parametrize(
    ("cloud_enabled", "localities", "said"),
    [
        ("true", [], "have no key"),
        ("false", [], "have no key"),
        ("false", ["cloud"], "CLOUD_ENABLED=false leaves nobody"),
    ],
)
def test_a_set_up_in_which_nobody_can_be_asked_is_a_fault(
    cloud_enabled: str, localities: list[str], said: str
) -> None:
    (finding,) = diagnosis.nobody_to_ask("providers", load(CLOUD_ENABLED=cloud_enabled), localities)
    assert finding.level == "fault"
    assert said in finding.text


@pytest.mark.parametrize(("cloud_enabled", "localities"), [("true", ["cloud"]), ("false", ["cloud", "local"])])
def test_one_who_can_be_asked_is_enough(cloud_enabled: str, localities: list[str]) -> None:
    assert diagnosis.nobody_to_ask("providers", load(CLOUD_ENABLED=cloud_enabled), localities) == []


def test_a_provider_that_is_well_is_told_with_its_address_and_its_model() -> None:
    assert told(Standing("gpt-9")) == [
        ("ok", "access", "answers at https://api.openai.com/v1, and accepts the key."),
        ("ok", "model", "has the model gpt-9."),
    ]


def test_a_local_server_is_told_with_its_version_and_a_cold_model_as_cold() -> None:
    assert told(Standing("llama3.2", version="0.14.2", loaded=False), has_key=False) == [
        ("ok", "access", "answers at https://api.openai.com/v1, version 0.14.2."),
        ("ok", "model", "has the model llama3.2, which is not in memory now: its first answer takes longer."),
    ]


def test_a_list_that_lacks_the_model_is_a_warning_and_none_at_all_is_not_looked_at() -> None:
    assert told(Standing("gpt-9", listed=False))[1][:2] == ("warning", "model")
    assert told(Standing("gpt-9", listed=None))[1] == (
        "skipped",
        "model",
        "does not tell whether gpt-9 (OPENAI_MODEL) is there.",
    )


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (
            date(2026, 11, 26),
            "was to be switched off on 2026-11-26: it may fail, or another model may answer for it.",
        ),
        (date(2026, 2, 17), "was to be switched off on 2026-02-17: it may fail, or another model may answer for it."),
        (date(2026, 11, 27), "is switched off on 2026-11-27 (1 day from now)."),
        (date(2027, 1, 25), "is switched off on 2027-01-25 (60 days from now)."),
    ],
)
def test_a_model_that_goes_within_sixty_days_or_has_gone_is_a_warning(day: date, said: str) -> None:
    by_provider = told(Standing("gpt-9", retires=day))
    assert by_provider[2] == ("warning", "retirement", f"gpt-9 {said}")
    assert told(Standing("gpt-9"), published=day) == by_provider


def test_a_later_end_is_told_with_the_model_and_warns_of_nothing() -> None:
    assert told(Standing("gpt-9"), published=date(2027, 1, 26))[1:] == [
        ("ok", "model", "has the model gpt-9, which is there until 2027-01-26.")
    ]


def test_the_providers_own_word_counts_more_than_what_was_published() -> None:
    assert len(told(Standing("gpt-9", retires=date(2027, 6, 1)), published=date(2026, 12, 1))) == 2


def test_a_model_that_is_to_go_some_day_is_a_warning() -> None:
    expected = ("warning", "retirement", "gpt-9 is deprecated: its provider is going to switch it off.")
    assert told(Standing("gpt-9", deprecated=True))[2] == expected
    assert told(Standing("gpt-9"), deprecated=True)[2] == expected


def test_a_model_whose_work_is_done_in_a_cloud_is_a_warning() -> None:
    assert told(Standing("gpt-oss:120b-cloud", hosted=True))[2] == (
        "warning",
        "locality",
        "gpt-oss:120b-cloud runs in a cloud, not on your machine: what you write is sent there.",
    )


@pytest.mark.parametrize(
    ("error", "level", "said", "advised"),
    [
        (Misconfigured("HTTP 401", reason="auth"), "fault", "does not accept the key: HTTP 401.", "OPENAI_API_KEY"),
        (Misconfigured("HTTP 402", reason="billing"), "fault", "wants to be paid first", "credit"),
        (Misconfigured("HTTP 404", reason="model_missing"), "fault", "does not have the model gpt-9", "OPENAI_MODEL"),
        (Unreachable("x", reason="dns"), "fault", "the name in https://api.openai.com/v1 is not known", "no proxy"),
        (Unreachable("x", reason="connect_refused"), "fault", "nothing listens at https", "OPENAI_BASE_URL"),
        (Unreachable("x", reason="connect_timeout"), "fault", "no connection to https", "OPENAI_BASE_URL"),
        (Unreachable("x", reason="tls"), "fault", "no certificate that is trusted", "OPENAI_BASE_URL"),
        (Unreachable("x", reason="reset"), "fault", "drops the connection", "OPENAI_BASE_URL"),
        (Garbled("HTML", reason="malformed"), "fault", "what is not understood: HTML.", "OPENAI_BASE_URL"),
        (None, "fault", "then said nothing", "OPENAI_BASE_URL"),
        (Throttled("HTTP 429", reason="rate_limited"), "warning", "too many calls", "again later"),
        (Throttled("HTTP 429", reason="quota_exhausted"), "warning", "quota is used up", "again later"),
        (Faulted("HTTP 503", reason="overloaded"), "warning", "is overloaded", "again later"),
        (Faulted("HTTP 500", reason="server_error"), "warning", "an error of its own", "again later"),
    ],
)
def test_what_keeps_a_provider_from_answering_is_told_with_what_to_do(
    error: ProviderError | None, level: str, said: str, advised: str
) -> None:
    finding = failed(error)
    assert finding.level == level
    assert said in finding.text
    assert advised in finding.advice


def test_a_provider_that_was_given_no_key_wants_one() -> None:
    finding = failed(Misconfigured("HTTP 401", reason="auth"), has_key=False)
    assert "wants a key" in finding.text
    assert finding.advice == "Set OPENAI_API_KEY."


def test_a_server_at_home_is_to_be_started() -> None:
    finding = failed(Unreachable("x", reason="connect_refused"), at_home=True)
    assert finding.advice == "Start the server there, or set OPENAI_BASE_URL to where it is."


def test_a_missing_model_that_was_switched_off_is_told_as_that() -> None:
    gone = failed(Misconfigured("HTTP 404", reason="model_missing"), published=date(2026, 10, 23))
    assert "does not have the model gpt-9, which was switched off on 2026-10-23: HTTP 404." in gone.text
    going = failed(Misconfigured("HTTP 404", reason="model_missing"), published=date(2026, 12, 11))
    assert "switched off" not in going.text


@pytest.mark.parametrize("error", [None, Misconfigured("HTTP 401", reason="auth")])
def test_a_known_end_is_told_also_of_a_provider_that_does_not_let_us_ask(error: ProviderError | None) -> None:
    found = diagnosis.of_provider(replace(WELL, outcome=error, published=date(2026, 12, 11)), TODAY)
    assert [(one.level, one.check) for one in found] == [("fault", "access"), ("warning", "retirement")]


def test_a_missing_key_is_odd_only_where_somebody_put_the_name_there() -> None:
    assert diagnosis.without_key("openai", "OPENAI_API_KEY", wanted=False).level == "skipped"
    wanted = diagnosis.without_key("openai", "OPENAI_API_KEY", wanted=True)
    assert (wanted.level, wanted.text) == ("warning", "is not used: OPENAI_API_KEY is not set.")
    assert "LLM_PROVIDER_PRIORITY" in wanted.advice


@pytest.mark.parametrize(
    ("leads", "level", "said"),
    [
        ([], "skipped", "compared with no other"),
        ([3.0], "ok", "agrees"),
        ([-120.0], "ok", "agrees"),
        ([121.0], "fault", "is 2 minutes behind that of"),
        ([-600.0, -700.0], "fault", "is 10 minutes ahead of that of"),
        ([900.0, 1.0], "ok", "agrees"),
    ],
)
def test_a_clock_that_is_more_than_two_minutes_off_by_everybodys_word_is_a_fault(
    leads: list[float], level: str, said: str
) -> None:
    finding = diagnosis.of_clock(leads)
    assert finding.level == level
    assert said in finding.text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:secret@gpu:8000/v1?key=secret", "http://gpu:8000/v1"),
        ("http://[::1]:11434", "http://[::1]:11434"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert diagnosis.shown(url) == shown
