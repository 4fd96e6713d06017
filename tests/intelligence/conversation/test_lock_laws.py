"""Under a lock no byte reaches a cloud: by any route, with any wishes, rules and faults, whenever the lock is set.

The whole service is asked over its routes, see ``service``. Every provider says again what it was told, so that words
which must stay are followed also where an answer was made of them.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from fastapi import FastAPI

from services.intelligence.app.config import Settings
from services.intelligence.app.routing.facts import Fact
from services.intelligence.app.services.memory_client import Wishes
from tests.intelligence.conversation.service import (
    ACT,
    CLOUDS,
    HOSTS,
    SECRET,
    SESSIONS,
    WORD,
    Act,
    Fault,
    Memory,
    Service,
    Wires,
)
from tests.intelligence.orchestrator.schedules import any_schedule
from tests.support import log_lines
from tests.support.dice import Dice
from tests.support.virtual_time import run, settle

SCHEDULES = 400
GONE = "01890000-0000-7000-8000-00000000dead"
"""A session that is not there."""

TALKS = [0, 0, 0, 1]
LEAVING = [None, None, None, None, 0.06, 0.3, 2.0]


@dataclass(frozen=True)
class Lock:
    """Of a talk, or with None of the user; or its end."""

    talk: int | None
    locked: bool = True


Route = Literal["message", "stream", "route/explain"]
ROUTES: list[Route] = ["message", "message", "stream", "stream", "stream", "route/explain"]


@dataclass(frozen=True)
class Say:
    """A message. ``again``: in the place of the one before, as regenerating does; ``keyed``: under the talk's key."""

    route: Route
    talk: int
    local_only: bool
    prefer: str | None
    again: bool
    keyed: bool
    leaves: float | None


@dataclass(frozen=True)
class Complete:
    """A call to ``/v1``."""

    models: list[str]
    local_only: bool
    stream: bool
    leaves: float | None


@dataclass(frozen=True)
class Return:
    """To the newest answer of a talk: to go on with it, or to follow it."""

    talk: int
    goes_on: bool
    leaves: float | None


@dataclass(frozen=True)
class Deed:
    """What somebody does, so many seconds after the deed before; ``lock`` comes ``after`` it has begun."""

    pause: float
    call: "Call"
    after: float
    lock: Lock | None


Call = Say | Complete | Return | Lock


def say(dice: Dice) -> Say:
    return Say(
        route=dice.one_of(ROUTES),
        talk=dice.one_of(TALKS),
        local_only=dice.one_of([False, False, False, True]),
        prefer=dice.one_of([None, None, None, "local", "cloud", "cloud"]),
        again=dice.either(),
        keyed=dice.seldom(),
        leaves=dice.one_of(LEAVING),
    )


def complete(dice: Dice) -> Complete:
    return Complete(
        models=dice.one_of([["auto"], ["auto"], ["gemini"], ["openai", "ollama"], ["ollama", "auto"]]),
        local_only=dice.one_of([False, False, True]),
        stream=dice.either(),
        leaves=dice.one_of(LEAVING),
    )


def come_back(dice: Dice) -> Return:
    return Return(talk=dice.one_of(TALKS), goes_on=dice.one_of([True, True, False]), leaves=dice.one_of(LEAVING))


CALLS: list[Callable[[Dice], Call]] = [say, say, say, complete, come_back, lambda _: Lock(0, locked=False)]


def deed(dice: Dice) -> Deed:
    return Deed(
        pause=dice.one_of([0.0, 0.0, 0.03, 0.5, 6.0]),
        after=dice.one_of([0.0, 0.02, 0.05, 0.07, 0.12, 0.2, 0.35, 0.6, 1.0, 2.0]),
        lock=dice.one_of([None, None, None, Lock(None), Lock(0), Lock(0), Lock(1)]),
        call=dice.one_of(CALLS)(dice),
    )


LOCAL: list[Fault] = ["answers", "slow", "breaks", "breaks", "fails", "busy", "refuses", "resets", "hangs", "garbles"]
CLOUD: list[Fault] = ["answers", "slow", "slow", "breaks", "fails", "busy", "turns down", "resets", "hangs"]


def local_fault(dice: Dice) -> Fault:
    return dice.one_of(LOCAL)


def cloud_fault(dice: Dice) -> Fault:
    return dice.one_of(CLOUD)


@dataclass(frozen=True)
class Plan:
    """How the service is set up, what its providers and users do."""

    cloud_enabled: bool
    priority: str
    fallback: str
    midstream: str
    rules: str
    budgets: bool
    wishes: Wishes
    memory_down: bool
    facts: list[tuple[bool, int | None]]
    """Marked local, and the talk that it was told in: 2 is one that is gone."""
    faults: dict[str, list[Fault]]
    locked: tuple[bool, bool]
    user_locked: bool
    visitors: list[list[Deed]]


SIZE = 12 + (1 + 3 * 2) + 3 * (1 + 6) + (1 + 6 * 11) + (1 + 2 * 11)


def a_plan(dice: Dice) -> Plan:
    return Plan(
        cloud_enabled=not dice.seldom(),
        priority=dice.one_of(["ollama,gemini,openai"] * 4 + ["gemini,ollama", "openai,gemini"]),
        fallback=dice.one_of(["sequential"] * 5 + ["hedged", "hedged", "off"]),
        midstream=dice.one_of(["continue", "continue", "restart", "fail"]),
        rules=dice.one_of(["", "", "", "short:gemini>openai", "short:openai,long:gemini"]),
        budgets=dice.either(),
        wishes=Wishes(
            order=dice.one_of([(), (), (), ("gemini",), ("openai", "ollama")]),
            hedging=dice.one_of([None, None, True, False]),
        ),
        memory_down=dice.seldom(),
        locked=(dice.seldom(), dice.seldom()),
        user_locked=dice.seldom(),
        facts=dice.some(lambda each: (each.either(), each.one_of([None, 0, 1, 1, 2])), 1, 3, 2),
        faults={host: dice.some(local_fault if host == "ollama" else cloud_fault, 0, 6, 1) for host in HOSTS},
        visitors=[dice.some(deed, 5, 6, 11), dice.some(deed, 0, 2, 11)],
    )


class Scene:
    """What is done, what may not leave meanwhile, and what has left all the same."""

    def __init__(self, app: FastAPI, plan: Plan, template: sqlite3.Connection) -> None:
        self._plan = plan
        self._locked = list(plan.locked)
        self._user_locked = plan.user_locked
        self._of_talk: dict[bytes, int] = {}
        self._private: set[bytes] = set()
        self._changing = asyncio.Lock()
        self.sent = 0
        self.trespasses: list[str] = []
        self._wires = Wires(plan.faults, self._see)
        memory = Memory(plan.wishes, [self._fact(*fact) for fact in plan.facts], down=plan.memory_down)
        self._service = Service(app, settings_of(plan), self._wires, memory, template)

    async def play(self) -> None:
        """All of it."""
        await self._service.begin(locked=self._locked, user_locked=self._user_locked)
        await asyncio.gather(*(self._visit(number, done) for number, done in enumerate(self._plan.visitors)))
        await self._service.end()
        assert self._wires.open == []

    def _fact(self, local_only: bool, talk: int | None) -> Fact:
        """A fact whose words may be told on: those of one that is marked, by nobody."""
        word = f"secret{7000 + 10 * local_only + (9 if talk is None else talk)}x"
        if local_only or talk == 2:
            self._private.add(word.encode())
        if local_only:
            return Fact(word, local_only, None if talk is None else (*SESSIONS, GONE)[talk])
        # Whether this one may leave depends on its talk; what was made of it while it might is another's.
        told = word.replace("secret", "told")
        return Fact(told, local_only, None if talk is None else (*SESSIONS, GONE)[talk])

    async def _visit(self, number: int, deeds: Sequence[Deed]) -> None:
        for place, deed in enumerate(deeds):
            await asyncio.sleep(deed.pause)
            calling = asyncio.ensure_future(self._call(f"secret{100 * number + place}x", deed.call))
            if deed.lock is not None:
                await asyncio.sleep(deed.after)
                await self._lock(deed.lock)
            await calling

    async def _call(self, word: str, call: Call) -> None:
        match call:
            case Say():
                await self._say(word, call)
            case Complete():
                await self._complete(word, call)
            case Return():
                await self._return(call)
            case Lock():
                await self._lock(call)
                if not call.locked:
                    await self._lock(Lock(None, locked=False))

    async def _say(self, word: str, deed: Say) -> None:
        body: dict[str, Any] = {"session_id": SESSIONS[deed.talk], "local_only": deed.local_only}
        headers = {}
        if deed.keyed:
            word = f"secret{9000 + 10 * deed.talk + deed.local_only}x"
            headers = {"idempotency_key": f"key-{word}-{deed.route}"}
        else:
            body["prefer"] = deed.prefer
            last = self._service.last(deed.talk) if deed.again else None
            if last is not None and last[1] is not None:
                body["parent_id"] = last[1]
        self._of_talk[word.encode()] = deed.talk
        if deed.local_only:
            self._private.add(word.encode())
        ACT.set(Act(deed.talk, deed.local_only))
        text = f"Remember that it is {word}."
        status, _ = await self._service.call(
            "POST", f"/api/chat/{deed.route}", {"message": text, **body}, leaves=deed.leaves, **headers
        )
        assert status in {0, 200, 422, 503}, status

    async def _complete(self, word: str, deed: Complete) -> None:
        model, *others = deed.models
        body = {"model": model, "messages": [{"role": "user", "content": word}], "stream": deed.stream}
        if others:
            body["models"] = others
        if deed.local_only:
            self._private.add(word.encode())
        ACT.set(Act(None, deed.local_only))
        headers = {"x_novacore_local_only": "true"} if deed.local_only else {}
        await self._service.call("POST", "/v1/chat/completions", body, leaves=deed.leaves, **headers)

    async def _return(self, deed: Return) -> None:
        last = self._service.last(deed.talk)
        if last is None:
            return
        message_id, _, stays, text = last
        marked = any(word in self._private for word in WORD.findall(text.encode()))
        ACT.set(Act(deed.talk, bool(stays) or marked))
        if deed.goes_on:
            await self._service.call("POST", f"/api/chat/messages/{message_id}/continue", leaves=deed.leaves)
        else:
            await self._service.call("GET", f"/api/chat/stream/{message_id}", leaves=deed.leaves)

    async def _lock(self, deed: Lock) -> None:
        # Of two who set it at once, the later one counts; here one of them is known to be it.
        async with self._changing:
            if not deed.locked:
                self._note(deed)
            if deed.talk is None:
                await self._service.allow_cloud(allowed=not deed.locked)
            else:
                await self._service.lock(deed.talk, locked=deed.locked)
            if deed.locked:
                self._note(deed)
                await settle()
                going_on = [(host, act) for host, act in self._wires.open if host in CLOUDS and self._why_not(act)]
                assert not going_on, f"calls that went on under the lock: {going_on}"

    def _note(self, deed: Lock) -> None:
        if deed.talk is None:
            self._user_locked = deed.locked
        else:
            self._locked[deed.talk] = deed.locked

    def _see(self, host: str, raw: bytes) -> None:
        if host not in CLOUDS:
            return
        self.sent += len(raw)
        why = self._why_not(ACT.get())
        if why:
            self.trespasses.append(f"{len(raw)} bytes to {host} under the lock of {why}")
        for word in {*WORD.findall(raw)}:
            if word in self._private or (word in self._of_talk and self._locked[self._of_talk[word]]):
                self.trespasses.append(f"{word.decode()} to {host}")
        for talk in (0, 1, 2):
            closed = talk == 2 or self._locked[talk]
            if closed and b"told%dx" % (7000 + talk) in raw:
                self.trespasses.append(f"a fact of talk {talk} to {host}")

    def _why_not(self, act: Act) -> str | None:
        """Who forbids that anything of this goes to a cloud now."""
        if not self._plan.cloud_enabled:
            return "the deployment"
        if self._user_locked:
            return "the user"
        if act.talk is not None and self._locked[act.talk]:
            return "the session"
        return "the message" if act.local_only else None


async def played(app: FastAPI, plan: Plan, template: sqlite3.Connection) -> bool:
    """Whether anything was sent to a cloud at all."""
    scene = Scene(app, plan, template)
    await scene.play()
    assert scene.trespasses == []
    return scene.sent > 0


def settings_of(plan: Plan) -> Settings:
    return _settings(plan.cloud_enabled, plan.priority, plan.fallback, plan.midstream, plan.rules, plan.budgets)


@cache
def _settings(
    cloud_enabled: bool, priority: str, fallback: str, midstream: str, rules: str, budgets: bool
) -> Settings:
    return Settings.load(
        {
            "SERVICE_JWT_SECRET": SECRET,
            "CLOUD_ENABLED": str(cloud_enabled).lower(),
            "LLM_PROVIDER_PRIORITY": priority,
            "LLM_FALLBACK_MODE": fallback,
            "LLM_HEDGE_DELAY_SEC": "0.5",
            "LLM_MIDSTREAM_MODE": midstream,
            "LLM_ROUTE_RULES": rules,
            # There is room for everyone: what counts is that reading it takes time.
            "QUOTA_PROVIDER_TOKENS_PER_DAY": "gemini:1000000000,openai:1000000000" if budgets else "",
            "LLM_PROVIDER_COOLDOWN_SEC": "5",
            "OLLAMA_URL": "http://ollama.test",
            "OLLAMA_MODEL": "m:latest",
            "OLLAMA_LOCALITY": "local",
            "GEMINI_API_KEY": "g" * 40,
            "GEMINI_API_URL": "http://gemini.test",
            "GEMINI_MODEL": "gemini-2.5-flash",
            "OPENAI_API_KEY": "o" * 40,
            "OPENAI_BASE_URL": "http://openai.test/v1",
            "LOG_LEVEL": "error",
        }
    )


def test_under_a_lock_no_byte_and_no_word_goes_to_a_cloud(app: FastAPI, template: sqlite3.Connection) -> None:
    asked, sent = 0, 0

    def law(plan: Plan) -> None:
        nonlocal asked, sent
        asked, sent = asked + 1, sent + run(played(app, plan, template))

    with log_lines.captured():
        any_schedule(SCHEDULES, a_plan, SIZE, law)
    # A law that nobody could break says nothing.
    assert sent > asked / 5
