"""One service of ``service`` with the settings, faults and wishes of one test."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from services.intelligence.app.config import Settings
from services.intelligence.app.routing.facts import Fact
from services.intelligence.app.services.memory_client import NO_WISHES, Wishes
from tests.intelligence.conversation.service import ACT, SECRET, Act, Fault, Memory, Service, Wires


class Stage:
    """A service, and what its providers were sent: (host, bytes)."""

    def __init__(
        self,
        app: FastAPI,
        template: sqlite3.Connection,
        faults: Mapping[str, Sequence[Fault]],
        priority: str,
        wishes: Wishes = NO_WISHES,
        facts: Sequence[Fact] = (),
        **more: str,
    ) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self._settings = Settings.load(
            {
                "SERVICE_JWT_SECRET": SECRET,
                "LLM_PROVIDER_PRIORITY": priority,
                "LLM_HEDGE_DELAY_SEC": "0.5",
                "OLLAMA_URL": "http://ollama.test",
                "OLLAMA_MODEL": "m:latest",
                "OLLAMA_LOCALITY": "local",
                "GEMINI_API_KEY": "g" * 40,
                "GEMINI_API_URL": "http://gemini.test",
                "OPENAI_API_KEY": "o" * 40,
                "OPENAI_BASE_URL": "http://openai.test/v1",
                "LOG_LEVEL": "error",
                **more,
            }
        )
        self.wires = Wires(faults, lambda host, raw: self.sent.append((host, raw)))
        self._app, self._template = app, template
        self._memory = Memory(wishes, facts, down=False)

    async def opens(self) -> None:
        """Its service starts."""
        self.service = Service(self._app, self._settings, self.wires, self._memory, self._template)
        await self.service.begin(locked=(False, False), user_locked=False)

    def told(self, host: str) -> bytes:
        """Everything that this host was sent in chats."""
        return b"".join(raw for name, raw in self.sent if name == host and b"secret" in raw)

    async def another_process_stores(self, job: Callable[[Any], Any]) -> None:
        """Another process stores something, and this one looks at what others have stored."""
        await self.service.writer.run(job)
        await self.service.parts.conversations.elsewhere.heed()


@asynccontextmanager
async def playing(stage: Stage) -> AsyncIterator[None]:
    ACT.set(Act(0, local_only=False))
    await stage.opens()
    try:
        yield
    finally:
        await stage.service.end()
