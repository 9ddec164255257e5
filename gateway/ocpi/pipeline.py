"""The way of every request in, and of every answer out.

Order of judgement: who calls (401), does the URL exist (404, 405), is the body JSON (400), are
the routing headers true; only then a module's handler runs. Whatever is raised becomes the
envelope; what was not foreseen is 3000 for the partner and a traceback in the log alone.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram

from gateway import exact_json
from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi import message_routing
from gateway.ocpi.authentication import authenticate
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import compress, failure, success
from gateway.ocpi.errors import (
    BodyTooLarge,
    InvalidBody,
    MethodNotAllowed,
    OcpiError,
    ServerError,
    TemporarilyUnavailable,
    Unauthorized,
    UnknownPath,
)
from gateway.ocpi.message_routing import MessageRouting
from gateway.ocpi.platform import Platform
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import StoreError

_log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 15.0
_HANDLER_SECONDS = 90.0  # POST credentials calls the partner back, more than once
_SEND_SECONDS = 60.0
_LONGEST_ID = 255

_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_MODULES = frozenset(
    ("credentials", "locations", "sessions", "cdrs", "tariffs", "tokens", "commands")
)

_requests = Counter(
    "gateway_ocpi_requests_total", "Requests of partners", ["module", "method", "http", "ocpi"]
)
_seconds = Histogram("gateway_ocpi_request_seconds", "Time to answer partners", ["module"])


@dataclass(slots=True)
class _Arrival:
    """What is known of a request so far; the answer's headers depend on it."""

    caller: tuple[Partner, str] | None = None
    routing: MessageRouting = field(default_factory=MessageRouting)
    ocpi_status: int = 1000


_ARRIVAL: web.RequestKey[_Arrival] = web.RequestKey("arrival", _Arrival)


class Adapter:
    """From aiohttp's request to a module's `Call`, and back."""

    def __init__(
        self,
        directory: PartnerDirectory,
        platform: Platform,
        called: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._directory = directory
        self._platform = platform
        self._called = called
        self._now = now

    def adapt(self, route: Route) -> Handler:
        """An aiohttp handler."""

        async def handle(request: web.Request) -> web.Response:
            arrival = request[_ARRIVAL]
            partner, token = await self._admit(arrival, route)
            body = await _body(request) if request.method in _WITH_BODY else None
            if not route.configuration:
                arrival.routing = message_routing.read(
                    request.headers, partner, self._platform.parties()
                )
            call = Call(
                partner=partner,
                token=token,
                url=self._platform.public_url + request.rel_url.raw_path,
                path=request.match_info,
                query=request.query,
                routing=arrival.routing,
                body=body,
            )
            return success(await route.handler(call), self._now)

        return handle

    async def _admit(self, arrival: _Arrival, route: Route) -> tuple[Partner, str]:
        if arrival.caller is None:
            raise Unauthorized("The credentials token is missing or unknown")
        partner, token = arrival.caller
        if partner.state is PartnerState.INVITED and not route.configuration:
            # "a valid CREDENTIALS_TOKEN_A, on another module ... SHALL respond with 401"
            raise Unauthorized("This token is for credentials and versions only")
        if partner.state is PartnerState.SUSPENDED:
            await self._directory.resume(partner)
        self._called(partner.id)
        return partner, token


def edge(directory: PartnerDirectory, now: Callable[[], datetime]) -> Middleware:
    """The middleware around everything, unknown URLs included."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        arrival = request[_ARRIVAL] = _Arrival()
        module = _module(request)
        with _seconds.labels(module).time():
            try:
                arrival.caller = authenticate(
                    request.headers.get("Authorization"), _version(request), directory.by_token
                )
                async with asyncio.timeout(_HANDLER_SECONDS):
                    response = await handler(request)
            except Exception as raised:
                error = _refusal(request, arrival, raised)
                arrival.ocpi_status = error.status_code
                response = failure(error, now)
        _add_headers(request, response, arrival)
        compress(request, response)
        _requests.labels(
            module, _method(request), str(response.status), str(arrival.ocpi_status)
        ).inc()
        await _send(request, response)
        return response

    return answer


def _refusal(request: web.Request, arrival: _Arrival, raised: Exception) -> OcpiError:
    about: dict[str, Any] = {
        "partner": arrival.caller[0].id if arrival.caller else None,
        "method": request.method,
        "path": request.path,
    }
    error = _as_ocpi(raised)
    if error is None:
        _log.error("request failed", exc_info=raised, **about)
        return ServerError("An unexpected error occurred")
    _log.info(
        "request refused",
        http=error.http_status,
        ocpi=error.status_code,
        reason=error.message,
        **about,
    )
    return error


def _as_ocpi(raised: Exception) -> OcpiError | None:
    match raised:
        case OcpiError():
            return raised
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed("Method not allowed", ", ".join(raised.allowed_methods))
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge(f"The body is longer than {MAX_BODY_BYTES} bytes")
        case web.HTTPException():
            return UnknownPath("There is nothing at this URL")
        case StoreError():
            _log.error("store unavailable", error=str(raised))
            return TemporarilyUnavailable("Temporarily unavailable")
        case TimeoutError():
            _log.error("request took too long")
            return ServerError("The request took too long")
    return None


async def _body(request: web.Request) -> object:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            text = await request.read()
        return exact_json.loads(text)
    except exact_json.InvalidJSON as error:
        raise InvalidBody(f"The body is not valid JSON: {error}") from None
    except TimeoutError:
        raise InvalidBody("The body did not arrive in time") from None
    except web.RequestPayloadError:
        raise InvalidBody("The body is damaged") from None


def _add_headers(request: web.Request, response: web.StreamResponse, arrival: _Arrival) -> None:
    for name in ("X-Request-ID", "X-Correlation-ID"):
        given = request.headers.get(name, "")
        usable = 0 < len(given) <= _LONGEST_ID and given.isprintable()
        response.headers[name] = given if usable else str(uuid.uuid4())
    response.headers.update(arrival.routing.answer_headers())
    response.headers["Server"] = "gateway"
    if response.status == 401:
        response.headers["WWW-Authenticate"] = "Token"


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


def _segments(request: web.Request) -> list[str]:
    return request.rel_url.raw_path.split("/")[2:]


def _version(request: web.Request) -> str | None:
    segments = _segments(request)
    return segments[0] if segments and segments[0] != "versions" else None


def _module(request: web.Request) -> str:
    # a metric's label must come from a closed set
    segments = _segments(request)
    name = segments[1] if len(segments) > 1 else "versions"
    return name if name in _MODULES else "versions"


def _method(request: web.Request) -> str:
    return request.method if request.method in {*_WITH_BODY, "GET", "DELETE"} else "other"
