"""An engine without a model, which does what the tests say; ``test_engine_contract`` holds it to the real one."""

import threading
from collections.abc import Sequence

from services.local_model.app.engine.engine import (
    Emit,
    EngineError,
    Finished,
    Job,
    JobRefusedError,
    LoadFailedError,
    PromptTooLongError,
)

WORDS = ("Hello", " there", ".")
POLL_SECONDS = 0.002
LONGEST_SECONDS = 15.0
"""So that a test that fails ends."""


class FakeEngine:
    """A token is a word. ``context`` is how many words a prompt and its answer may have together.

    ``hold`` makes every answer wait, reading its prompt, until as many pieces as it has are let go.
    """

    def __init__(self, words: Sequence[str] = WORDS, *, context: int = 64) -> None:
        self.words = tuple(words)
        self.context = context
        self.loads = 0
        self.unloads = 0
        self.loaded = False
        self.fail_load = False
        self.break_after: int | None = None
        self.jobs: list[Job] = []
        self.stopped = 0
        self.may_load = threading.Event()
        self.may_load.set()
        self.frozen: threading.Event | None = None
        self._pieces: threading.Semaphore | None = None
        self._threads = threading.Lock()

    def hold(self) -> None:
        self._pieces = threading.Semaphore(0)

    def let_go(self, pieces: int = 1) -> None:
        assert self._pieces is not None
        self._pieces.release(pieces)

    def load(self) -> None:
        self.may_load.wait(LONGEST_SECONDS)
        if self.fail_load:
            raise LoadFailedError("the test said so")
        self.loads += 1
        self.loaded = True

    def unload(self) -> None:
        self.unloads += 1
        self.loaded = False

    def run(self, job: Job, emit: Emit) -> Finished | None:
        if not self.loaded:
            raise EngineError("the model is not loaded")
        with self._threads:
            self.jobs.append(job)
        tokens = self._read(job)
        if self.frozen is not None:
            self.frozen.wait(LONGEST_SECONDS)
        room = min(self.context - tokens, job.sampling.max_tokens or self.context)
        for number, word in enumerate(self.words[:room]):
            if not (self._may_write(emit) and emit(word)):
                self.stopped += 1
                return None
            if number + 1 == self.break_after:
                raise EngineError("the engine broke")
        written = min(room, len(self.words))
        reason = "stop" if len(self.words) < room else "length"
        return Finished(reason, tokens, written, 0.25, 0.5)  # type: ignore[arg-type]

    def _read(self, job: Job) -> int:
        if job.schema is not None and job.schema.get("type") == "bogus":
            raise JobRefusedError("the engine cannot follow these messages, options or format")
        if isinstance(job.prompt, str):
            tokens = len(job.prompt.split())
        else:
            if [turn.role for turn in job.prompt[-2:]] == ["assistant", "assistant"]:
                raise JobRefusedError("the engine cannot follow these messages, options or format")
            tokens = sum(len(turn.content.split()) for turn in job.prompt)
        if tokens >= self.context:
            raise PromptTooLongError(tokens, self.context)
        return tokens

    def _may_write(self, emit: Emit) -> bool:
        if not emit(""):
            return False
        while self._pieces is not None and not self._pieces.acquire(timeout=POLL_SECONDS):
            if not emit(""):
                return False
        return True
