"""``Idempotency-Key``: a caller's own name for one message, under which it is answered once."""

import hashlib

import msgspec
from novakit.asgi import header
from novakit.problem import Problem
from starlette.types import Scope

from ..store.keys import Key
from .caller import Caller

KEY_HEADER = b"idempotency-key"
MOST_CHARS = 255

_encode = msgspec.json.Encoder().encode


def key_of(scope: Scope, caller: Caller, route: str, body: msgspec.Struct) -> Key | None:
    """The key of a request, where it has one; raises Problem 422. Two bodies that mean the same are the same."""
    text = header(scope, KEY_HEADER)
    if text is None:
        return None
    if not 0 < len(text) <= MOST_CHARS or not (text.isascii() and text.isprintable()):
        raise Problem(422, f"Idempotency-Key must have 1 to {MOST_CHARS} printable ASCII characters.")
    return Key(caller.user_id, route, text, hashlib.sha256(_encode(body)).hexdigest())
