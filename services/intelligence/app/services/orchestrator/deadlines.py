"""The clocks of one attempt: first token, stall between tokens, total. They run only while we wait."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from novakit import logs

from ...domain.errors import Garbled, ProviderError, Reason, TimedOut
from ...domain.events import Delta, Finished

log = logs.get("deadlines")


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds. ``first_token`` and ``total`` count from the start of the call; ``total`` None means no such limit."""

    first_token: float
    stall: float
    total: float | None


async def timed(deltas: AsyncGenerator[Delta], clocks: Clocks) -> AsyncGenerator[Delta]:
    """The same deltas, in time; raises TimedOut, and Garbled (truncated) for an end without ``Finished``.

    Every delta is content by the grammar, so each resets the stall clock; pings never reach this place. An adapter
    that crashes is logged, and taken for a malformed answer: the fault is ours, and the user must not pay for it with
    the answer that another provider can give.
    """
    now = asyncio.get_running_loop().time
    heard = started = now()
    ends = None if clocks.total is None else started + clocks.total
    limit, reason = _earlier(started + clocks.first_token, "first_token_timeout", ends)
    async with aclosing(deltas):
        while True:
            try:
                async with asyncio.timeout_at(limit):
                    delta = await anext(deltas)
            except TimeoutError:
                detail = f"given up after {now() - started:.1f} s, the last {now() - heard:.1f} s of them silent"
                raise TimedOut(detail, reason=reason) from None
            except StopAsyncIteration:
                raise Garbled("the stream ended without its terminal mark", reason="truncated") from None
            except ProviderError:
                raise
            except Exception as crash:  # noqa: BLE001 (see above)
                log.error("adapter_crashed", error=type(crash).__name__, at=logs.where(crash))
                raise Garbled(f"the adapter crashed: {type(crash).__name__}", reason="malformed") from None
            yield delta
            if isinstance(delta, Finished):
                return
            heard = now()
            limit, reason = _earlier(heard + clocks.stall, "stalled", ends)


def _earlier(limit: float, reason: Reason, ends: float | None) -> tuple[float, Reason]:
    if ends is not None and ends < limit:
        return ends, "total_timeout"
    return limit, reason
