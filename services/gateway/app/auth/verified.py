"""Credentials that were found valid a moment ago, so that the next call with them asks no database."""

from collections.abc import Callable

from ..credentials import Caller

MAX_VERIFIED = 4096


class Verified:
    """A bounded memory of callers by their credential's hash, each for ``seconds``.

    ``epoch`` grows when something is revoked or changed. A look-up that began before that may have read the old
    state, so what it found is not remembered.
    """

    def __init__(self, seconds: float, *, max_entries: int = MAX_VERIFIED) -> None:
        self.epoch = 0
        self._seconds = seconds
        self._max_entries = max_entries
        self._entries: dict[str, tuple[Caller, float]] = {}

    def get(self, hashed: str, now: float) -> Caller | None:
        """The caller, if it was remembered and not for too long."""
        entry = self._entries.get(hashed)
        return entry[0] if entry is not None and now < entry[1] else None

    def put(self, hashed: str, caller: Caller, *, now: float, epoch: int) -> None:
        """Remember a caller that was looked up at this epoch."""
        if epoch != self.epoch:
            return
        self._entries.pop(hashed, None)
        self._entries[hashed] = (caller, now + self._seconds)
        if len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]

    def forget(self, credential_id: str) -> None:
        """Believe this credential no longer."""
        self._drop(lambda caller: caller.credential_id == credential_id)

    def forget_user(self, user_id: str) -> None:
        """Believe nothing that is known of this user."""
        self._drop(lambda caller: caller.user_id == user_id)

    def _drop(self, fits: Callable[[Caller], bool]) -> None:
        self.epoch += 1
        for hashed, (caller, _until) in list(self._entries.items()):
            if fits(caller):
                del self._entries[hashed]
