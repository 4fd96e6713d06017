"""The plain proxy where nginx is not installed. Run as ``python -m bench.forwarder PORT UPSTREAM_PORT``."""

import sys
from collections.abc import AsyncGenerator

import aiohttp
from aiohttp import web


def app(upstream: str) -> web.Application:
    """Forwards everything, one write for each read."""
    application = web.Application()

    async def session(running: web.Application) -> AsyncGenerator[None]:
        running["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        yield
        await running["session"].close()

    async def forward(request: web.Request) -> web.StreamResponse:
        client: aiohttp.ClientSession = request.app["session"]
        async with client.request(request.method, upstream + request.path_qs, data=await request.read()) as answer:
            response = web.StreamResponse(status=answer.status, headers={"content-type": answer.content_type})
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response

    application.cleanup_ctx.append(session)
    application.router.add_route("*", "/{path:.*}", forward)
    return application


if __name__ == "__main__":
    web.run_app(app(f"http://127.0.0.1:{sys.argv[2]}"), host="127.0.0.1", port=int(sys.argv[1]), print=None)
