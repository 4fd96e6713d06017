"""The gateway's routes by the names that logs, metrics and traces have for them. Pure."""

# Answered often and by machines: their lines would drown the others.
QUIET = frozenset({"health", "metrics", "page", "asset"})
_EXACT = {
    "/api/chat/message": "chat_message",
    "/api/chat/stream": "chat_stream",
    "/v1/chat/completions": "v1_chat_completions",
    # What concerns the cloud is intelligence's to keep, the wishes beside it are memory's.
    "/api/memory/preferences": "preferences",
    "/api/memory/facts": "facts",
    "/api/usage": "usage",
    "/api/admin/usage": "usage",
    "/healthz": "health",
    "/readyz": "health",
    "/metrics": "metrics",
}
# In this order: the first prefix that fits counts.
_AREAS = (
    ("/api/chat", "chat"),
    ("/api/memory", "memory"),
    ("/api/auth", "auth"),
    ("/api/admin/operations", "operations"),
    ("/api/admin", "admin"),
    ("/api", "api"),
    ("/v1", "v1"),
)
_PATTERNS = {name: f"{prefix}/*" for prefix, name in _AREAS} | {name: path for path, name in _EXACT.items()}
# What these answer is for one pair of eyes.
PERSONAL = frozenset({"auth", "admin", "operations"})


def route_of(path: str) -> str:
    """The route's name in logs and metrics: one of a closed list, never a path with an id in it."""
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    for prefix, name in _AREAS:
        if path == prefix or path.startswith(f"{prefix}/"):
            return name
    return "asset" if path.startswith("/assets/") else "page"


def pattern_of(route: str) -> str:
    """The paths of a route, as a trace names them: never one with an id in it."""
    return _PATTERNS.get(route, "/*")
