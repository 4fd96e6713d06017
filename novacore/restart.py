"""When a program that died is started again. Pure: times in, a decision out."""

from dataclasses import dataclass

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
MOST_DEATHS = 5
WINDOW = 300.0


@dataclass(frozen=True, slots=True)
class History:
    """The deaths of the last WINDOW seconds (monotonic times), and the delay before the latest restart."""

    deaths: tuple[float, ...] = ()
    delay: float = 0.0


def after_death(history: History, now: float) -> tuple[History, float | None]:
    """The new history, and the seconds to wait before the next start; None where it is given up.

    The delay doubles from death to death, and starts anew after WINDOW seconds without one.
    """
    deaths = (*(moment for moment in history.deaths if now - moment < WINDOW), now)
    if len(deaths) >= MOST_DEATHS:
        return History(deaths), None
    delay = FIRST_DELAY if len(deaths) == 1 else min(LONGEST_DELAY, history.delay * 2)
    return History(deaths, delay), delay
