"""The service's look at its own set-up, over real sockets: each fault once, nothing billed, no key in any word."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from novakit.clock import FakeClock
from novakit.findings import Finding, to_line

from services.intelligence.app import doctor
from services.intelligence.app.services import examining
from tests.support.fakes import (
    FakeAnthropic,
    FakeGemini,
    FakeOllama,
    FakeOpenAI,
    FakeServer,
    Request,
    hang,
    reset,
    status,
)

KEY = "kq" + "7fJx" * 10
NOW = 1_795_341_600.0
"""22 November 2026."""
F = TypeVar("F", bound=FakeServer)


class World:
    """Providers that are well until a test says otherwise, and what the service is told of them."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.fakes: list[FakeServer] = []
        self.environ = {
            "SERVICE_JWT_SECRET": "s" * 32,
            "NOVACORE_DATA_DIR": str(folder),
            "OLLAMA_URL": "http://127.0.0.1:9",
            "LLM_PROVIDER_PRIORITY": "ollama",
        }

    async def start(self, fake: F, name: str, **settings: str) -> F:
        """Serve a fake as the provider of that name, and only it unless others were started before."""
        await self._stack.enter_async_context(fake)
        names = self.environ["LLM_PROVIDER_PRIORITY"].split(",") if self.fakes else []
        self.environ |= {"LLM_PROVIDER_PRIORITY": ",".join([*names, name]), **settings}
        self.fakes.append(fake)
        return fake

    async def ollama(self, **options: Any) -> FakeOllama:
        fake = await self.start(FakeOllama(**options), "ollama")
        self.environ["OLLAMA_URL"] = fake.url
        return fake

    async def gemini(self, **options: Any) -> FakeGemini:
        fake = await self.start(FakeGemini(**options), "gemini", GEMINI_API_KEY=KEY, GEMINI_MODEL="gemini-2.5-flash")
        self.environ["GEMINI_API_URL"] = fake.url
        return fake

    async def openai(self, **options: Any) -> FakeOpenAI:
        fake = await self.start(FakeOpenAI(**options), "openai", OPENAI_API_KEY=KEY)
        self.environ["OPENAI_BASE_URL"] = fake.url
        return fake

    async def anthropic(self, **options: Any) -> FakeAnthropic:
        fake = await self.start(
            FakeAnthropic(**options), "anthropic", ANTHROPIC_API_KEY=KEY, ANTHROPIC_MODEL="claude-sonnet-5-5"
        )
        self.environ["ANTHROPIC_BASE_URL"] = fake.url
        return fake

    async def row(self, **options: Any) -> FakeOpenAI:
        fake = await self.start(FakeOpenAI(**options), "my-gpu", MY_GPU_MODEL="gpt-4.1")
        self.environ["MY_GPU_BASE_URL"] = fake.url
        return fake

    async def look(self, **environ: str) -> list[Finding]:
        """All findings; whatever they are, no key is in them and nobody was asked for an answer."""
        clock = FakeClock(wall=NOW)
        found = [finding async for finding in doctor.examine({**self.environ, **environ}, clock)]
        words = "\n".join(map(to_line, found))
        assert KEY not in words
        assert KEY[:8] not in words
        assert {request.method for request in self.requests} <= {"GET"}
        return found

    @property
    def requests(self) -> list[Request]:
        return [request for fake in self.fakes for request in fake.requests]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack)


def of(found: list[Finding], subject: str) -> list[tuple[str, str]]:
    return [(one.level, one.check) for one in found if one.subject == subject]


def serious(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.subject, one.check) for one in found if one.level in {"warning", "fault"}]


def only_fault(found: list[Finding]) -> Finding:
    (fault,) = [one for one in found if one.level == "fault"]
    return fault


async def test_where_all_is_well_everything_is_ok(world: World) -> None:
    await world.ollama()
    await world.gemini(models=["gemini-2.5-flash"], key=KEY)
    await world.openai(key=KEY)
    await world.anthropic(key=KEY)
    await world.row()
    found = await world.look()
    assert serious(found) == []
    for name in ("ollama", "gemini", "openai", "anthropic", "my-gpu"):
        assert of(found, name) == [("ok", "access"), ("ok", "model")]
    assert len(world.requests) == 7


async def test_a_key_that_is_not_accepted_is_a_fault_for_each_provider(world: World) -> None:
    await world.gemini(key="another")
    await world.openai(key="another")
    await world.anthropic(key="another")
    found = await world.look()
    assert serious(found) == [("fault", name, "access") for name in ("gemini", "openai", "anthropic")]
    advices = [one.advice for one in found if one.level == "fault"]
    assert [advice.split()[1] for advice in advices] == ["GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]


async def test_a_row_that_wants_a_key_says_which_setting_holds_it(world: World) -> None:
    await world.row(key="needed")
    fault = only_fault(await world.look())
    assert (fault.subject, fault.advice) == ("my-gpu", "Set MY_GPU_API_KEY.")


async def test_a_model_that_gemini_does_not_have_is_a_fault(world: World) -> None:
    await world.gemini(models=["gemini-4"], key=KEY)
    fault = only_fault(await world.look())
    assert (fault.subject, fault.check) == ("gemini", "model")
    assert "does not have the model gemini-2.5-flash" in fault.text
    assert "GEMINI_MODEL" in fault.advice


async def test_a_model_that_a_list_lacks_is_a_warning(world: World) -> None:
    await world.row(models=["other"])
    assert serious(await world.look()) == [("warning", "my-gpu", "model")]


async def test_a_server_without_a_list_is_not_looked_at_any_closer(world: World) -> None:
    fake = await world.row()
    fake.checks.append(status(404, "404 page not found"))
    assert of(await world.look(), "my-gpu") == [("ok", "access"), ("skipped", "model")]


async def test_an_end_that_the_providers_list_tells_is_a_warning(world: World) -> None:
    await world.openai(shutdown_dates={"gpt-4.1": "2027-01-14"})
    await world.anthropic(ends={"claude-sonnet-5-5": ("deprecated", "2026-11-30T00:00:00Z")})
    found = await world.look()
    assert serious(found) == [("warning", "openai", "retirement"), ("warning", "anthropic", "retirement")]
    texts = [one.text for one in found if one.check == "retirement"]
    assert texts == [
        "gpt-4.1 is switched off on 2027-01-14 (53 days from now).",
        "claude-sonnet-5-5 is switched off on 2026-11-30 (8 days from now).",
    ]


async def test_an_ollama_that_is_down_is_a_fault_that_names_its_address(world: World) -> None:
    fault = only_fault(await world.look())
    assert fault.text == "cannot be reached: nothing listens at http://127.0.0.1:9."
    assert fault.advice == "Start the server there, or set OLLAMA_URL to where it is."


@pytest.mark.parametrize(("models", "said"), [(["qwen3:8b"], "llama3.2"), ([], "llama3.2")])
async def test_an_ollama_without_the_model_is_a_fault(world: World, models: list[str], said: str) -> None:
    await world.ollama(models=models)
    fault = only_fault(await world.look(OLLAMA_MODEL="llama3.2"))
    assert (fault.subject, fault.check) == ("ollama", "model")
    assert said in fault.text
    assert "OLLAMA_MODEL" in fault.advice


async def test_a_cold_model_is_told_and_stays_cold(world: World) -> None:
    fake = await world.ollama(loaded=[])
    found = await world.look()
    assert serious(found) == []
    assert any("not in memory now" in one.text for one in found)
    assert fake.loaded == []


async def test_a_cloud_model_of_a_local_ollama_is_noticed(world: World) -> None:
    await world.ollama(models=["gpt-oss:120b-cloud"])
    found = await world.look(OLLAMA_MODEL="gpt-oss:120b-cloud")
    assert serious(found) == [("warning", "ollama", "locality")]


async def test_the_address_of_the_built_in_model_is_not_guessed(world: World) -> None:
    found = await world.look(OLLAMA_URL="auto")
    assert of(found, "ollama") == []
    assert serious(found) == []


async def test_with_the_cloud_switched_off_no_cloud_is_called_and_each_says_so(world: World) -> None:
    await world.ollama()
    clouds = [await world.gemini(), await world.openai(), await world.anthropic(), await world.row()]
    found = await world.look(CLOUD_ENABLED="false")
    assert [fake.connections for fake in clouds] == [0, 0, 0, 0]
    for name in ("gemini", "openai", "anthropic", "my-gpu"):
        (said,) = [one for one in found if one.subject == name]
        assert (said.level, said.text) == (
            "skipped",
            "was not called: CLOUD_ENABLED=false keeps every cloud out.",
        )
    assert of(found, "ollama") == [("ok", "access"), ("ok", "model")]


async def test_a_row_that_is_declared_local_is_called_all_the_same(world: World) -> None:
    await world.row()
    found = await world.look(CLOUD_ENABLED="false", MY_GPU_LOCALITY="local")
    assert of(found, "my-gpu") == [("ok", "access"), ("ok", "model")]


async def test_a_set_up_with_clouds_alone_and_the_cloud_switched_off_is_a_fault(world: World) -> None:
    await world.gemini()
    assert only_fault(await world.look(CLOUD_ENABLED="false")).subject == "providers"


async def test_a_provider_without_its_key_is_a_warning_where_somebody_named_it(world: World) -> None:
    found = await world.look(OLLAMA_URL="auto", LLM_PROVIDER_PRIORITY="ollama,gemini")
    assert serious(found) == [("warning", "gemini", "access")]
    by_default = await world.look(OLLAMA_URL="auto", LLM_PROVIDER_PRIORITY="")
    assert serious(by_default) == []
    assert of(by_default, "gemini") == [("skipped", "access")]


async def test_a_server_that_says_nothing_is_a_fault_and_is_waited_for_only_so_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = await world.ollama()
    fake.checks.append(hang())
    monkeypatch.setattr(examining, "ANSWER_SECONDS", 0.05)
    fault = only_fault(await world.look())
    assert "then said nothing" in fault.text


async def test_what_is_no_fault_of_the_settings_is_a_warning(world: World) -> None:
    fake = await world.gemini()
    fake.checks.append(status(429))
    assert serious(await world.look()) == [("warning", "gemini", "access")]


async def test_a_connection_that_is_dropped_is_a_fault(world: World) -> None:
    fake = await world.ollama()
    # The client asks once more where a connection is dropped at once.
    fake.checks.extend([reset(), reset()])
    assert only_fault(await world.look()).check == "access"


@pytest.mark.parametrize(
    ("lead", "level", "said"),
    [(0.0, "ok", "agrees"), (200.0, "fault", "3 minutes behind"), (-3600.0, "fault", "60 minutes ahead of")],
)
async def test_the_clock_is_compared_with_a_server_beyond_this_machine(
    world: World, lead: float, level: str, said: str
) -> None:
    fake = await world.gemini()
    fake.time = NOW + lead
    (clock,) = [one for one in await world.look() if one.subject == "clock"]
    assert clock.level == level
    assert said in clock.text


async def test_the_clock_is_not_compared_with_a_server_on_this_machine(world: World) -> None:
    fake = await world.ollama()
    fake.time = NOW + 900
    (clock,) = [one for one in await world.look() if one.subject == "clock"]
    assert clock.level == "skipped"


async def test_every_setting_that_cannot_be_used_is_told_and_nobody_is_asked(world: World) -> None:
    fake = await world.ollama()
    found = await world.look(LLM_FALLBACK_MODE="quick", OLLAMA_NUM_CTX="3")
    assert [(one.level, one.text) for one in found] == [
        ("fault", "LLM_FALLBACK_MODE: 'quick' cannot be used: it must be 'sequential', 'hedged' or 'off'."),
        ("fault", "OLLAMA_NUM_CTX: '3' cannot be used: it must be greater than or equal to 512."),
        ("skipped", "were not looked at: the settings have to be right first."),
    ]
    assert fake.connections == 0


async def test_an_unknown_name_in_the_priority_is_told_in_the_words_of_the_start(world: World) -> None:
    fault = only_fault(await world.look(LLM_PROVIDER_PRIORITY="olama"))
    assert fault.text.startswith("LLM_PROVIDER_PRIORITY: 'olama' is none of ollama, gemini, openai, anthropic")


async def test_the_database_is_looked_at(world: World, tmp_path: Path) -> None:
    (tmp_path / "intelligence.db").write_bytes(b"no database" * 100)
    await world.ollama()
    assert only_fault(await world.look()).check == "database"


def test_a_transport_of_this_look_refuses_to_send_anything() -> None:
    class Never:
        def request(self, *_args: object, **_more: object) -> Any:
            raise AssertionError("nothing may get this far")

    free = examining.FreeTransport(Never(), FakeClock())
    with pytest.raises(AssertionError, match="by GET alone"):
        free.request("POST", "http://x", headers={}, connect_timeout=1)
    with pytest.raises(AssertionError, match="by GET alone"):
        free.request("GET", "http://x", headers={}, connect_timeout=1, body=b"{}")


@pytest.mark.parametrize(
    ("text", "seconds"), [("Sun, 22 Nov 2026 10:00:00 GMT", NOW), ("yesterday", None), ("", None), (None, None)]
)
def test_the_time_of_a_server_is_read_from_its_header(text: str | None, seconds: float | None) -> None:
    assert examining.time_in({} if text is None else {"date": text}) == seconds
