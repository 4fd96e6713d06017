"""A completion for a caller that keeps its own conversation: asked, told to observers, and not stored."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from novakit import logs

from ..domain.chat import ChatTurn, ProviderRequest, Sampling, Target
from ..domain.errors import ProviderError
from ..routing.policy import barred, locks_on
from ..routing.trail import AllProvidersFailed, Connecting, RouteEvent
from ..store.quotas import Hold
from ..store.writer import Writer
from .answers.drain import CutShortError
from .llm_router import ProviderOrchestrator
from .memory_client import Wishes
from .observations import Observer, TurnEnded
from .quotas.books import Account, Books
from .route_record import RouteRecord
from .user_locks import UserLocks

Status = Literal["complete", "interrupted", "fallback", "failed"]

log = logs.get("completions")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One call of ``/v1/chat/completions``.

    ``chain`` is empty for ``auto``. ``with_usage``: a stream is to end with its tokens. ``end_user`` is the caller's
    own word for whom it asks.
    """

    user_id: str
    request_id: str
    turns: tuple[ChatTurn, ...]
    sampling: Sampling
    chain: tuple[Target, ...]
    wishes: Wishes
    local_only: bool
    stream: bool
    with_usage: bool = False
    end_user: str = ""
    traceparent: str | None = None


class Completions:
    """Answers them through the orchestrator. ``new_record`` takes a request's id, its user and the caller's span."""

    def __init__(
        self,
        orchestrator: ProviderOrchestrator,
        writer: Writer,
        new_record: Callable[[str, str, str | None], RouteRecord],
        observe: Observer,
        books: Books,
        user_locks: UserLocks,
        *,
        cloud_enabled: bool,
    ) -> None:
        self._user_locks = user_locks
        self._orchestrator = orchestrator
        self._writer = writer
        self._books = books
        self._new_record = new_record
        self._observe = observe
        self._cloud_enabled = cloud_enabled
        self.under_way = 0
        """How many are being answered."""

    def record(self, wanted: Wanted) -> RouteRecord:
        """The empty record of one call, for ``answer``."""
        return self._new_record(wanted.request_id, wanted.user_id, wanted.traceparent)

    async def answer(self, wanted: Wanted, record: RouteRecord) -> AsyncGenerator[RouteEvent]:
        """The orchestrator's events, booked on ``record``. At its end what it took is in the ledger.

        Raises what the orchestrator and the writer raise, UserOverQuotaError before anyone is asked, and
        CutShortError where a lock has come. Closing it closes the upstream call, and waits for no ledger.
        """
        hold = await self._reserve(wanted)
        status: Status = "interrupted"
        left = False

        def current(asked: ProviderRequest) -> ProviderRequest:
            locked = self._user_locks.is_locked(wanted.user_id)
            return replace(asked, locks=asked.locks | {"user"}) if locked else asked

        self.under_way += 1
        try:
            user_locked = await self._user_locks.locked(wanted.user_id)
            request = ProviderRequest(
                turns=wanted.turns,
                sampling=wanted.sampling,
                locks=locks_on(cloud_enabled=self._cloud_enabled, user=user_locked, message=wanted.local_only),
                order=wanted.wishes.order,
                hedging=wanted.wishes.hedging,
                chain=wanted.chain,
                traceparent=record.origin.traceparent,
            )
            events = self._orchestrator.generate_streaming_response(request, current, shown=wanted.stream)
            async with aclosing(events):
                async for event in events:
                    record.take(event)
                    if isinstance(event, Connecting) and barred(current(request), event.candidate):
                        # The lock came while this was on its way here from a race, and nobody saw it open.
                        raise CutShortError
                    yield event
            status = "complete"
        except ProviderError:
            # A refusal is an answer.
            status = "complete"
            raise
        except AllProvidersFailed as failed:
            status = "fallback"
            log.error(
                "all_providers_failed",
                request_id=wanted.request_id,
                trace_id=record.origin.trace_id,
                failures=str(failed),
            )
            raise
        except (asyncio.CancelledError, GeneratorExit):
            left = True
            raise
        finally:
            self.under_way -= 1
            record.cancel()
            self._observe(_ended(wanted, record, status))
            account = Account(
                request_id=wanted.request_id,
                message_id=None,
                user_id=wanted.user_id,
                calls=tuple(record.own_calls()),
                hold=hold,
                answered=status == "complete",
            )
            written = self._write_down(account)
            if not left:
                await asyncio.shield(written)

    async def _reserve(self, wanted: Wanted) -> Hold | None:
        if not self._books.limited:
            return None
        reserving = asyncio.ensure_future(
            self._writer.run(lambda connection: self._books.reserve(connection, wanted.user_id, wanted.turns))
        )
        try:
            return await asyncio.shield(reserving)
        except asyncio.CancelledError:
            # It is written all the same, and nobody will be asked.
            reserving.add_done_callback(partial(self._give_back, wanted))
            raise

    def _give_back(self, wanted: Wanted, reserved: "asyncio.Future[Hold | None]") -> None:
        if not reserved.cancelled() and reserved.exception() is None:
            self._write_down(Account(wanted.request_id, None, wanted.user_id, (), reserved.result(), answered=False))

    def _write_down(self, account: Account) -> "asyncio.Future[None]":
        """Hand it to the writer, which does it even for a caller that is gone by now."""
        job = asyncio.ensure_future(self._writer.run(lambda connection: self._books.close(connection, account)))
        job.add_done_callback(_log_failure)
        return job


def _log_failure(job: "asyncio.Future[None]") -> None:
    if not job.cancelled() and (crash := job.exception()) is not None:
        log.error("ledger_not_written", error=type(crash).__name__, at=logs.where(crash))


def _ended(wanted: Wanted, record: RouteRecord, status: Status) -> TurnEnded:
    answered = record.candidate if status != "fallback" else None
    call = record.speaker()
    fallback_from, reason = record.fallback()
    return TurnEnded(
        endpoint="completions",
        status=status,
        seconds=record.elapsed,
        ttft=record.first_words_after(),
        provider=answered.name if answered else None,
        model=call.model if answered and call else None,
        locality=answered.locality if answered else None,
        fallback_from=fallback_from,
        fallback_reason=reason,
        spent=record.spent(),
        route=record.stored if fallback_from or status == "fallback" else None,
        origin=record.origin,
        end_user=wanted.end_user,
        story=record.story(),
    )
