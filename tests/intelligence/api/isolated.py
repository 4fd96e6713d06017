"""A world whose clouds are on another machine, behind a network device that counts every packet.

Runs as root in a network namespace of its own (``python -m tests.intelligence.api.isolated FOLDER LOCK…``): the
local model is on the loopback, everything else leaves by the counted device and is answered by nobody. Writes the
answer of a message under each lock, and how many packets left meanwhile, as JSON.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.databases import in_folder
from tests.support.fakes import cut, reset

from .world import World

AWAY = "10.77.0.7"
DEVICE = "away0"


def set_up() -> None:
    """The loopback, and one device that leads to all other addresses."""
    for command in (
        "ip link set lo up",
        f"ip link add {DEVICE} type veth peer name {DEVICE}-end",
        f"ip addr add 10.77.0.2/24 dev {DEVICE}",
        f"ip link set {DEVICE}-end addrgenmode none up",
        f"ip link set {DEVICE} addrgenmode none up",
        # Known beforehand, so that a packet is one that a program has sent.
        f"ip neigh add {AWAY} lladdr 02:00:00:00:00:07 dev {DEVICE}",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)


def packets() -> int:
    """How many left by the counted device."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == DEVICE:
            return int(counts.split()[9])
    raise AssertionError(f"{DEVICE} is not there")


async def run(folder: Path, lock: str) -> dict[str, Any]:
    """Ask a local model that fails before its words, and one that breaks after them; and after a restart."""
    before = packets()
    clouds = {
        "GEMINI_API_URL": f"http://{AWAY}:80",
        "OPENAI_BASE_URL": f"http://{AWAY}:81/v1",
        "LLM_CONNECT_TIMEOUTS": "gemini:0.2,openai:0.2",
        "CLOUD_ENABLED": "false" if lock == "deployment" else "true",
    }
    async with World(in_folder(folder)) as world:
        world.ollama.default = reset()
        client = await world.serve(**clouds)
        if lock == "user":
            await client.call("PUT", "/api/memory/preferences", {"cloud_allowed": False})
        fields: dict[str, Any] = {"local_only": True} if lock == "message" else {}
        if lock == "session":
            fields = {"session_id": await client.session(local_only=True)}
        answered = await client.message(**fields)
        world.ollama.default = cut(2)
        await client.events(**fields)
        body = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}
        if lock in {"deployment", "user"}:
            await client.call("POST", "/v1/chat/completions", body)
        again = await world.serve(**clouds)
        await again.message(**fields)
    return {"response": answered.body["response"], "packets": packets() - before}


if __name__ == "__main__":
    set_up()
    told = {lock: asyncio.run(run(Path(sys.argv[1]) / lock, lock)) for lock in sys.argv[2:]}
    sys.stdout.write(json.dumps(told))
