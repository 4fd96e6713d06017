"""A chat turn from its message to its stored answer."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import msgspec
from novakit import logs
from novakit.clock import Clock
from novakit.ids import NewId

from ..domain.chat import ChatTurn, Locality, ProviderRequest
from ..domain.errors import ProviderError
from ..domain.events import TextDelta
from ..routing.policy import locks_on
from ..routing.trail import AllProvidersFailed, InterruptedAnswer
from ..store import turns
from ..store.turns import Begun, EndedPrompt, NewPrompt, PromptStatus
from ..store.writer import Writer
from . import frames
from .apology import locked_out_sentence
from .llm_router import ProviderOrchestrator
from .metering import Spent
from .route_record import Observer, RouteRecord, TurnEnded
from .running import RunningTurns
from .turn import Endpoint, Turn

KEEP_PARTIAL_EVERY_SEC = 1.0
REFUSED = "The model declined to answer this."

log = logs.get("conversation")


@dataclass(frozen=True, slots=True)
class Question:
    """A valid message of a known user. ``rewinds``: the reader of its stream can take back what it has shown."""

    user_id: str
    request_id: str
    text: str
    session_id: str | None
    parent_id: str | None
    local_only: bool
    prefer: Locality | None
    endpoint: Endpoint
    rewinds: bool = False


@dataclass(frozen=True, slots=True)
class Manner:
    """What every conversation shares."""

    system_prompt: str
    fallback_message: str
    cloud_enabled: bool


class Conversations:
    """Conducts all turns of this process."""

    def __init__(
        self,
        orchestrator: ProviderOrchestrator,
        writer: Writer,
        running: RunningTurns,
        manner: Manner,
        clock: Clock,
        new_id: NewId,
        new_record: Callable[[str], RouteRecord],
        observe: Observer,
    ) -> None:
        """``new_record`` starts the record of the request with this id."""
        self._orchestrator = orchestrator
        self._writer = writer
        self._running = running
        self._manner = manner
        self._clock = clock
        self._new_id = new_id
        self._new_record = new_record
        self._observe = observe

    async def begin(self, question: Question, order: tuple[str, ...] = ()) -> Turn:
        """Store the message and start to answer it; raises what ``store.turns.begin`` raises."""
        route = self._new_record(question.request_id)
        new = NewPrompt(
            prompt_id=self._new_id(),
            user_id=question.user_id,
            text=question.text,
            local_only=question.local_only,
            at=self._micros(),
            new_session_id="" if question.session_id else self._new_id(),
            session_id=question.session_id,
            parent_id=question.parent_id,
        )
        begun = await self._writer.run(lambda connection: turns.begin(connection, new))
        turn = Turn(
            message_id=new.prompt_id,
            session_id=begun.session_id,
            user_id=question.user_id,
            endpoint=question.endpoint,
            request=self._request(question, begun, order),
            route=route,
            rewinds=question.rewinds,
        )
        self._running.add(turn)
        turn.task = asyncio.ensure_future(self._conduct(turn, question.request_id))
        return turn

    async def of_session(self, session_id: str) -> list[Turn]:
        """The session's running turns, every one included whose message was stored before this call."""
        # The writer tells its callers in order: whoever stored a message before this has begun its turn after it.
        await self._writer.run(_nothing)
        return self._running.of_session(session_id)

    async def lock(self, session_id: str) -> None:
        """The session was locked: none of its running turns calls the cloud from now on."""
        await self._writer.run(lambda connection: turns.lock_running(connection, session_id))
        for turn in self._running.of_session(session_id):
            _lock(turn)

    async def close(self) -> None:
        """End all turns; each is stored with what was said so far."""
        tasks = [turn.task for turn in self._running.everyone() if turn.task is not None]
        for turn in self._running.everyone():
            turn.cut("interrupted")
        if tasks:
            await asyncio.wait(tasks)

    def _request(self, question: Question, begun: Begun, order: tuple[str, ...]) -> ProviderRequest:
        turns_so_far = (
            ChatTurn("system", self._manner.system_prompt),
            *begun.history,
            ChatTurn("user", question.text, question.local_only),
        )
        locks = locks_on(
            cloud_enabled=self._manner.cloud_enabled,
            session=begun.session_local_only,
            message=question.local_only,
        )
        return ProviderRequest(turns=turns_so_far, locks=locks, prefer=question.prefer, order=order)

    async def _conduct(self, turn: Turn, request_id: str) -> None:
        error: str | None = None
        status: PromptStatus = "complete"
        try:
            turn.begin()
            await self._answer(turn)
        except asyncio.CancelledError:
            turn.cancelled()
            status = turn.ending or "interrupted"
        except ProviderError:
            turn.say(f"\n\n{REFUSED}" if turn.text else REFUSED)
        except InterruptedAnswer as broken:
            status = "interrupted"
            error = f"The answer broke off ({broken.error.reason}). What was said so far is kept."
        except AllProvidersFailed as failed:
            status = "fallback"
            log.error("all_providers_failed", request_id=request_id, failures=str(failed))
            turn.say(locked_out_sentence(failed) or self._manner.fallback_message)
        except Exception as crash:  # noqa: BLE001 (a turn must end for its reader, whatever broke)
            status = "failed"
            error = "Something broke on our side. What was said so far is kept."
            _log_crash("turn_failed", crash, request_id)
        await self._end(turn, status, error, request_id)

    async def _answer(self, turn: Turn) -> None:
        events = self._orchestrator.generate_streaming_response(
            turn.request, lambda _request: turn.request, shown=turn.endpoint == "stream"
        )
        keeper = _Keeper(lambda: self._keep(turn.message_id, turn.text))
        try:
            async with aclosing(events):
                async for event in events:
                    turn.take(event)
                    if isinstance(event, TextDelta):
                        keeper.text_came()
        finally:
            keeper.stop()

    def _keep(self, message_id: str, text: str) -> None:
        job = asyncio.ensure_future(
            self._writer.run(lambda connection: turns.keep_partial(connection, message_id, text))
        )
        job.add_done_callback(_log_failure)

    async def _end(self, turn: Turn, status: PromptStatus, error: str | None, request_id: str) -> None:
        """Store the turn, then tell its readers. Nobody cuts a turn that has come this far."""
        turn.ending_begins()
        route = turn.route
        answered = route.candidate if status not in {"fallback", "failed"} else None
        call = route.speaker()
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
            at=self._micros(),
            provider=answered.name if answered else None,
            model=call.model if answered and call else None,
            locality=answered.locality if answered else None,
            route=msgspec.json.encode(route.stored()).decode(),
        )
        try:
            await self._writer.run(lambda connection: turns.end(connection, ended))
        except Exception as crash:  # noqa: BLE001 (the reader must learn that its answer is not stored)
            error = "The answer could not be stored."
            ended = replace(ended, status="failed")
            _log_crash("store_failed", crash, request_id)
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
        turn.outcome = ended
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
        self._tell(turn, ended, spent, request_id)

    def _tell(self, turn: Turn, ended: EndedPrompt, spent: Spent, request_id: str) -> None:
        fallback_from, reason = turn.route.fallback()
        self._observe(
            TurnEnded(
                endpoint=turn.endpoint,
                status=ended.status,
                seconds=ended.latency_ms / 1000,
                provider=ended.provider,
                model=ended.model,
                locality=turn.route.candidate.locality if ended.provider and turn.route.candidate else None,
                fallback_from=fallback_from,
                fallback_reason=reason,
                spent=spent,
                request_id=request_id,
                user_id=turn.user_id,
            )
        )

    def _micros(self) -> int:
        return int(self._clock.wall() * 1_000_000)


def _lock(turn: Turn) -> None:
    """No further call to the cloud, and one that is under way is cut off."""
    turn.request = replace(turn.request, locks=turn.request.locks | {"session"})
    if any(call.locality == "cloud" for call in turn.route.open_calls()):
        turn.cut("stopped")


class _Keeper:
    """Calls ``keep`` KEEP_PARTIAL_EVERY_SEC after new text, whether or not more of it comes."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self._keep = keep
        self._timer: asyncio.TimerHandle | None = None

    def text_came(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_PARTIAL_EVERY_SEC, self._due)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _due(self) -> None:
        self._timer = None
        self._keep()


def _nothing(_connection: sqlite3.Connection) -> None:
    return None


def _log_crash(event: str, crash: BaseException, request_id: str) -> None:
    log.error(event, request_id=request_id, error=type(crash).__name__, at=logs.where(crash))


def _log_failure(job: "asyncio.Future[None]") -> None:
    if not job.cancelled() and (crash := job.exception()) is not None:
        log.error("partial_not_stored", error=type(crash).__name__, at=logs.where(crash))
