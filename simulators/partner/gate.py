"""The outer layer of every OCPI endpoint: who calls, with which headers, and the envelope around
the answer.

Handlers return an `Answer` or raise a `Refusal`; nobody else builds a response.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from simulators.partner.client import MESSAGE_IDS, ROUTING, ROUTING_HEADERS, Report
from simulators.partner.exact_json import InvalidJSON, Json, dumps, loads
from simulators.partner.finding import Finding, advice, refusing, violation
from simulators.partner.ledger import INVALID_PARAMETERS, OK, Owner
from simulators.partner.peer import Peer, Registry
from simulators.partner.v2_2_1.types import format_datetime
from simulators.partner.version import Version

GENERIC_CLIENT_ERROR = 2000
GENERIC_SERVER_ERROR = 3000
AUTHORIZATION = "2.2.1 transport_and_format, Authorization header"
STATUS_CODES = "2.2.1 status_codes"

REQUEST_IDS_KEPT = 20_000

# A CPO that answered our POST may call back before we have read that answer
SETTLING = 5.0

NO_DATA = object()

# where the log of requests finds the OCPI status code of an answer
STATUS_CODE = web.ResponseKey("status_code", int)


@dataclass(frozen=True, slots=True)
class Answer:
    data: Any = NO_DATA
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The request is answered with an error; the findings say what was wrong with it."""

    def __init__(
        self,
        http_status: int,
        status_code: int,
        message: str,
        findings: list[Finding] | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.status_code = status_code
        self.message = message
        self.findings = findings or []


@dataclass(slots=True)
class Exchange:
    """One request that passed the gate."""

    request: web.Request
    token: str
    peer: Peer | None
    """None for the holder of a token A"""
    findings: list[Finding] = field(default_factory=list)

    def registered(self) -> Peer:
        if self.peer is None:
            raise Refusal(401, GENERIC_CLIENT_ERROR, "not registered")
        return self.peer

    async def json(self) -> Any:
        """The body; HTTP 400 when it is no JSON, as status_codes demands."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            self.findings.append(
                violation(
                    "2.2.1 transport_and_format, Request format",
                    "Content-Type SHALL be application/json",
                    "Content-Type",
                    self.request.headers.get("Content-Type"),
                    refuses=False,
                )
            )
        text = await self.request.read()
        try:
            return loads(text)
        except InvalidJSON as error:
            found = violation(STATUS_CODES, f"no JSON: {error}", "body", repr(text[:100]))
            raise Refusal(400, GENERIC_CLIENT_ERROR, "the body is no JSON", [found]) from None


Handler = Callable[[Exchange], Awaitable[Answer]]
HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    def __init__(
        self,
        version: Version,
        own: Owner,
        registry: Registry,
        report: Report,
        now: Callable[[], datetime],
        *,
        demand_routing: bool = True,
    ) -> None:
        self._version = version
        self._demand_routing = demand_routing
        self._own = own
        self._registry = registry
        self._report = report
        self._now = now
        self._request_ids: OrderedDict[str, None] = OrderedDict()

    def configuration(self, handler: Handler) -> HttpHandler:
        """For versions and credentials: a token A is enough, routing headers are not used."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, handler, functional=False)

        return handle

    def functional(self, handler: Handler) -> HttpHandler:
        """For every other module: registered platforms only, message ids and routing headers."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, handler, functional=True)

        return handle

    async def _handle(
        self, request: web.Request, handler: Handler, *, functional: bool
    ) -> web.Response:
        found: list[Finding] = []
        try:
            exchange = await self._admit(request, functional=functional)
            exchange.findings = found
            found += self._message_id_findings(request, refuses=functional)
            found += self._routing_findings(request, exchange.peer, functional=functional)
            _refuse_broken(found)
            answer = await handler(exchange)
            _refuse_broken(found)
        except Refusal as refusal:
            found += [finding for finding in refusal.findings if finding not in found]
            response = self.envelope(
                refusal.http_status, refusal.status_code, refusal.message, _details(found)
            )
        else:
            response = self.envelope(answer.http_status, OK, "Success", answer.data)
            response.headers.update(answer.headers)
        self._report(f"{request.method} {request.path_qs}", found)
        self._echo(request, response, functional=functional)
        return response

    def envelope(
        self, http_status: int, status_code: int, message: str, data: Any = NO_DATA
    ) -> web.Response:
        content: Json = {} if data is NO_DATA else {"data": data}
        content["status_code"] = status_code
        content["status_message"] = message
        content["timestamp"] = format_datetime(self._now())
        response = web.Response(
            status=http_status, body=dumps(content), content_type="application/json"
        )
        response[STATUS_CODE] = status_code
        return response

    async def _admit(self, request: web.Request, *, functional: bool) -> Exchange:
        token, peer = self._caller(request)
        if peer is not None:
            if functional and not peer.settled.is_set():
                await self._settled(peer)
            return Exchange(request, token, peer)
        if not self._registry.is_invitation(token):
            raise Refusal(401, GENERIC_CLIENT_ERROR, "unknown credentials token")
        if functional:
            found = violation(
                AUTHORIZATION, "a token A is for versions and credentials only", "Authorization"
            )
            raise Refusal(401, GENERIC_CLIENT_ERROR, "not registered yet", [found])
        return Exchange(request, token, None)

    def _caller(self, request: web.Request) -> tuple[str, Peer | None]:
        header = request.headers.get("Authorization")
        if header is None:
            found = violation(AUTHORIZATION, "the header is missing", "Authorization")
            raise Refusal(401, GENERIC_CLIENT_ERROR, "no credentials token", [found])
        token = self._version.credentials_token(header)
        known = token is not None and (
            self._registry.by_token(token) is not None or self._registry.is_invitation(token)
        )
        if token is None or not known:
            raise Refusal(
                401, GENERIC_CLIENT_ERROR, "unknown credentials token", self._plain_token(header)
            )
        return token, self._registry.by_token(token)

    def _plain_token(self, header: str) -> list[Finding]:
        plain = header.removeprefix("Token ").strip()
        if self._registry.by_token(plain) is None and not self._registry.is_invitation(plain):
            return []
        return [violation(AUTHORIZATION, "the token is not encoded with Base64", "Authorization")]

    async def _settled(self, peer: Peer) -> None:
        try:
            async with asyncio.timeout(SETTLING):
                await peer.settled.wait()
        except TimeoutError:
            raise Refusal(401, GENERIC_CLIENT_ERROR, "not registered yet") from None

    def _message_id_findings(self, request: web.Request, *, refuses: bool) -> Iterator[Finding]:
        for name in ("X-Request-ID", "X-Correlation-ID"):
            if not request.headers.get(name):
                yield violation(
                    MESSAGE_IDS, "every request SHALL contain this header", name, refuses=refuses
                )
        request_id = request.headers.get("X-Request-ID")
        if request_id and request_id in self._request_ids:
            yield violation(
                MESSAGE_IDS,
                "this request ID was used before",
                "X-Request-ID",
                request_id,
                refuses=False,
            )
        if request_id:
            self._request_ids[request_id] = None
            if len(self._request_ids) > REQUEST_IDS_KEPT:
                self._request_ids.popitem(last=False)

    def _routing_findings(
        self, request: web.Request, peer: Peer | None, *, functional: bool
    ) -> Iterator[Finding]:
        if not functional:
            for name in ROUTING_HEADERS:
                if name in request.headers:
                    yield violation(
                        ROUTING,
                        "SHALL NOT be used with configuration modules",
                        name,
                        request.headers[name],
                        refuses=False,
                    )
            return
        missing = [name for name in ROUTING_HEADERS if not request.headers.get(name)]
        if missing:
            # "only exception is a peer-to-peer connection between two parties that both have only
            # one OCPI party and role implemented"
            alone = peer is not None and len(peer.roles) == 1
            found = advice if alone and not self._demand_routing else violation
            yield found(
                ROUTING,
                "routing headers are to be added to any functional request",
                "OCPI-from, OCPI-to",
                missing,
            )
        if missing or peer is None:
            return
        sender, receiver = (
            Owner(
                request.headers[f"OCPI-{end}-country-code"],
                request.headers[f"OCPI-{end}-party-id"],
            )
            for end in ("from", "to")
        )
        if not peer.speaks_for(sender):
            yield violation(ROUTING, "from is none of the sender's roles", "OCPI-from", str(sender))
        if receiver.key("") != self._own.key(""):
            yield violation(ROUTING, "to is none of our roles", "OCPI-to", str(receiver))

    def _echo(self, request: web.Request, response: web.Response, *, functional: bool) -> None:
        """The same ids, and from/to swapped, in the response."""
        for name in ("X-Request-ID", "X-Correlation-ID"):
            if name in request.headers:
                response.headers[name] = request.headers[name]
        if not functional:
            return
        for name in ROUTING_HEADERS:
            if name in request.headers:
                swapped = (
                    name.replace("from", "to") if "from" in name else name.replace("to", "from", 1)
                )
                response.headers[swapped] = request.headers[name]


def _refuse_broken(findings: list[Finding]) -> None:
    broken = refusing(findings)
    if broken:
        raise Refusal(200, INVALID_PARAMETERS, broken[0].what)


def _details(findings: list[Finding]) -> Any:
    """ "it could specify which fields contain an error or are missing"."""
    if not findings:
        return NO_DATA
    return [finding.as_json() for finding in findings]
