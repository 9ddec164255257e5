"""The outer layer of every OCPI endpoint: who calls, with which headers, and the envelope around
the answer.

Handlers return an `Answer` or raise a `Refusal`; nobody else builds a response.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

from aiohttp import web

from simulators.partner.client import MESSAGE_IDS, ROUTING_HEADERS, Report
from simulators.partner.exact_json import Json, dumps
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, NO_DATA, Answer, Exchange, Refusal
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, cite, refusing, violation
from simulators.partner.habits import Habits
from simulators.partner.parties import Parties
from simulators.partner.peer import Peer, Registry
from simulators.partner.receipt import INVALID_PARAMETERS, OK
from simulators.partner.routing import Routing
from simulators.partner.version import Version, decode_token

GENERIC_SERVER_ERROR = 3000
AUTHORIZATION = "2.2.1 transport_and_format, Authorization header"

REQUEST_IDS_KEPT = 20_000

# A CPO that answered our POST may call back before we have read that answer
SETTLING = 5.0

# where the log of requests finds the OCPI status code of an answer
STATUS_CODE = web.ResponseKey("status_code", int)


Handler = Callable[[Exchange], Awaitable[Answer]]
HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gate:
    """The gate of one version; `base` is the path in front of its module names."""

    def __init__(
        self,
        version: Version,
        base: str,
        parties: Parties,
        registry: Registry,
        habits: Callable[[], Habits],
        feed: Feed,
        report: Report,
        now: Callable[[], datetime],
    ) -> None:
        self._version = version
        self._routing = Routing(base, parties, habits, feed)
        self._registry = registry
        self._habits = habits
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
            if self._version.has_routing:
                found += self._message_id_findings(request, refuses=functional)
                found += self._routing.findings(request, exchange, functional=functional)
            _refuse_broken(found)
            answer = await handler(exchange)
            _refuse_broken(found)
        except Refusal as refusal:
            found += [finding for finding in refusal.findings if finding not in found]
            response = self.envelope(
                refusal.http_status,
                refusal.status_code,
                refusal.message,
                _details(cite(self._version.number, found)),
            )
        else:
            response = self._success(answer)
        self._report(f"{request.method} {request.path_qs}", found)
        self._echo(request, response, functional=functional)
        return response

    def _success(self, answer: Answer) -> web.Response:
        habits, data, status = self._habits(), answer.data, answer.http_status
        if habits.data_in_array and data is not NO_DATA and not isinstance(data, list):
            data = [data]
        if habits.ok_for_created and status == 201:
            status = 200
        response = self.envelope(status, OK, "Success", data)
        response.headers.update(answer.headers)
        return response

    def envelope(
        self, http_status: int, status_code: int, message: str, data: Any = NO_DATA
    ) -> web.Response:
        if http_status >= 400 and self._habits().bare_errors:
            response = web.Response(status=http_status, text=message)
            response[STATUS_CODE] = status_code
            return response
        content: Json = {} if data is NO_DATA else {"data": data}
        content["status_code"] = status_code
        content["status_message"] = message
        content["timestamp"] = self._version.write_datetime(self._now())
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
        token = self._read_token(header)
        if token is None or not self._known(token):
            raise Refusal(
                401, GENERIC_CLIENT_ERROR, "unknown credentials token", self._miswritten(header)
            )
        return token, self._registry.by_token(token)

    def _read_token(self, header: str) -> str | None:
        return self._habits().read(self._version, header)

    def _known(self, token: str) -> bool:
        return self._registry.by_token(token) is not None or self._registry.is_invitation(token)

    def _miswritten(self, header: str) -> list[Finding]:
        """A known token in the other encoding, when ours is the standard's."""
        if self._habits().token is not None:
            return []
        written = header.removeprefix("Token ").strip()
        other = decode_token(written) if self._version.raw_token else written
        if other is None or not self._known(other):
            return []
        what = (
            "the token stands here as it is"
            if self._version.raw_token
            else "the token is not encoded with Base64"
        )
        return [violation(AUTHORIZATION, what, "Authorization")]

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


class VersionsGate(Gate):
    """The gate of the list of versions, which belongs to none of them: a token may be written as
    any of our versions wants it."""

    def __init__(self, versions: Callable[[], list[Version]], *rest: Any) -> None:
        super().__init__(versions()[0], *rest)
        self._versions = versions

    def _read_token(self, header: str) -> str | None:
        for version in self._versions():
            token = self._habits().read(version, header)
            if token is not None and self._known(token):
                return token
        return None

    def _miswritten(self, header: str) -> list[Finding]:
        return []

    def _message_id_findings(self, request: web.Request, *, refuses: bool) -> Iterator[Finding]:
        if all(version.has_routing for version in self._versions()):
            yield from super()._message_id_findings(request, refuses=refuses)


def _refuse_broken(findings: list[Finding]) -> None:
    broken = refusing(findings)
    if broken:
        raise Refusal(200, INVALID_PARAMETERS, broken[0].what)


def _details(findings: list[Finding]) -> Any:
    """ "it could specify which fields contain an error or are missing"."""
    if not findings:
        return NO_DATA
    return [finding.as_json() for finding in findings]
