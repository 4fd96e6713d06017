"""How often signing in may be tried, so that nobody guesses a password and nobody keeps its owner out.

Three measures hold at once: a name from one address; an address, whatever the names; a name from everywhere. The last
one is what many addresses together run into. It does not count where the name's owner has signed in before, so that
those who try elsewhere cannot lock the owner out.

A password that was right gives its attempt back, but is counted by a fourth measure: each sign-in costs a hash and a
row, also to somebody who has an account. It holds whoever has the password back, there alone, and nobody else.
"""

from novakit.clock import Clock

from ..limits.limiter import Limiter

PAIR_BURST, PAIR_PER_MINUTE = 5, 5
ADDRESS_BURST, ADDRESS_PER_MINUTE = 20, 20
NAME_BURST, NAME_PER_MINUTE = 30, 0.5
ACCEPTED_BURST, ACCEPTED_PER_MINUTE = 30, 10


class SignInThrottle:
    """Counts attempts. A password that was right gives its attempt back."""

    def __init__(self, clock: Clock) -> None:
        self._pairs = Limiter(PAIR_PER_MINUTE, clock, burst=PAIR_BURST)
        self._addresses = Limiter(ADDRESS_PER_MINUTE, clock, burst=ADDRESS_BURST)
        self._names = Limiter(NAME_PER_MINUTE, clock, burst=NAME_BURST)
        self._accepted = Limiter(ACCEPTED_PER_MINUTE, clock, burst=ACCEPTED_BURST)

    def wait(self, name_key: str, address: str, *, known: bool) -> int:
        """0 where the attempt may be made (it is counted), else the whole seconds until it may."""
        asked = self._asked(name_key, address, known=known)
        accepted = self._accepted.peek(_pair(name_key, address))
        seconds = max(accepted, *(limiter.peek(key) for limiter, key in asked))
        if seconds == 0:
            for limiter, key in asked:
                limiter.wait(key)
        return seconds

    def succeeded(self, name_key: str, address: str, *, known: bool) -> None:
        """Give back what the last attempt was counted as, and count it as a sign-in."""
        self._accepted.wait(_pair(name_key, address))
        for limiter, key in self._asked(name_key, address, known=known):
            limiter.give_back(key)

    def _asked(self, name_key: str, address: str, *, known: bool) -> list[tuple[Limiter, str]]:
        asked = [(self._pairs, _pair(name_key, address)), (self._addresses, address)]
        return asked if known else [*asked, (self._names, name_key)]


def _pair(name_key: str, address: str) -> str:
    return f"{address} {name_key}"
