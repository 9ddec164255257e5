"""The listener itself: routes, limits and headers."""

import ssl
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Counter

from gateway.files.downloads import Downloads
from gateway.files.uploads import Refused, UploadRequests
from gateway.services.files.file_tickets import FileTickets
from gateway.services.files.firmware_files import FirmwareFiles
from gateway.services.files.uploads import Uploads
from gateway.store import StoreError

_log = structlog.get_logger(__name__)

# aiohttp closes a connection whose headers have not come, or that idles, after this long (S16).
_HEADER_SECONDS = 12.0
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "gateway",
}

_requests = Counter(
    "gateway_files_requests_total", "Requests of stations to the files listener", ["http"]
)


def create_app(tickets: FileTickets, uploads: Uploads, firmware: FirmwareFiles) -> web.Application:
    """The application of the files listener."""
    app = web.Application(middlewares=[_edge])
    take = UploadRequests(tickets, uploads).take
    give = Downloads(tickets, firmware).give
    for method in ("PUT", "POST"):
        # some stations add their file's name to the URL that they were given
        app.router.add_route(method, "/files/u/{ticket:[^/]+}", take)
        app.router.add_route(method, "/files/u/{ticket:[^/]+}/{name:.*}", take)
    app.router.add_get("/files/d/{ticket:[^/]+}/{name:[^/]+}", give)
    app.on_response_prepare.append(_add_headers)
    return app


@web.middleware
async def _edge(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count, and tell nobody more than a status."""
    try:
        response = await handler(request)
    except web.HTTPException as raised:
        response = _plain(raised.status, raised.headers.get("Allow"))
    except Refused as refused:
        response = _plain(refused.status)
    except StoreError as error:
        _log.warning("file not moved, the store is away", reason=str(error))
        response = _plain(503)
        response.headers["Retry-After"] = "30"
    except Exception:
        # never the path: the ticket is in it
        _log.exception("file request failed", method=request.method)
        response = _plain(500)
    _requests.labels(str(response.status)).inc()
    return response


def _plain(status: int, allow: str | None = None) -> web.Response:
    response = web.Response(status=status, text=f"{status}\n")
    if allow is not None:
        response.headers["Allow"] = allow
    if status >= 400:
        response.force_close()  # whatever of a body is still to come is not wanted
    return response


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


class FilesServer:
    """The open listener."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=_HEADER_SECONDS,
            lingering_time=2.0,
            shutdown_timeout=10.0,
        )

    async def start(self, host: str, port: int, context: ssl.SSLContext | None = None) -> int:
        """Listen, over TLS if there is a context; returns the port."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=256, ssl_context=context).start()
        address: tuple[Any, ...] = self._runner.addresses[0]
        return int(address[1])

    async def close(self) -> None:
        """Stop listening, let running transfers end for a bounded time."""
        await self._runner.cleanup()
