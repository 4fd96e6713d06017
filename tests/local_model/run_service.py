"""The service in a process of its own, as uvicorn runs it: prints its port, then serves."""

import socket
import sys

import uvicorn

if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        config = uvicorn.Config("services.local_model.app.main:create_app", factory=True, http="httptools", ws="none")
        uvicorn.Server(config).run(sockets=[listener])
