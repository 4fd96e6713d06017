"""The chat turns that are running in this process, by message and by session, and those that have just ended.

It lives in this process's memory. A record that several replicas share would stand behind the same methods.
"""

from collections.abc import Callable

from .turn import Turn

MOST_KEPT = 256


class RunningTurns:
    """Who is being answered now. ``now`` is the clock's seconds.

    A turn that was asked for with a key stays known for its patience after its end: a reader whose connection was
    lost just then gets exactly what it has missed.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._turns: dict[str, Turn] = {}
        self._ended: dict[str, tuple[Turn, float]] = {}

    def add(self, turn: Turn) -> None:
        """A turn begins."""
        self._turns[turn.message_id] = turn
        self._ended.pop(turn.message_id, None)

    def remove(self, turn: Turn) -> None:
        """A turn is over."""
        self._turns.pop(turn.message_id, None)
        if turn.patience is not None:
            self._ended[turn.message_id] = turn, self._now() + turn.patience
            self._forget()

    def forget(self, user_id: str, session_id: str | None = None) -> None:
        """Know nothing more of this user's turns that have ended, in one session or in all."""
        for message_id, (turn, _) in list(self._ended.items()):
            if turn.user_id == user_id and session_id in {None, turn.session_id}:
                del self._ended[message_id]

    def get(self, message_id: str, user_id: str) -> Turn | None:
        """This user's running turn of that message."""
        turn = self._turns.get(message_id)
        return turn if turn is not None and turn.user_id == user_id else None

    def known(self, message_id: str, user_id: str) -> Turn | None:
        """This user's turn of that message, running or just ended."""
        self._forget()
        ended = self._ended.get(message_id)
        if ended is not None and ended[0].user_id == user_id:
            return ended[0]
        return self.get(message_id, user_id)

    def of_session(self, session_id: str) -> list[Turn]:
        """All running turns of a session."""
        return [turn for turn in self._turns.values() if turn.session_id == session_id]

    def everyone(self) -> list[Turn]:
        """All running turns."""
        return list(self._turns.values())

    def _forget(self) -> None:
        now = self._now()
        for message_id, (_, until) in list(self._ended.items()):
            if until > now and len(self._ended) <= MOST_KEPT:
                break
            del self._ended[message_id]
