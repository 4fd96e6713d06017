"""Serves the built page from memory: no path of a request ever reaches the file system."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from novakit.asgi import header, respond, respond_problem
from novakit.problem import Problem
from starlette.types import Scope

from .exchange import Exchange, RawHeader

INDEX = "/index.html"
# Vite's names: index-D3aF_x9q.js. A changed file has another name, so this one never changes.
_HASHED = re.compile(r"/assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9.]+")
_FOREVER = b"public, max-age=31536000, immutable"
_ASK_AGAIN = b"no-cache"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_NOT_BUILT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>NovaCore</title></head><body>
<h1>The page is not built yet</h1>
<p>The API works. To build the page, run this in the checkout and load this page again:</p>
<pre>npm --prefix services/frontend ci
npm --prefix services/frontend run build</pre>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is sent."""

    body: bytes
    media_type: str
    etag: str
    cache: bytes


def load(folder: Path) -> Mapping[str, File]:
    """The files of a built page by their URL path; none where there is no index.html."""
    if not (folder / "index.html").is_file():
        return MappingProxyType({})
    files = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        url = f"/{path.relative_to(folder).as_posix()}"
        body = path.read_bytes()
        cache = _FOREVER if _HASHED.fullmatch(url) else _ASK_AGAIN
        media_type = _TYPES.get(path.suffix, "application/octet-stream")
        files[url] = File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"', cache)
    return MappingProxyType(files)


class Page:
    """The built page, read again when its index.html has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built_at = 0
        self._files: Mapping[str, File] = MappingProxyType({})

    async def __call__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request for a file, or for a place within the page."""
        if scope["method"] not in {"GET", "HEAD"}:
            problem = Problem(405, "The page is read with GET.", headers={"Allow": "GET, HEAD"})
            await respond_problem(exchange.send, problem)
            return
        files = self._current()
        path = scope["path"]
        file = files.get(INDEX if path == "/" else path)
        if file is None and not path.startswith("/assets/") and "text/html" in (header(scope, b"accept") or ""):
            file = files.get(INDEX)
            if file is None:
                await respond(exchange.send, _NOT_BUILT, status=503, media_type=_TYPES[".html"])
                return
        if file is None:
            await respond_problem(exchange.send, Problem(404, "There is nothing here."))
            return
        await _send_file(scope, exchange, file)

    def _current(self) -> Mapping[str, File]:
        try:
            built_at = (self._folder / "index.html").stat().st_mtime_ns
        except OSError:
            built_at = 0
        if built_at != self._built_at:
            self._files = load(self._folder)
            self._built_at = built_at
        return self._files


async def _send_file(scope: Scope, exchange: Exchange, file: File) -> None:
    headers: list[RawHeader] = [(b"cache-control", file.cache), (b"etag", file.etag.encode())]
    if file.etag in (header(scope, b"if-none-match") or ""):
        await exchange.send({"type": "http.response.start", "status": 304, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": b""})
        return
    await respond(exchange.send, file.body, media_type=file.media_type, headers=headers)
