"""Coming back to an answer: the rest of its stream, and going on where it broke off. ASGI, as all streams are."""

import re
from typing import Literal

from novakit.asgi import header, read_body
from novakit.identity import TokenVerifier
from novakit.ids import is_uuid
from novakit.problem import Problem
from starlette.types import Receive, Scope, Send

from ..services.answers.conversation import Conversations
from .caller import WishesOf, identify
from .keys import KEY_HEADER
from .streaming import answer, last_event_id, rewinds, tell

MAX_BODY_BYTES = 1024
_PATH = re.compile(r"/api/chat/(?:(?P<stream>stream)/(?P<followed>[^/]+)|messages/(?P<continued>[^/]+)/continue)")


class ResumeEndpoints:
    """Both endpoints; what they need is wired once."""

    def __init__(self, conversations: Conversations, verifier: TokenVerifier, wishes_of: WishesOf) -> None:
        self._conversations = conversations
        self._verifier = verifier
        self._wishes_of = wishes_of

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a path is one of these."""
        return _PATH.fullmatch(path) is not None

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request to either path."""
        found = _PATH.fullmatch(scope["path"])
        if found is not None and found["stream"]:
            await answer(self.follow, "GET", scope, receive, send)
        else:
            await answer(self.go_on, "POST", scope, receive, send)

    async def follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The rest of a stream, running or ended."""
        caller = identify(scope, self._verifier)
        message_id = _message_id(scope["path"], "followed")
        place = last_event_id(scope)
        await read_body(receive, MAX_BODY_BYTES)
        found = await self._conversations.find(message_id, caller.user_id)
        if found is None:
            raise Problem(404, "There is no such message.")
        await tell(found, scope, receive, send, place=place)

    async def go_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on with an answer that broke off."""
        caller = identify(scope, self._verifier)
        message_id = _message_id(scope["path"], "continued")
        await read_body(receive, MAX_BODY_BYTES)
        turn = await self._conversations.go_on(
            message_id,
            caller.user_id,
            caller.request_id,
            await self._wishes_of(caller.user_id, caller.request_id),
            rewinds=rewinds(scope),
            keyed=header(scope, KEY_HEADER) is not None,
            traceparent=caller.traceparent,
        )
        await tell(turn, scope, receive, send, place=0, opens=True)


def _message_id(path: str, group: Literal["followed", "continued"]) -> str:
    found = _PATH.fullmatch(path)
    text = "" if found is None else found[group]
    if not is_uuid(text):
        raise Problem(422, "message_id is not a UUID.")
    return text.lower()
