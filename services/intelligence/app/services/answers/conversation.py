"""A chat turn from its message to its stored answer."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from novakit import logs
from novakit.clock import Clock
from novakit.ids import NewId

from ...domain.chat import ChatTurn, ProviderRequest
from ...domain.errors import ProviderError
from ...domain.events import TextDelta
from ...routing.facts import Given
from ...routing.policy import locks_on
from ...routing.trail import AllProvidersFailed, InterruptedAnswer, Replaced, Reset
from ...store import privacy, turns, unfinished
from ...store.opening import Store
from ...store.quotas import Hold
from ...store.sql import Sql
from ...store.turns import Begun, EndedPrompt, NewPrompt, PromptStatus
from ...store.unfinished import Reopened
from ..llm_router import ProviderOrchestrator
from ..memory_client import NO_WISHES, Wishes
from ..observations import Observer
from ..orchestrator.walk import Unfinished
from ..quotas.books import Books
from ..route_record import RouteRecord
from ..stored_route import StoredRoute
from ..user_locks import UserLocks
from .apology import LOCKED_MEANWHILE, locked_out_sentence
from .beginning import Question, foresee_turn, keep_what_reads_private, store_turn
from .drain import Drain
from .elsewhere import Abroad, Elsewhere
from .endings import Endings, counted, log_crash
from .keeper import Keeper
from .locking import CutOff, cut_off_cloud, lock_turns
from .replay import BROKEN_OFF
from .resuming import stored_route, unfinished_answer
from .running import RunningTurns
from .turn import Turn

REFUSED = "The model declined to answer this."
NOBODY_GOES_ON = "No model could go on with this answer just now."


log = logs.get("conversation")


@dataclass(frozen=True, slots=True)
class Manner:
    """What every conversation shares.

    ``patience`` is how many seconds an answer to a message with a key goes on without a reader. ``fact_tokens`` is
    how much of a prompt remembered facts may take.
    """

    system_prompt: str
    fallback_message: str
    cloud_enabled: bool
    patience: float = 300.0
    fact_tokens: int = 256


class NewRecord(Protocol):
    """Starts the record of a request."""

    def __call__(
        self,
        request_id: str,
        user_id: str,
        traceparent: str | None,
        earlier: StoredRoute | None = None,
        earlier_ms: int = 0,
    ) -> RouteRecord:
        """``traceparent`` is the caller's span; the others are the parameters of RouteRecord and of its Origin."""


class Conversations:
    """Conducts all turns of this process."""

    def __init__(
        self,
        orchestrator: ProviderOrchestrator,
        store: Store,
        running: RunningTurns,
        manner: Manner,
        clock: Clock,
        new_id: NewId,
        new_record: NewRecord,
        observe: Observer,
        drain: Drain,
        books: Books,
        user_locks: UserLocks,
        on_learnt: Callable[[], None],
    ) -> None:
        """``on_learnt`` is called when there is something new to be remembered."""
        self._orchestrator = orchestrator
        self._writer = store.writer
        self._instance_id = store.instance_id
        self._running = running
        self._manner = manner
        self._clock = clock
        self._new_id = new_id
        self._new_record = new_record
        self._endings = Endings(store, running, clock, observe, books)
        self._books = books
        self.elsewhere = Elsewhere(store, running, drain, user_locks)
        self._user_locks = user_locks
        self._on_learnt = on_learnt
        self._drain = drain
        drain.on_cut(self._cut_all)

    async def begin(self, question: Question, wishes: Wishes = NO_WISHES) -> Turn | EndedPrompt | Abroad:
        """Store the message and start to answer it; with a known key, what became of it before.

        Raises what ``store.turns.begin`` and ``store.keys.look_up`` raise, and DrainingError.
        """
        self._drain.take_work()
        route = self._new_record(question.request_id, question.user_id, question.traceparent)
        new = NewPrompt(
            prompt_id=self._new_id(),
            user_id=question.user_id,
            text=question.text,
            local_only=question.local_only,
            at=self._micros(),
            new_session_id="" if question.session_id else self._new_id(),
            session_id=question.session_id,
            parent_id=question.parent_id,
            instance_id=self._instance_id,
        )
        done = await self._writer.run(
            lambda connection: store_turn(connection, new, question, self._books, self._manner.fact_tokens)
        )
        if isinstance(done, EndedPrompt):
            return await self.find(done.prompt_id, question.user_id) or replace(done, status="stopped")
        begun, hold, given = done
        if question.to_remember is not None:
            self._on_learnt()
        turn = Turn(
            message_id=new.prompt_id,
            session_id=begun.session_id,
            user_id=question.user_id,
            endpoint=question.endpoint,
            request=self._request(question, wishes, begun, given, route.origin.traceparent),
            route=route,
            rewinds=question.rewinds,
            patience=None if question.key is None else self._manner.patience,
            hold=hold,
            given=given,
        )
        self._start(turn, question.request_id)
        return turn

    async def foresee(self, question: Question, wishes: Wishes) -> ProviderRequest:
        """What a provider would be asked for this message, which is not stored, nor counted by any quota.

        Raises what ``store.turns.begin`` raises.
        """
        begun, given = await self._writer.run(
            lambda connection: foresee_turn(connection, question, self._manner.fact_tokens)
        )
        return self._request(question, wishes, begun, given, "")

    async def go_on(
        self,
        message_id: str,
        user_id: str,
        request_id: str,
        wishes: Wishes,
        *,
        rewinds: bool,
        keyed: bool,
        traceparent: str | None = None,
    ) -> Turn:
        """Take up an answer that broke off; raises what ``store.unfinished.reopen`` raises, and DrainingError.

        ``keyed``: it goes on for a while without a reader.
        """
        self._drain.take_work()

        def reopen(connection: Sql) -> tuple[Reopened, Hold | None]:
            opened = unfinished.reopen(connection, message_id, user_id, self._instance_id)
            keep_what_reads_private(connection, message_id, opened.history)
            asked = (*opened.history, opened.question)
            # A message is counted once: with its first part, where that brought anything.
            messages = int(not counted(opened.left.status, opened.left.text))
            return opened, self._books.reserve(connection, user_id, asked, messages=messages)

        opened, hold = await self._writer.run(reopen)
        left = opened.left
        earlier = stored_route(left.route)
        locks = locks_on(
            cloud_enabled=self._manner.cloud_enabled,
            user=opened.user_local_only,
            session=opened.session_local_only,
            message=opened.question.local_only,
        )
        route = self._new_record(request_id, user_id, traceparent, earlier, left.latency_ms)
        request = ProviderRequest(
            turns=self._turns(opened.history, opened.question),
            locks=locks,
            order=wishes.order,
            hedging=wishes.hedging,
            traceparent=route.origin.traceparent,
        )
        turn = Turn(
            message_id=message_id,
            session_id=left.session_id,
            user_id=user_id,
            endpoint="stream",
            request=request,
            route=route,
            rewinds=rewinds,
            patience=self._manner.patience if keyed else None,
            left=left,
            hold=hold,
            # Later than any event of an earlier stream, which may have been another process's.
            first_place=self._micros() // 1000,
        )
        self._start(turn, request_id, unfinished_answer(left, earlier, request.turns))
        return turn

    async def find(self, message_id: str, user_id: str) -> Turn | EndedPrompt | Abroad | None:
        """A user's message: its turn where that runs or has just ended, else what is stored of it."""
        turn = self._running.known(message_id, user_id)
        if turn is not None:
            return turn
        return await self.elsewhere.find(message_id, user_id)

    async def stop(self, message_id: str, user_id: str) -> None:
        """End an answer now, keeping what was said.

        Returns when that is stored where this process answers it; another one is told, and ends it within a second.
        """
        turn = self._running.get(message_id, user_id)
        if turn is not None:
            turn.cut("stopped")
            await turn.over()
        else:
            await self.elsewhere.stop(message_id, user_id)

    async def of_session(self, session_id: str) -> list[Turn]:
        """The session's running turns, every one included whose message was stored before this call."""
        await self._everyone_has_begun()
        return self._running.of_session(session_id)

    async def lock(self, session_id: str) -> list[CutOff]:
        """The session was locked: none of its running turns calls the cloud from now on. Tells what was cut off.

        Nor does any fact that was told in it leave with a running turn of another session.
        """
        mine = await self.of_session(session_id)
        for turn in self._running.everyone():
            turn.close_facts_of(session_id)
        return lock_turns(mine, "session")

    async def end_turns_of(self, user_id: str, session_id: str | None = None) -> None:
        """Cut off the user's running turns, in one session or in all, and keep nothing of those that have ended."""
        await self._everyone_has_begun()
        mine = [
            turn
            for turn in self._running.everyone()
            if turn.user_id == user_id and session_id in {None, turn.session_id}
        ]
        for turn in mine:
            turn.cut("stopped")
        for turn in mine:
            await turn.over()
        self._running.forget(user_id, session_id)

    async def allow_cloud(self, user_id: str, *, allowed: bool) -> None:
        """Keep the user's word. Where it forbids, none of the user's running turns calls the cloud from now on."""
        at = self._micros()
        await self._writer.run(lambda connection: privacy.allow_cloud(connection, user_id, at, allowed=allowed))
        self._user_locks.set(user_id, locked=not allowed)
        if not allowed:
            lock_turns([turn for turn in self._running.everyone() if turn.user_id == user_id], "user")
            cut_off_cloud(self._drain, user_id)

    async def close(self) -> None:
        """End all turns; each is stored with what was said so far."""
        tasks = [turn.task for turn in self._running.everyone() if turn.task is not None]
        self._cut_all()
        if tasks:
            await asyncio.wait(tasks)
        await self._endings.close()

    async def _everyone_has_begun(self) -> None:
        """Return once every turn is known whose message was stored before this call."""
        # The writer tells its callers in order: whoever stored a message before this has begun its turn after it.
        await self._writer.run(_nothing)

    def _cut_all(self) -> None:
        for turn in self._running.everyone():
            turn.cut("interrupted")

    def _start(self, turn: Turn, request_id: str, left: Unfinished | None = None) -> None:
        self._running.add(turn)
        turn.task = asyncio.ensure_future(self._conduct(turn, request_id, left))

    def _request(
        self, question: Question, wishes: Wishes, begun: Begun, given: Given, traceparent: str
    ) -> ProviderRequest:
        asked = ChatTurn("user", question.text, question.local_only)
        return ProviderRequest(
            turns=self._turns((*given.turns, *begun.history), asked),
            locks=locks_on(
                cloud_enabled=self._manner.cloud_enabled,
                user=begun.user_local_only,
                session=begun.session_local_only,
                message=question.local_only,
            ),
            prefer=question.prefer,
            order=wishes.order,
            hedging=wishes.hedging,
            traceparent=traceparent,
        )

    def _turns(self, history: tuple[ChatTurn, ...], question: ChatTurn) -> tuple[ChatTurn, ...]:
        return (ChatTurn("system", self._manner.system_prompt), *history, question)

    async def _conduct(self, turn: Turn, request_id: str, left: Unfinished | None) -> None:
        error: str | None = None
        status: PromptStatus = "complete"
        try:
            turn.begin()
            await self._answer(turn, left)
        except asyncio.CancelledError:
            turn.cancelled()
            status = turn.ending or "interrupted"
            error = BROKEN_OFF if status == "interrupted" else None
            if turn.locked_out and turn.text:
                error = f"{LOCKED_MEANWHILE} What was said so far is kept."
            elif turn.locked_out:
                status, error = "fallback", None
                turn.say(LOCKED_MEANWHILE)
        except ProviderError:
            turn.say(f"\n\n{REFUSED}" if turn.text else REFUSED)
        except InterruptedAnswer as broken:
            status = "interrupted"
            error = f"The answer broke off ({broken.error.reason}). What was said so far is kept."
        except AllProvidersFailed as failed:
            log.error(
                "all_providers_failed",
                request_id=request_id,
                trace_id=turn.route.origin.trace_id,
                failures=str(failed),
            )
            told = locked_out_sentence(failed)
            if left is not None and left.text:
                status = "interrupted"
                error = f"{told or NOBODY_GOES_ON} What was said so far is kept."
            else:
                status = "fallback"
                turn.say(told or self._manner.fallback_message)
        except Exception as crash:  # noqa: BLE001 (a turn must end for its reader, whatever broke)
            status = "failed"
            error = "Something broke on our side. What was said so far is kept."
            log_crash("turn_failed", crash, request_id)
        await self._endings.end(turn, status, error, request_id)

    async def _answer(self, turn: Turn, left: Unfinished | None) -> None:
        events = self._orchestrator.generate_streaming_response(
            turn.request, lambda _request: turn.request, shown=turn.endpoint == "stream", unfinished=left
        )
        keeper = Keeper(lambda: self._keep(turn.message_id, turn.text))
        try:
            async with aclosing(events):
                async for event in events:
                    turn.take(event)
                    if isinstance(event, TextDelta | Replaced | Reset):
                        keeper.changed()
        finally:
            keeper.stop()

    def _keep(self, message_id: str, text: str) -> None:
        job = asyncio.ensure_future(
            self._writer.run(lambda connection: turns.keep_partial(connection, message_id, text, self._instance_id))
        )
        job.add_done_callback(_log_failure)

    def _micros(self) -> int:
        return int(self._clock.wall() * 1_000_000)


def _nothing(_connection: Sql) -> None:
    return None


def _log_failure(job: "asyncio.Future[None]") -> None:
    if not job.cancelled() and (crash := job.exception()) is not None:
        log.error("partial_not_stored", error=type(crash).__name__, at=logs.where(crash))
