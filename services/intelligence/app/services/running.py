"""The chat turns that are running in this process, by message and by session.

It lives in this process's memory. A record that several replicas share would stand behind the same methods.
"""

from .turn import Turn


class RunningTurns:
    """Who is being answered now."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    def add(self, turn: Turn) -> None:
        """A turn begins."""
        self._turns[turn.message_id] = turn

    def remove(self, turn: Turn) -> None:
        """A turn is over."""
        self._turns.pop(turn.message_id, None)

    def get(self, message_id: str, user_id: str) -> Turn | None:
        """This user's running turn of that message."""
        turn = self._turns.get(message_id)
        return turn if turn is not None and turn.user_id == user_id else None

    def of_session(self, session_id: str) -> list[Turn]:
        """All running turns of a session."""
        return [turn for turn in self._turns.values() if turn.session_id == session_id]

    def everyone(self) -> list[Turn]:
        """All running turns."""
        return list(self._turns.values())
