"""The chat's ASGI endpoints, as OpenAPI tells them."""

from ..services.answers.frames import (
    ContentEvent,
    DoneEvent,
    ErrorEvent,
    HandoffEvent,
    QueueEvent,
    ReplaceEvent,
    ResetEvent,
    RouteStateEvent,
    StartEvent,
    UsageEvent,
)
from .chat import MESSAGE_PATH, STREAM_PATH, ChatMessage, ChatResponse
from .keys import KEY_HEADER, MOST_CHARS
from .openapi import Events, Limits, Operation
from .sessions import NO_MESSAGE
from .streaming import LAST_EVENT_HEADER, MOST_EVENTS, STREAM_VERSION_HEADER

ANSWER_EVENTS = Events(
    default=(ContentEvent, DoneEvent, ErrorEvent),
    named={
        "start": StartEvent,
        "queue": QueueEvent,
        "route": RouteStateEvent,
        "handoff": HandoffEvent,
        "replace": ReplaceEvent,
        "reset": ResetEvent,
        "usage": UsageEvent,
    },
)
"""An answer as it comes."""

STREAM_VERSION = {
    "name": STREAM_VERSION_HEADER.decode(),
    "in": "header",
    "description": "`2`: the reader knows the events `replace` and `reset`; without it, none is sent.",
    "schema": {"type": "string"},
}
LAST_EVENT = {
    "name": LAST_EVENT_HEADER.decode(),
    "in": "header",
    "description": "The id of the last event that the reader has; 0 or none for all of them.",
    "schema": {"type": "string", "pattern": f"^[0-9]{{0,{len(str(MOST_EVENTS))}}}$"},
}
KEY = {
    "name": KEY_HEADER.decode(),
    "in": "header",
    "description": "A message that comes again under its key is not answered anew; another one is refused.",
    "schema": {"type": "string", "pattern": f"^[!-~]([ -~]{{0,{MOST_CHARS - 2}}}[!-~])?$"},
}
KEYED = {
    "name": KEY_HEADER.decode(),
    "in": "header",
    "description": "With any, the answer goes on for a while without a reader.",
    "schema": {"type": "string"},
}
MESSAGE_ID = {"name": "message_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}

_GENERATING = {
    429: "The user's quota of this day is used up.",
    500: "The answer could not be made or stored.",
    503: "NovaCore is stopping.",
}
_ASKING = _GENERATING | {
    404: "There is no such session, or it has no such parent message.",
    409: "The session has ended.",
    422: "The body cannot be used, or another one came under this key; the detail says why.",
}
_EXAMPLES = {
    "question": {"message": "Why is the sky blue?"},
    "kept here": {"message": "And now?", "local_only": True},
}
# What str.strip() takes away: JSON Schema's blanks, and some more.
_NOT_BLANK = r"[^\s\x1c-\x1f\x85]"


def operations(max_chars: int) -> tuple[Operation, ...]:
    """All of them; a message may have ``max_chars`` characters."""
    limits: Limits = {
        ChatMessage: {
            "properties": {
                "message": {"minLength": 1, "maxLength": max_chars, "pattern": _NOT_BLANK},
                "session_id": {"format": "uuid"},
                "parent_id": {"format": "uuid"},
            },
            "anyOf": [
                {"properties": {"parent_id": {"type": "null"}}},
                {"required": ["session_id"], "properties": {"session_id": {"type": "string"}}},
            ],
        }
    }
    return (
        Operation(
            "post",
            MESSAGE_PATH,
            name="send_message",
            tag="chat",
            summary="Send a message, and get the whole answer at once.",
            parameters=(KEY,),
            body=ChatMessage,
            limits=limits,
            examples=_EXAMPLES,
            answers=(ChatResponse,),
            problems=_ASKING | {503: "NovaCore is stopping, or the answer that was made under this key broke off."},
        ),
        Operation(
            "post",
            STREAM_PATH,
            name="stream_message",
            tag="chat",
            summary="Send a message, and get the answer as it comes.",
            parameters=(KEY, STREAM_VERSION),
            body=ChatMessage,
            limits=limits,
            examples=_EXAMPLES,
            answers=(ANSWER_EVENTS,),
            problems=_ASKING,
        ),
        Operation(
            "get",
            f"{STREAM_PATH}/{{message_id}}",
            name="follow_message",
            tag="chat",
            summary="Get the rest of an answer's stream, running or ended.",
            parameters=(MESSAGE_ID, LAST_EVENT, STREAM_VERSION),
            answers=(ANSWER_EVENTS,),
            problems={404: NO_MESSAGE, 422: "A parameter cannot be used; the detail says why."},
        ),
        Operation(
            "post",
            "/api/chat/messages/{message_id}/continue",
            name="continue_message",
            tag="chat",
            summary="Go on with an answer that broke off, and get it as it comes.",
            parameters=(MESSAGE_ID, KEYED, STREAM_VERSION),
            answers=(ANSWER_EVENTS,),
            problems=_GENERATING
            | {
                404: NO_MESSAGE,
                409: "The answer did not break off, or the session has ended.",
                413: "A body was sent; none is needed.",
                422: "message_id is not a UUID.",
            },
        ),
    )
