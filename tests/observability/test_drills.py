"""The runbook's drills: a fault is made, its alert fires, what the runbook says is done, and all is quiet again."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.access.whole import memory_app
from tests.support.fakes import Gate, answer, cut, status
from tests.support.services import serving

from . import rules, runbook
from .drill import Drill

Play = Callable[[Drill], Awaitable[None]]


async def local_model_gone(drill: Drill) -> None:
    await drill.start()
    await drill.go_on(5, drill.chat)
    drill.fires()
    await drill.world.ollama.refuse()
    await drill.go_on(8, drill.chat)
    drill.fires("NovaCoreLocalModelGone")
    await drill.start(**runbook.settings("NovaCoreLocalModelGone"))
    await drill.go_on(2, drill.chat)
    drill.fires()


async def a_provider_failing(drill: Drill) -> None:
    """It answers now and then, so that its circuit stays closed."""
    await drill.start()
    await drill.go_on(17, failing_now_and_then(drill))
    drill.fires("NovaCoreProviderFailing")
    await drill.start(**runbook.settings("NovaCoreProviderFailing"))
    asked = len(drill.world.ollama.chats)
    await drill.go_on(11, drill.chat)
    drill.fires()
    assert len(drill.world.ollama.chats) == asked


def failing_now_and_then(drill: Drill) -> Callable[[], Awaitable[None]]:
    """Every other chat finds a local model that fails, and its second try fails too."""
    turn = 0

    async def chat() -> None:
        nonlocal turn
        turn += 1
        if turn % 2:
            drill.world.ollama.add(status(500), status(500))
        await drill.chat()

    return chat


async def a_circuit_open(drill: Drill) -> None:
    drill.world.gemini.default = status(500)
    await drill.start(LLM_PROVIDER_PRIORITY="gemini,ollama,openai")
    await drill.go_on(12, drill.chat)
    drill.fires()
    await drill.go_on(11, drill.chat)
    drill.fires("NovaCoreCircuitOpen")
    await drill.start(**runbook.settings("NovaCoreCircuitOpen"))
    await drill.go_on(1, drill.chat)
    drill.fires()


async def a_key_rejected(drill: Drill) -> None:
    priority = {"LLM_PROVIDER_PRIORITY": "gemini,ollama,openai"}
    await drill.start(**priority, GEMINI_API_KEY="not-the-key")
    await drill.go_on(1)
    await drill.go_on(1, drill.chat)
    drill.fires("NovaCoreProviderKeyRejected")
    await drill.start(**runbook.settings("NovaCoreProviderKeyRejected"))
    await drill.go_on(1, drill.chat)
    drill.fires()
    await drill.start(**priority)
    await drill.go_on(1, drill.chat)
    drill.fires()
    assert drill.world.gemini.chats[-1].answered


async def no_provider_answers(drill: Drill) -> None:
    await drill.start()
    await drill.go_on(1, drill.chat)
    for fake in (drill.world.ollama, drill.world.gemini, drill.world.openai):
        await fake.refuse()
    await drill.go_on(3, drill.chat_in_vain)
    drill.fires("NovaCoreNoProviderAnswers")
    await drill.world.ollama.accept()
    await drill.start(**runbook.settings("NovaCoreNoProviderAnswers"))
    await drill.go_on(5, drill.chat)
    drill.fires()


async def more_fallbacks_than_usual(drill: Drill) -> None:
    await drill.start()
    await drill.go_on(120, drill.chat, step=240)
    drill.fires()

    broken = False

    async def breaking_every_other_time() -> None:
        nonlocal broken
        broken = not broken
        if broken:
            drill.world.ollama.add(cut(2))
        await drill.chat()

    await drill.go_on(40, breaking_every_other_time, step=120)
    drill.fires("NovaCoreFallbackShareHigh")
    await drill.start(**runbook.settings("NovaCoreFallbackShareHigh"))
    await drill.go_on(30, drill.chat, step=120)
    drill.fires()


async def first_words_late(drill: Drill) -> None:
    gate = Gate()
    drill.world.ollama.default = answer("Slowly.", gate=gate)
    await drill.start()

    async def slow_chat() -> None:
        asked = len(drill.world.ollama.chats)
        chat = asyncio.ensure_future(drill.chat())
        await drill.world.ollama.received(asked + 1)
        drill.clock.ahead += 9
        gate.release(2)
        await chat

    await drill.go_on(8, slow_chat)
    drill.fires("NovaCoreFirstWordsLate")
    await drill.start(**runbook.settings("NovaCoreFirstWordsLate"))
    await drill.go_on(6, drill.chat)
    drill.fires()


async def a_queue_that_does_not_empty(drill: Drill) -> None:
    patient = {"LLM_REQUEST_DEADLINE_SEC": "3600"}
    await drill.start(LLM_PROVIDER_CONCURRENCY="ollama:1", **patient)
    async with asking(drill, 3, waiting=2) as gate:
        await drill.go_on(12)
        drill.fires("NovaCoreQueueFull")
        gate.open()
    await drill.start(**patient, **runbook.settings("NovaCoreQueueFull"))
    async with asking(drill, 3, waiting=0) as gate:
        await drill.go_on(12)
        drill.fires()
        gate.open()


@asynccontextmanager
async def asking(drill: Drill, people: int, waiting: int) -> AsyncIterator[Gate]:
    """So many people ask the local model, which answers when the gate opens; that many wait for a place."""
    gate = Gate()
    drill.world.ollama.default = answer("At last.", gate=gate)
    asked = len(drill.world.ollama.chats)
    chats = [asyncio.ensure_future(drill.client.message(local_only=True)) for _ in range(people)]
    await drill.world.ollama.received(asked + people - waiting)
    await drill.until('llm_queue_depth{provider="ollama"}', waiting)
    yield gate
    for chat in chats:
        assert (await chat).body["response"] == "At last."


async def a_budget_nearly_used_up(drill: Drill) -> None:
    await using_tokens_of_gemini(drill, chats=4)
    drill.fires("NovaCoreBudgetNearlyUsedUp")
    await drill.start(LLM_PROVIDER_PRIORITY="gemini,ollama", **runbook.settings("NovaCoreBudgetNearlyUsedUp"))
    await drill.go_on(3)
    drill.fires()


async def a_budget_used_up(drill: Drill) -> None:
    await using_tokens_of_gemini(drill, chats=5)
    drill.fires("NovaCoreBudgetUsedUp")
    asked = len(drill.world.gemini.chats)
    await drill.chat()
    assert len(drill.world.gemini.chats) == asked
    await drill.start(LLM_PROVIDER_PRIORITY="gemini,ollama", **runbook.settings("NovaCoreBudgetUsedUp"))
    await drill.chat()
    assert len(drill.world.gemini.chats) == asked + 1
    await drill.go_on(3)
    drill.fires()


async def using_tokens_of_gemini(drill: Drill, chats: int) -> None:
    """A thousand tokens and a few with each chat, of five thousand."""
    drill.world.gemini.default = answer(" ".join(["word"] * 1000))
    await drill.start(LLM_PROVIDER_PRIORITY="gemini,ollama", QUOTA_PROVIDER_TOKENS_PER_DAY="gemini:5000")
    await drill.go_on(1)
    drill.fires()
    await drill.go_on(chats / 2, drill.chat)
    await drill.go_on(2)


async def the_cloud_while_it_is_forbidden(drill: Drill) -> None:
    """Whatever fails: no cloud is asked, and so what must never fire does not."""
    await drill.start(CLOUD_ENABLED="false")
    await drill.go_on(1, drill.chat)
    await drill.world.ollama.refuse()
    await drill.go_on(6, drill.chat_in_vain)
    drill.fires("NovaCoreLocalModelGone", "NovaCoreNoProviderAnswers")
    assert drill.world.gemini.connections + drill.world.openai.connections == 0
    await drill.world.ollama.accept()
    await drill.start(**runbook.settings("NovaCoreCloudUsedWhileForbidden"))
    await drill.go_on(6, drill.chat)
    drill.fires()


async def no_traffic(drill: Drill) -> None:
    drill.step = 240
    await drill.start()
    await drill.go_on(76, drill.chat)
    await drill.go_on(22 * 60, step=1200)
    await drill.go_on(60)
    drill.fires()
    await drill.go_on(56)
    drill.fires("NovaCoreNoTraffic")
    await drill.go_on(4, drill.chat)
    drill.fires()


async def a_process_down(drill: Drill) -> None:
    await drill.start()
    await drill.go_on(2)
    drill.fires()
    await drill.end()
    await drill.go_on(2)
    drill.fires("NovaCoreDown")
    await drill.start()
    await drill.go_on(1)
    drill.fires()


async def memory_down(drill: Drill) -> None:
    """People are answered all the while."""
    nobody_there = "http://127.0.0.1:1"
    await drill.start(MEMORY_URL=nobody_there)
    await drill.go_on(6, drill.chat)
    drill.fires("NovaCoreMemoryDown")
    await drill.start(MEMORY_URL=nobody_there, **runbook.settings("NovaCoreMemoryDown"))
    await drill.go_on(1, drill.chat)
    drill.fires("NovaCoreMemoryDown")
    async with serving(memory_app(drill.folder)) as memory:
        await drill.start(MEMORY_URL=memory)
        await drill.go_on(6, drill.chat)
        drill.fires()


async def a_disk_nearly_full(drill: Drill) -> None:
    full = drill.world.made.folder

    def statvfs(path: Path) -> SimpleNamespace:
        return SimpleNamespace(f_frsize=4096, f_blocks=1000, f_bavail=90 if Path(path) == full else 600)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "statvfs", statvfs)
        await drill.start()
        await drill.go_on(7, drill.chat)
        drill.fires("NovaCoreDiskNearlyFull")
        elsewhere = drill.folder / runbook.settings("NovaCoreDiskNearlyFull")["NOVACORE_DATA_DIR"].lstrip("/")
        elsewhere.mkdir(parents=True)
        await drill.start(NOVACORE_DATA_DIR=str(elsewhere))
        await drill.go_on(1, drill.chat)
        drill.fires()


DRILLS: dict[str, Play] = {
    "NovaCoreBudgetNearlyUsedUp": a_budget_nearly_used_up,
    "NovaCoreBudgetUsedUp": a_budget_used_up,
    "NovaCoreCircuitOpen": a_circuit_open,
    "NovaCoreCloudUsedWhileForbidden": the_cloud_while_it_is_forbidden,
    "NovaCoreDiskNearlyFull": a_disk_nearly_full,
    "NovaCoreDown": a_process_down,
    "NovaCoreFallbackShareHigh": more_fallbacks_than_usual,
    "NovaCoreFirstWordsLate": first_words_late,
    "NovaCoreLocalModelGone": local_model_gone,
    "NovaCoreMemoryDown": memory_down,
    "NovaCoreNoProviderAnswers": no_provider_answers,
    "NovaCoreNoTraffic": no_traffic,
    "NovaCoreProviderFailing": a_provider_failing,
    "NovaCoreProviderKeyRejected": a_key_rejected,
    "NovaCoreQueueFull": a_queue_that_does_not_empty,
}


def test_every_alert_is_drilled() -> None:
    assert set(DRILLS) == {alert.name for alert in rules.alerts()}


@pytest.mark.parametrize("alert", DRILLS)
async def test_an_alert_fires_at_its_fault_and_what_the_runbook_says_ends_it(drill: Drill, alert: str) -> None:
    await DRILLS[alert](drill)
