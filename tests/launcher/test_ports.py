import socket

import pytest
from novakit.settings import SettingsError

from novacore import ports

from .worlds import free_port

NAMES = {"host_variable": "NOVACORE_HOST", "port_variable": "NOVACORE_PORT"}


def test_a_taken_port_is_said_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        sentence = f"Port {port} is taken: stop what uses it or set NOVACORE_PORT."
        with pytest.raises(ports.PortTakenError) as found:
            ports.check_free("127.0.0.1", port, **NAMES)
        assert str(found.value) == sentence
        with pytest.raises(ports.PortTakenError) as found:
            ports.listen("127.0.0.1", port, **NAMES)
        assert str(found.value) == sentence


def test_a_port_that_somebody_holds_on_every_address_is_taken_on_loopback_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other, pytest.raises(ports.PortTakenError):
        ports.check_free("127.0.0.1", other.getsockname()[1], **NAMES)


def test_a_free_port_stays_free_after_the_check() -> None:
    port = free_port()
    ports.check_free("127.0.0.1", port, **NAMES)
    ports.listen("127.0.0.1", port, **NAMES).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_of_another_machine_is_said_by_its_variable(host: str) -> None:
    with pytest.raises(SettingsError, match=f"NOVACORE_HOST: '{host}' is not an address of this machine"):
        ports.listen(host, free_port(), **NAMES)


def test_free_ports_differ_and_leave_out_the_gateways() -> None:
    found = ports.free_ports(5, besides=8080)
    assert len(set(found)) == 5
    assert 8080 not in found


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("box", "http://box:80"),
    ],
)
def test_an_address_is_written_so_that_a_browser_on_this_machine_reaches_it(host: str, expected: str) -> None:
    assert ports.url(host, 80) == expected
