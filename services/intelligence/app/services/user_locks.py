"""Which users do not allow the cloud, for calls that read no database of their own."""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

from novakit import logs


@runtime_checkable
class CloudWork(Protocol):
    """Something that is done for a user, perhaps in the cloud just now."""

    user_id: str

    @property
    def in_cloud(self) -> bool:
        """Whether a cloud provider is being asked."""
        ...


KEPT_SEC = 1.0
"""How long what was read is believed: the word may be given to another replica of this service."""
MOST_USERS = 10_000

log = logs.get("privacy")


class UserLocks:
    """Reads and remembers. ``cloud_allowed`` reads a user's word; ``now`` is the clock's seconds."""

    def __init__(self, cloud_allowed: Callable[[str], Awaitable[bool]], now: Callable[[], float]) -> None:
        self._cloud_allowed = cloud_allowed
        self._now = now
        self._kept: dict[str, tuple[bool, float]] = {}

    async def locked(self, user_id: str) -> bool:
        """Whether nothing of this user's may go to the cloud; where that cannot be read, it may not."""
        kept = self._kept.get(user_id)
        if kept is not None and self._now() < kept[1]:
            return kept[0]
        try:
            locked = not await self._cloud_allowed(user_id)
        except Exception as crash:  # noqa: BLE001 (whatever it is, it must not open the cloud)
            log.error("cloud_setting_unreadable", error=type(crash).__name__, at=logs.where(crash))
            return True
        if user_id not in self._kept:
            self.set(user_id, locked=locked)
        elif not self._kept[user_id][0] or self._now() >= self._kept[user_id][1]:
            # A lock that was set while this was read is newer.
            self.set(user_id, locked=locked)
        return self._kept[user_id][0]

    def set(self, user_id: str, *, locked: bool) -> None:
        """The user has said so now."""
        if len(self._kept) >= MOST_USERS:
            self._kept.pop(next(iter(self._kept)))
        self._kept[user_id] = locked, self._now() + KEPT_SEC

    def is_locked(self, user_id: str) -> bool:
        """What is known without reading."""
        kept = self._kept.get(user_id)
        return kept is not None and kept[0]
