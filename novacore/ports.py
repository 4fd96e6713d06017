"""Listening sockets, and a sentence for each reason why one cannot be had."""

import errno
import socket

from novakit.settings import SettingsError

Listener = socket.socket
WILDCARDS = frozenset({"0.0.0.0", "::", ""})
BACKLOG = 2048


class PortTakenError(Exception):
    """Somebody else listens there; the message is a sentence that says what to do."""


def listen(host: str, port: int, *, host_variable: str, port_variable: str) -> socket.socket:
    """A listening socket; raises PortTakenError or SettingsError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(taken(port, port_variable)) from None
        if error.errno == errno.EACCES:
            raise SettingsError(
                f"{port_variable}: this user may not open port {port}: use one from 1024 on."
            ) from None
        raise SettingsError(f"{host_variable}: {host!r} is not an address of this machine.") from None


def taken(port: int, port_variable: str) -> str:
    """The sentence for a port that is in use."""
    return f"Port {port} is taken: stop what uses it or set {port_variable}."


def check_free(host: str, port: int, *, host_variable: str, port_variable: str) -> None:
    """Return where a service could listen; raises PortTakenError or SettingsError."""
    # macOS lets a loopback address be bound beside another program's wildcard, so we also knock.
    try:
        socket.create_connection((reachable(host), port), timeout=0.5).close()
    except OSError:
        listen(host, port, host_variable=host_variable, port_variable=port_variable).close()
        return
    raise PortTakenError(taken(port, port_variable))


def reachable(host: str) -> str:
    """An address at which this machine reaches a service bound to ``host``."""
    if host in WILDCARDS:
        return "::1" if host == "::" else "127.0.0.1"
    return host


def url(host: str, port: int) -> str:
    """The address of a service bound to ``host``, as this machine's browser would write it."""
    name = reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def free_ports(count: int, *, besides: int) -> tuple[int, ...]:
    """Different loopback ports that nobody listens on now, none of them ``besides``."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count + 1)]
    try:
        found = [int(one.getsockname()[1]) for one in held]
        return tuple(port for port in found if port != besides)[:count]
    finally:
        for one in held:
            one.close()
