"""The end of a chat turn: stored first, then told to its readers and to observers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec
from novakit import logs
from novakit.clock import Clock

from ...store import turns, unfinished
from ...store.jobs import StoreLostError
from ...store.opening import Store
from ...store.sql import Sql
from ...store.turns import EndedPrompt, PromptStatus
from ..metering import Spent
from ..observations import Observer, TurnEnded
from ..quotas.books import Account, Books
from . import frames
from .running import RunningTurns
from .turn import Turn

LATE_SEC = (1, 2, 4, 8, 16, 32, *[60] * 60)
"""How long it is waited before each further attempt to store an end that could not be stored."""

log = logs.get("conversation")


class Endings:
    """Ends the turns of this process."""

    def __init__(self, store: Store, running: RunningTurns, clock: Clock, observe: Observer, books: Books) -> None:
        self._books = books
        self._writer = store.writer
        self._instance_id = store.instance_id
        self._late: set[asyncio.Task[None]] = set()
        self._running = running
        self._clock = clock
        self._observe = observe

    async def end(self, turn: Turn, status: PromptStatus, error: str | None, request_id: str) -> None:
        """Store the turn, then tell its readers. Nobody cuts a turn that has come this far."""
        turn.ending_begins()
        route = turn.route
        provider, model, locality = _answered_by(turn, status)
        # Nobody has an answer to pay for where all failed; the route still tells what each call took.
        spent = Spent() if status == "fallback" else route.spent()
        milliseconds = round(route.elapsed * 1000)
        ended = EndedPrompt(
            prompt_id=turn.message_id,
            session_id=turn.session_id,
            text=turn.text,
            status=status,
            tokens_used=spent.tokens,
            latency_ms=milliseconds,
            provider=provider,
            model=model,
            locality=locality,
            route=msgspec.json.encode(route.stored()).decode(),
        )
        at = int(self._clock.wall() * 1_000_000)
        account = Account(
            request_id=request_id,
            message_id=turn.message_id,
            user_id=turn.user_id,
            calls=tuple(route.own_calls()),
            hold=turn.hold,
            answered=counted(status, turn.text),
        )

        def store(connection: Sql) -> None:
            mine = turns.end(connection, ended, at, self._instance_id)
            if mine and turn.reads_private:
                turns.keep_from_cloud(connection, turn.message_id, local_only=_must_stay(turn, ended))
            self._books.close(connection, account)

        def store_late(connection: Sql, *, perhaps_stored: bool) -> None:
            stored = unfinished.find(connection, turn.message_id, turn.user_id)
            newer = self._running.get(turn.message_id, turn.user_id)
            if newer is None and stored is not None and stored.status == "running":
                store(connection)
            elif not perhaps_stored:
                # Stopped or deleted meanwhile, and perhaps gone on with: what it took is written down all the same.
                self._books.close(connection, account)

        told = ended
        try:
            await self._writer.run(store)
        except Exception as crash:  # noqa: BLE001 (the reader must learn that its answer is not stored)
            error = "The answer could not be stored."
            told = replace(ended, status="failed")
            log_crash("store_failed", crash, request_id)
            late = asyncio.ensure_future(
                self._keep_trying(store_late, perhaps_stored=isinstance(crash, StoreLostError))
            )
            self._late.add(late)
            late.add_done_callback(self._late.discard)
        self._running.remove(turn)
        last: frames.DoneEvent | frames.ErrorEvent = (
            frames.DoneEvent(
                session_id=turn.session_id,
                message_id=turn.message_id,
                tokens_used=spent.tokens,
                latency_ms=milliseconds,
            )
            if error is None
            else frames.ErrorEvent(error)
        )
        turn.outcome = told
        turn.finish(
            last,
            frames.UsageEvent(
                input_tokens=spent.input_tokens,
                output_tokens=spent.output_tokens,
                cost_usd=spent.cost_usd,
                estimated=spent.estimated,
                ttft_ms=route.ttft_ms,
                total_ms=milliseconds,
            ),
        )
        self._tell(turn, told, spent)

    async def close(self) -> None:
        """Try no more: what could not be stored is found as broken off at the next start."""
        late = list(self._late)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _keep_trying(self, store: Callable[..., None], *, perhaps_stored: bool) -> None:
        """The database may be back soon, and until then the message seems to be running."""
        for pause in LATE_SEC:
            await asyncio.sleep(pause)
            try:
                await self._writer.run(partial(store, perhaps_stored=perhaps_stored))
            except Exception as crash:  # noqa: BLE001 (whatever it was, it may be over the next time)
                perhaps_stored = perhaps_stored or isinstance(crash, StoreLostError)
            else:
                return

    def _tell(self, turn: Turn, ended: EndedPrompt, spent: Spent) -> None:
        fallback_from, reason = turn.route.fallback()
        self._observe(
            TurnEnded(
                endpoint=turn.endpoint,
                status=ended.status,
                seconds=ended.latency_ms / 1000,
                ttft=turn.route.first_words_after(),
                provider=ended.provider,
                model=ended.model,
                locality=turn.route.candidate.locality if ended.provider and turn.route.candidate else None,
                fallback_from=fallback_from,
                fallback_reason=reason,
                spent=spent,
                message_id=turn.message_id,
                route=turn.route.stored if fallback_from or ended.status == "fallback" else None,
                origin=turn.route.origin,
                story=turn.route.story(),
            )
        )


def _answered_by(turn: Turn, status: PromptStatus) -> tuple[str | None, str | None, str | None]:
    """(provider, model, locality) of whoever wrote the end of the answer; None thrice where nobody did."""
    if status == "fallback":
        return None, None, None
    left = turn.left
    if left is not None and turn.text == left.text:
        return left.provider, left.model, left.locality
    candidate, call = turn.route.candidate, turn.route.speaker()
    if status == "failed" or candidate is None:
        return None, None, None
    return candidate.name, call.model if call else None, candidate.locality


def counted(status: PromptStatus, text: str) -> bool:
    """Whether an answer that ended so has used a message: its reader got something, or wanted no more of it."""
    return status in {"complete", "stopped"} or (status == "interrupted" and bool(text))


def _must_stay(turn: Turn, ended: EndedPrompt) -> bool:
    """Whether the message is marked local, or its answer was made of what must not leave."""
    made_of_it = bool(ended.text) and ended.status != "fallback" and ended.locality != "cloud"
    return made_of_it or turn.holds_private or turn.request.turns[-1].local_only


def log_crash(event: str, crash: BaseException, request_id: str) -> None:
    """Log a crash by its place alone: its message may quote what a person wrote."""
    log.error(event, request_id=request_id, error=type(crash).__name__, at=logs.where(crash))
