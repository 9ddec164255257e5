"""The way of every request in, and of every answer out.

Order of judgement: who calls (401), does the URL exist (404, 405), is the body JSON (400), are
the routing headers true; only then a module's handler runs. Whatever is raised becomes the
envelope; what was not foreseen is 3000 for the partner and a traceback in the log alone.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram

from gateway import exact_json
from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi import open_data, quirks
from gateway.ocpi.incoming import message_routing, openapi
from gateway.ocpi.incoming.authentication import authenticate
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import compress, failure, revalidate, success
from gateway.ocpi.incoming.errors import (
    BodyTooLarge,
    InvalidBody,
    MethodNotAllowed,
    OcpiError,
    ServerError,
    TemporarilyUnavailable,
    Unauthorized,
    UnknownPath,
    UnsupportedVersion,
)
from gateway.ocpi.incoming.message_routing import MessageRouting
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import spoken_with
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import StoreError

_log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 15.0
_HANDLER_SECONDS = 90.0  # POST credentials calls the partner back, more than once
_SEND_SECONDS = 60.0
_LONGEST_ID = 255

# Routes for which nobody has to say who he is, by the beginning of their names.
_FOR_EVERYBODY = (open_data.NAME, openapi.NAME)
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))
_MODULES = frozenset(
    (
        "credentials",
        "locations",
        "sessions",
        "cdrs",
        "tariffs",
        "tokens",
        "commands",
        "chargingprofiles",
        "hubclientinfo",
        "payments",
        "invoicereconciliation",
    )
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
        platform: Platform,
        settled: Callable[[Partner, str], Awaitable[Partner | None]],
        called: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._settled = settled
        self._platform = platform
        self._called = called
        self._now = now

    def adapt(self, route: Route, *, has_routing: bool = True) -> Handler:
        """An aiohttp handler. `has_routing`: the version has message routing at all."""
        routed = has_routing and route.routed and not route.configuration

        async def handle(request: web.Request) -> web.Response:
            arrival = request[_ARRIVAL]
            partner, token = await self._admit(arrival, route)
            if not route.configuration:
                _check_version(partner, _version(request))
            body = await _body(request) if request.method in _WITH_BODY else None
            if routed and (partner.is_hub or quirks.routed(partner)):
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
            return success(quirks.shaped(partner, await route.handler(call)), self._now)

        return handle

    async def _admit(self, arrival: _Arrival, route: Route) -> tuple[Partner, str]:
        if arrival.caller is None:
            raise _nobody()
        partner, token = arrival.caller
        if not route.configuration:
            settled = await self._settled(partner, token)
            if settled is None:
                raise _nobody()
            partner = settled
        if partner.state is PartnerState.INVITED and not route.configuration:
            # "a valid CREDENTIALS_TOKEN_A, on another module ... SHALL respond with 401"
            raise Unauthorized("This token is for credentials and versions only")
        self._called(partner.id)
        return partner, token


async def _caller(request: web.Request, directory: PartnerDirectory) -> tuple[Partner, str]:
    """Who calls. Raises `Unauthorized`.

    A partner may use a new token at once and here, while another node has made it.
    """
    header = request.headers.get("Authorization")
    try:
        return authenticate(header, directory.by_token)
    except Unauthorized:
        if not await directory.caught_up():
            raise
        return authenticate(header, directory.by_token)


def _nobody() -> Unauthorized:
    return Unauthorized("The credentials token is missing or unknown")


def _check_version(partner: Partner, called: str | None) -> None:
    """Modules are spoken in the version of the registration: objects have that version's shapes.

    The text leaves the answer open. The caller is known and the URL exists, so it is no HTTP
    error (status_codes) but 3002, with the way out that credentials 7.1.2 shows.
    """
    agreed = spoken_with(partner).number
    if called != agreed:
        raise UnsupportedVersion(
            f"You are registered with OCPI {agreed}: PUT your credentials in {called} to switch"
        )


def edge(directory: PartnerDirectory, now: Callable[[], datetime]) -> Middleware:
    """The middleware around everything, unknown URLs included."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (request.match_info.route.name or "").startswith(_FOR_EVERYBODY):
            return await handler(request)
        arrival = request[_ARRIVAL] = _Arrival()
        module = _module(request)
        with _seconds.labels(module).time():
            try:
                arrival.caller = await _caller(request, directory)
                async with asyncio.timeout(_HANDLER_SECONDS):
                    response = await handler(request)
            except Exception as raised:
                error = _refusal(request, arrival, raised)
                arrival.ocpi_status = error.status_code
                response = failure(error, now)
        _add_headers(request, response, arrival)
        revalidate(request, response)
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
