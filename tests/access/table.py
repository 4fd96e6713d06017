"""Who gets which answer from which route. A route without a row fails the test, and so does a row without a route."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PASSWORD = "correct horse battery"
SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"

STRANGERS = ("nobody", "wrong key", "forged token", "expired token", "service")
"""Who is nobody to the gateway. A service's token opens no door from outside."""
CALLERS = (*STRANGERS, "other user", "admin's chat key", "admin", "user's chat key", "user")
INNER_STRANGERS = ("nothing", "forged token", "token for another service", "expired token", "token without a user")
INNER_CALLERS = (*INNER_STRANGERS, "user", "admin")

Statuses = Mapping[str, int]


@dataclass(frozen=True)
class Row:
    """What each caller is answered; ``body`` is sent by all of them. ``ends`` their sign-in: one is made anew."""

    statuses: Statuses
    body: Any = None
    ends: bool = False


def everyone(status: int, body: Any = None) -> Row:
    """The same for all."""
    return Row(dict.fromkeys(CALLERS, status), body)


def signed_in(status: int, body: Any = None, **others: int) -> Row:
    """For whoever has an account."""
    known = {caller: 401 if caller in STRANGERS else status for caller in CALLERS}
    return Row({**known, **_named(others)}, body)


def owner(status: int, body: Any = None) -> Row:
    """For the user whom it belongs to. For all others, admins too, it is not there."""
    return signed_in(status, body, other_user=404, admins_chat_key=404, admin=404)


def manager(status: int, body: Any = None, *, ends: bool = False, **others: int) -> Row:
    """For whoever has an account, but not with a key for chats alone."""
    row = signed_in(status, body, **{"users_chat_key": 403, "admins_chat_key": 403, **others})
    return Row(row.statuses, row.body, ends)


def admin(status: int, body: Any = None) -> Row:
    """For admins alone."""
    return manager(status, body, other_user=403, user=403)


def _named(statuses: Statuses) -> dict[str, int]:
    callers = {caller.replace("'", "").replace(" ", "_"): caller for caller in CALLERS}
    return {callers[name]: status for name, status in statuses.items()}


MESSAGE = {"message": "Hello?"}
FACT = {"text": "I like tea."}
LEARNT = {"text": "I live in Ulm.", "local_only": False, "told_at": 1, "session_id": SOME_ID, "message_id": SOME_ID}
COMPLETION = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}

GATEWAY: dict[str, Row] = {
    "GET /": everyone(200),
    "GET /healthz": everyone(200),
    "GET /readyz": everyone(200),
    "GET /metrics": everyone(401),
    "GET /api/openapi.json": everyone(200),
    "POST /api/auth/link": everyone(410, {"token": "guessed"}),
    "POST /api/auth/login": everyone(401, {"name": "Ada", "password": "guessed"}),
    "POST /api/auth/register": everyone(410, {"name": "Eve", "password": PASSWORD, "invitation": "guessed"}),
    "POST /api/auth/reset": everyone(410, {"token": "guessed", "password": PASSWORD}),
    "POST /api/auth/refresh": everyone(401, {"refresh_token": "guessed"}),
    "GET /api/auth/me": signed_in(200),
    "POST /api/auth/logout": Row(signed_in(204, users_chat_key=400, admins_chat_key=400).statuses, ends=True),
    "POST /api/auth/logout-everywhere": manager(204, ends=True),
    "POST /api/auth/password": manager(422, {"new_password": "short"}),
    "GET /api/auth/keys": manager(200),
    "POST /api/auth/keys": manager(201, {"name": "one more"}),
    "DELETE /api/auth/keys/{key_id}": manager(204, other_user=404, admin=404),
    "GET /api/admin/users": admin(200),
    "PATCH /api/admin/users/{user_id}": admin(200, {}),
    "POST /api/admin/users/{user_id}/reset": admin(201),
    "DELETE /api/admin/users/{user_id}/keys": admin(204),
    "GET /api/admin/invitations": admin(200),
    "POST /api/admin/invitations": admin(201, {}),
    "DELETE /api/admin/invitations/{invitation_id}": admin(204),
    "GET /api/admin/configuration": admin(200),
    "GET /api/admin/usage": signed_in(403, admin=200),
    "GET /api/admin/operations/providers": signed_in(403, admin=200),
    "POST /api/admin/operations/providers/{provider}/check": signed_in(403, admin=200),
    "POST /api/admin/operations/providers/{provider}/load": signed_in(403, admin=202),
    "GET /api/admin/operations/activity": signed_in(403, admin=200),
    "GET /api/admin/operations/configuration": signed_in(403, admin=200),
    "GET /api/usage": signed_in(200),
    "GET /api/memory/preferences": signed_in(200),
    "PUT /api/memory/preferences": signed_in(200, {}),
    "GET /api/memory/facts": signed_in(200),
    # Whoever has two ways of coming tells the same fact twice.
    "POST /api/memory/facts": signed_in(201, FACT, admin=200, user=200),
    "DELETE /api/memory/facts/{fact_id}": owner(204),
    "DELETE /api/memory/facts": signed_in(200),
    "POST /api/chat/message": signed_in(200, MESSAGE),
    "POST /api/chat/stream": signed_in(200, MESSAGE),
    "GET /api/chat/stream/{message_id}": owner(200),
    "GET /api/chat/sessions": signed_in(200),
    "POST /api/chat/sessions": signed_in(201, {}),
    "PATCH /api/chat/sessions/{session_id}": owner(200, {"title": "Another"}),
    "DELETE /api/chat/sessions/{session_id}": owner(204),
    "POST /api/chat/sessions/{session_id}/end": owner(200),
    "GET /api/chat/sessions/{session_id}/lock": owner(200),
    "GET /api/chat/sessions/{session_id}/export": owner(200),
    "GET /api/chat/export": signed_in(200),
    "DELETE /api/chat/data": signed_in(200),
    "GET /api/chat/history/{session_id}": owner(200),
    "GET /api/chat/messages/{message_id}/route": owner(200),
    "POST /api/chat/messages/{message_id}/stop": owner(200),
    "POST /api/chat/messages/{message_id}/continue": owner(409),
    "GET /api/chat/providers": signed_in(200),
    "POST /api/chat/route/explain": signed_in(200, MESSAGE),
    "POST /v1/chat/completions": signed_in(200, COMPLETION),
    "GET /v1/models": signed_in(200),
    "GET /v1/models/{model}": signed_in(200),
}


def open_inside(status: int = 200) -> Row:
    """For whoever reaches the service."""
    return Row(dict.fromkeys(INNER_CALLERS, status))


def inside(status: int, body: Any = None, *, user: int | None = None) -> Row:
    """For the gateway, on behalf of a user."""
    known = {caller: 401 if caller in INNER_STRANGERS else status for caller in INNER_CALLERS}
    return Row({**known, "user": status if user is None else user}, body)


_SERVICE = {
    "GET /healthz": open_inside(),
    "GET /readyz": open_inside(),
    "GET /metrics": open_inside(),
}

INTELLIGENCE: dict[str, Row] = {
    **_SERVICE,
    "GET /openapi.json": open_inside(),
    "GET /api/admin/usage": inside(200, user=403),
    "GET /api/admin/operations/providers": inside(200, user=403),
    "POST /api/admin/operations/providers/{provider}/check": inside(404, user=403),
    "POST /api/admin/operations/providers/{provider}/load": inside(404, user=403),
    "GET /api/admin/operations/activity": inside(200, user=403),
    "GET /api/admin/operations/configuration": inside(200, user=403),
    "GET /api/usage": inside(200),
    "GET /api/memory/preferences": inside(200),
    "PUT /api/memory/preferences": inside(200, {}),
    "POST /api/memory/facts": inside(200, FACT, user=201),
    "POST /api/chat/message": inside(200, MESSAGE),
    "POST /api/chat/stream": inside(200, MESSAGE),
    "GET /api/chat/stream/{message_id}": inside(404),
    "GET /api/chat/sessions": inside(200),
    "POST /api/chat/sessions": inside(201, {}),
    "PATCH /api/chat/sessions/{session_id}": inside(404, {"title": "Another"}),
    "DELETE /api/chat/sessions/{session_id}": inside(404),
    "POST /api/chat/sessions/{session_id}/end": inside(404),
    "GET /api/chat/sessions/{session_id}/lock": inside(404),
    "GET /api/chat/sessions/{session_id}/export": inside(404),
    "GET /api/chat/export": inside(200),
    "DELETE /api/chat/data": inside(200),
    "GET /api/chat/history/{session_id}": inside(404),
    "GET /api/chat/messages/{message_id}/route": inside(404),
    "POST /api/chat/messages/{message_id}/stop": inside(404),
    "POST /api/chat/messages/{message_id}/continue": inside(404),
    "GET /api/chat/providers": inside(200),
    "POST /api/chat/route/explain": inside(200, MESSAGE),
    "POST /v1/chat/completions": inside(200, COMPLETION),
    "GET /v1/models": inside(200),
    "GET /v1/models/{model}": inside(404),
}

MEMORY: dict[str, Row] = {
    **_SERVICE,
    "GET /openapi.json": open_inside(),
    "GET /api/memory/preferences": inside(200),
    "PUT /api/memory/preferences": inside(200, {}),
    "GET /api/memory/facts": inside(200),
    # Told to intelligence before.
    "POST /api/memory/facts": inside(200, FACT),
    "DELETE /api/memory/facts/{fact_id}": inside(404),
    "DELETE /api/memory/facts": inside(200),
    "POST /internal/facts": inside(200, LEARNT, user=201),
    "POST /internal/facts/recall": inside(200, {"text": "Hello?", "limit": 3}),
}
