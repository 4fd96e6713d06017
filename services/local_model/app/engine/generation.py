"""One answer as a stream: bridges the engine's thread and the event loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import Executor
from contextlib import aclosing
from dataclasses import replace

from . import history
from .engine import Engine, EngineError, Finished, Job, PromptTooLongError
from .slots import Slot
from .stalls import Progress

Stream = AsyncGenerator[str | Finished]


class Generation:
    """Lets the engine write answers."""

    def __init__(self, engine: Engine, threads: Executor, progress: Progress) -> None:
        self._engine = engine
        self._threads = threads
        self._progress = progress

    async def stream(self, job: Job, slot: Slot, *, truncate: bool) -> Stream:
        """``str* Finished``; raises EngineError.

        With ``truncate`` a conversation that is too long loses its oldest turns, else PromptTooLongError is raised.
        The slot is given back as soon as the engine is done, however slowly the answer is read. Closing the stream
        stops the engine, at the latest after a batch of the prompt, and returns when it has stopped.
        """
        while True:
            try:
                async with aclosing(self._once(job, slot)) as pieces:
                    async for piece in pieces:
                        yield piece
            except PromptTooLongError as error:
                shorter = _shortened(job, error) if truncate else None
                if shorter is None:
                    raise
                job = shorter
            else:
                return

    async def _once(self, job: Job, slot: Slot) -> Stream:
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        left = threading.Event()
        answer = object()

        def emit(text: str) -> bool:
            self._progress.mark(answer)
            if text:
                try:
                    loop.call_soon_threadsafe(pieces.put_nowait, text)
                except RuntimeError:  # the loop is closed: the process ends
                    return False
            return not left.is_set()

        def over(run: "asyncio.Future[Finished | None]") -> None:
            self._progress.end(answer)
            if run.cancelled() or not isinstance(run.exception(), PromptTooLongError):
                slot.free()
            pieces.put_nowait(None)

        self._progress.mark(answer)
        run = loop.run_in_executor(self._threads, self._engine.run, job, emit)
        run.add_done_callback(over)
        try:
            while (text := await pieces.get()) is not None:
                yield text
            finished = run.result()
            if finished is None:
                raise EngineError("the engine stopped before the answer's end")
            yield finished
        finally:
            left.set()
            if not run.done():
                await asyncio.wait((run,))


def _shortened(job: Job, error: PromptTooLongError) -> Job | None:
    if isinstance(job.prompt, str):
        return None
    limit = history.budget(error.limit, job.sampling.max_tokens)
    turns = history.shorten(job.prompt, error.tokens, limit)
    return None if turns is None else replace(job, prompt=turns)
