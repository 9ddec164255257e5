"""The way of every request in, and of every answer out.

Order of judgement: does another site send this (403), who calls (401), does the path exist (404,
405), is the body JSON (400); only then a handler runs. What was not foreseen is a plain 500 for
the caller and a traceback in the log alone.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter

from gateway import exact_json
from gateway.admin import errors
from gateway.admin.calls import Answer, Call, Route
from gateway.admin.guard import refuse_cross_site, require_token
from gateway.canonical import InvalidDocument
from gateway.services.ports import UnknownChargePoint
from gateway.store import StoreError

_log = structlog.get_logger(__name__)

API = "/api/v1"
MAX_BODY_BYTES = 4 * 1024 * 1024
# The names that the listener is called by, None for any; known when it is bound.
HOSTS: web.AppKey[frozenset[str] | None] = web.AppKey("hosts")

_BODY_SECONDS = 15.0
_SEND_SECONDS = 60.0
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))

_requests = Counter("gateway_operator_requests_total", "Requests of operators", ["http"])

# Nothing but our own files, no inline script or style, in nobody's frame (S12, S13).
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "gateway",
}


def adapt(route: Route) -> Handler:
    """From aiohttp's request to a handler's `Call`, and back."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if route.stream is not None:
            return await route.stream(request)
        if route.handler is None:
            raise web.HTTPNotFound
        body = await _body(request) if request.method in _WITH_BODY else None
        call = Call(request.match_info, request.query, body, request.headers.get("Accept", ""))
        async with asyncio.timeout(route.timeout):
            return _response(await route.handler(call))

    return handle


def edge(token: str) -> Middleware:
    """The middleware around everything, unknown paths included."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            refuse_cross_site(request.headers, request.app[HOSTS])
            if _needs_token(request.path):
                require_token(request.headers, token)
            response = await handler(request)
        except Exception as raised:
            response = _failure(_refusal(request, raised))
        _requests.labels(str(response.status)).inc()
        if not response.prepared:
            response.headers.update(_HEADERS)
            await _send(request, response)
        return response

    return answer


def secure_headers(response: web.StreamResponse) -> None:
    """For answers that are sent piece by piece, before they begin."""
    response.headers.update(_HEADERS)


def answered_with(answer: Answer) -> web.Response:
    """A handler's answer, for those that read their request themselves."""
    return _response(answer)


def _needs_token(path: str) -> bool:
    return path == API or path.startswith(f"{API}/")


def _response(answer: Answer) -> web.Response:
    if answer.status == 204:
        return web.Response(status=204, headers=answer.headers)
    if answer.content_type == "application/json":
        body = exact_json.dumps(answer.body)
    else:
        body = str(answer.body).encode()
    return web.Response(
        body=body,
        status=answer.status,
        headers=answer.headers,
        content_type=answer.content_type,
        charset="utf-8",
    )


def _failure(error: errors.ApiError) -> web.Response:
    body = {"code": error.code, "message": error.message, "details": error.details}
    response = _response(Answer({"error": body}, error.status))
    if isinstance(error, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="gateway"'
    if isinstance(error, errors.MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.details)
    if isinstance(error, errors.Unavailable):
        response.headers["Retry-After"] = "1"
    return response


def _refusal(request: web.Request, raised: Exception) -> errors.ApiError:
    error = _as_api_error(raised)
    if error is None:
        _log.error("request failed", exc_info=raised, method=request.method, path=request.path)
        return errors.ApiError("An unexpected error occurred; the log has it")
    if error.status >= 500:
        _log.warning("request refused", path=request.path, reason=str(raised))
    return error


def _as_api_error(raised: Exception) -> errors.ApiError | None:
    match raised:
        case errors.ApiError():
            return raised
        case InvalidDocument():
            return errors.Invalid("The document breaks the standard", raised.errors)
        case UnknownChargePoint():
            return errors.NotFound("There is no such charge point")
        case web.HTTPMethodNotAllowed():
            return errors.MethodNotAllowed(list(raised.allowed_methods))
        case web.HTTPRequestEntityTooLarge():
            return errors.BodyTooLarge(f"The body is longer than {MAX_BODY_BYTES} bytes")
        case web.HTTPException():
            return errors.NotFound("There is nothing at this path")
        case StoreError():
            return errors.Unavailable("The store does not answer")
        case TimeoutError():
            return errors.Overdue("The request took too long")
    return None


async def _body(request: web.Request) -> Any:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            text = await request.read()
        return exact_json.loads(text) if text else None
    except exact_json.InvalidJSON as error:
        raise errors.BadRequest(f"The body is not valid JSON: {error}") from None
    except TimeoutError:
        raise errors.BadRequest("The body did not arrive in time") from None
    except web.RequestPayloadError:
        raise errors.BadRequest("The body is damaged") from None


async def _send(request: web.Request, response: web.StreamResponse) -> None:
    """Send here, so that a client that does not read holds its connection for a bounded time."""
    try:
        async with asyncio.timeout(_SEND_SECONDS):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        _log.warning("client does not read", path=request.path)
        if request.transport is not None:
            request.transport.abort()
