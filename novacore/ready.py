"""``python -m novacore.ready NAME``: exit code 0 where the service beside it is ready; a container's health check.

It runs every few seconds, so it loads nothing of the command line.
"""

import http.client
import os
import sys
from collections.abc import Mapping

from .topology import service

SECONDS = 2.0


def is_ready(name: str, environ: Mapping[str, str]) -> bool:
    """Whether ``/readyz`` answers 200 on the loopback, at the port that the service is told to listen on."""
    row = service(name)
    if row is None:
        raise ValueError(f"there is no service {name!r}.")
    port = int(environ.get(row.port_variable) or row.default_port)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(sys.argv[1], os.environ))
