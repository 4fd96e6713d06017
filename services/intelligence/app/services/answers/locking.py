"""Locks that come while answers are made."""

from dataclasses import dataclass, replace

from ...domain.chat import Lock
from ..user_locks import CloudWork
from .drain import Drain
from .turn import Turn


@dataclass(frozen=True, slots=True)
class CutOff:
    """A call to a cloud provider that a lock has cut off."""

    message_id: str
    provider: str
    model: str


def lock_turns(turns: list[Turn], lock: Lock) -> list[CutOff]:
    """No further call to the cloud, and those that are under way are cut off."""
    cut: list[CutOff] = []
    for turn in turns:
        turn.request = replace(turn.request, locks=turn.request.locks | {lock})
        in_cloud = [call for call in turn.route.open_calls() if call.locality == "cloud"]
        if in_cloud:
            turn.lock_out()
        cut += [CutOff(turn.message_id, call.provider, call.model) for call in in_cloud]
    return cut


def cut_off_cloud(drain: Drain, user_id: str) -> None:
    """End what else the cloud is doing for this user."""
    drain.cut_off(lambda work: isinstance(work, CloudWork) and work.user_id == user_id and work.in_cloud)
