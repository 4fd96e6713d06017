"""One small GET on this machine, with the standard library alone: the launcher starts faster without a client."""

import asyncio
import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; of a body longer than MOST_BYTES, the beginning."""

    status: int
    body: bytes


def get(url: str, *, timeout: float, headers: Mapping[str, str] | None = None) -> Answer | None:
    """The answer of an ``http`` address, or None where nothing speaks HTTP there within ``timeout`` seconds."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/", headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read(MOST_BYTES))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


async def is_ready(url: str) -> bool:
    """Whether the address answers 200."""
    answer = await asyncio.to_thread(get, url, timeout=1.0)
    return answer is not None and answer.status == 200
