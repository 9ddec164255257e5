"""Calls to the other platform's API; every answer is read as strictly as every request.

A call is bounded in time and size, follows no redirect, and raises `CallFailed` for everything
that is not HTTP 2xx with an OCPI success code.
"""

import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from simulators.partner.exact_json import InvalidJSON, Json, dumps, loads
from simulators.partner.finding import Finding, violation
from simulators.partner.habits import Habits
from simulators.partner.owner import Owner
from simulators.partner.peer import Peer
from simulators.partner.version import Version

CALL_TIMEOUT = 30.0
MAX_ANSWER = 64 * 1024 * 1024
RESPONSE_FORMAT = "2.2.1 transport_and_format, Response format"
MESSAGE_IDS = "2.2.1 transport_and_format, Unique message IDs"
ROUTING = "2.2.1 transport_and_format, Message Routing Headers"

_WRITTEN_URL = re.compile(r"https?://[!-~]+", re.ASCII)

Report = Callable[[str, list[Finding]], None]


class CallFailed(Exception):
    """The other platform did not answer, or answered with an error."""

    def __init__(
        self, what: str, http_status: int | None = None, status_code: int | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.http_status = http_status
        self.status_code = status_code

    def as_json(self) -> Json:
        return {
            "error": self.what,
            "http_status": self.http_status,
            "status_code": self.status_code,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    http_status: int
    status_code: int
    data: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """The routing headers of one functional request."""

    sender: Owner
    receiver: Owner

    def headers(self) -> dict[str, str]:
        return {
            "OCPI-from-country-code": self.sender.country_code,
            "OCPI-from-party-id": self.sender.party_id,
            "OCPI-to-country-code": self.receiver.country_code,
            "OCPI-to-party-id": self.receiver.party_id,
        }

    def swapped(self) -> "Route":
        return Route(self.receiver, self.sender)


class Client:
    """Calls in the words of one version."""

    def __init__(
        self,
        version: Version,
        habits: Callable[[], Habits],
        own: Callable[[], Owner],
        report: Report,
    ) -> None:
        self._version = version
        self._habits = habits
        self._own = own
        self._report = report
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT), raise_for_status=False
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def configuration(
        self, method: str, url: str, token: str, body: Json | None = None
    ) -> Reply:
        """A call to a configuration module (versions, credentials, hubclientinfo): no routing
        headers."""
        return await self._call(method, url, token, None, body)

    async def functional(
        self,
        method: str,
        url: str,
        peer: Peer,
        body: Json | None = None,
        *,
        sender: Owner | None = None,
        receiver: Owner | None = None,
    ) -> Reply:
        """`sender` is one of our parties, the first if None; `receiver` one of theirs."""
        route = None
        if self._version.has_routing:
            route = Route(self._spelt(sender or self._own()), receiver or peer.party())
        return await self._call(method, url, peer.token, route, body)

    def _spelt(self, owner: Owner) -> Owner:
        habits = self._habits()
        return Owner(habits.id(owner.country_code), habits.id(owner.party_id))

    async def _call(
        self, method: str, url: str, token: str, route: Route | None, body: Json | None
    ) -> Reply:
        if self._session is None:
            raise CallFailed("the partner is not running")
        if not _WRITTEN_URL.fullmatch(url):
            raise CallFailed(f"not a URL: {url!r}")
        headers = {
            "Authorization": self._habits().authorization(self._version, token),
            **(route.headers() if route is not None else {}),
        }
        if self._version.has_routing:
            headers |= {name: str(uuid.uuid4()) for name in MESSAGE_ID_HEADERS}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),  # as the other side wrote it
                headers=headers,
                data=None if body is None else dumps(body),
                allow_redirects=False,
            ) as response:
                text = await response.content.read(MAX_ANSWER + 1)
                while text and len(text) <= MAX_ANSWER and not response.content.at_eof():
                    text += await response.content.read(MAX_ANSWER + 1 - len(text))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise CallFailed(f"{type(error).__name__}: {error}") from error
        if len(text) > MAX_ANSWER:
            raise CallFailed("the answer is too long", response.status)
        return self._read(f"answer to {method} {url}", headers, route, response, text)

    def _read(
        self,
        where: str,
        sent: Mapping[str, str],
        route: Route | None,
        response: aiohttp.ClientResponse,
        text: bytes,
    ) -> Reply:
        status = response.status
        try:
            envelope = loads(text)
        except InvalidJSON as error:
            if status < 300:
                found = violation(RESPONSE_FORMAT, f"no JSON: {error}", evidence=repr(text[:100]))
                self._report(where, [found])
            raise CallFailed(f"HTTP {status} without JSON", status) from None
        read, findings = self._version.check("Envelope", envelope)
        findings = [found for found in findings if found.severity == "violation"]
        if status < 500:
            findings += self._header_findings(sent, route, response.headers)
        self._report(where, findings)
        if read is None:
            raise CallFailed(f"HTTP {status} without an OCPI envelope", status)
        if status >= 300 or read.status_code >= 2000:
            raise CallFailed(read.status_message or "refused", status, read.status_code)
        return Reply(status, read.status_code, envelope.get("data"), response.headers)

    def _header_findings(
        self, sent: Mapping[str, str], route: Route | None, got: Mapping[str, str]
    ) -> Iterator[Finding]:
        yield from _content_findings(got)
        if self._version.has_routing:
            yield from _message_findings(sent, route, got)


def _content_findings(got: Mapping[str, str]) -> Iterator[Finding]:
    if not got.get("Content-Type", "").startswith("application/json"):
        yield violation(
            RESPONSE_FORMAT,
            "the content is application/json",
            "Content-Type",
            got.get("Content-Type"),
        )


def _message_findings(
    sent: Mapping[str, str], route: Route | None, got: Mapping[str, str]
) -> Iterator[Finding]:
    for name in MESSAGE_ID_HEADERS:
        if got.get(name) != sent[name]:
            yield violation(
                MESSAGE_IDS, "the response SHALL contain the same ID", name, got.get(name)
            )
    if route is None:
        for name in ROUTING_HEADERS:
            if name in got:
                yield violation(ROUTING, "not used with configuration modules", name, got[name])
        return
    for name, wanted in route.swapped().headers().items():
        if got.get(name, "").lower() != wanted.lower():
            yield violation(ROUTING, f"should be {wanted}", name, got.get(name))


MESSAGE_ID_HEADERS = ("X-Request-ID", "X-Correlation-ID")
ROUTING_HEADERS = (
    "OCPI-from-country-code",
    "OCPI-from-party-id",
    "OCPI-to-country-code",
    "OCPI-to-party-id",
)
