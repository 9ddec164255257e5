"""The credentials module, from both ends: we register with them, or they register with us.

A token is never valid on hope: what we hand out is accepted from the moment the other side may
use it (it calls us back inside our own POST) and forgotten when the handshake fails.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from aiohttp import web

from simulators.partner.client import CallFailed, Client, Report
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange, Refusal
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, advice, refusing, violation
from simulators.partner.gate import Gate
from simulators.partner.peer import Peer, Registry, endpoints_of, new_token
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.v2_2_1.credentials import VersionReference
from simulators.partner.version import Version

UNABLE_TO_USE_API = 3001
UNSUPPORTED_VERSION = 3002
NO_MATCHING_ENDPOINTS = 3003

# what an eMSP hopes to find at a CPO
EXPECTED = (
    ("locations", "SENDER"),
    ("sessions", "SENDER"),
    ("cdrs", "SENDER"),
    ("tariffs", "SENDER"),
    ("tokens", "RECEIVER"),
    ("commands", "RECEIVER"),
)


class Handshake:
    """Of one version; the list of versions is the platform's."""

    def __init__(
        self,
        version: Version,
        client: Client,
        registry: Registry,
        feed: Feed,
        report: Report,
        own_credentials: Callable[[str], Json],
        own_details: Callable[[], Json],
    ) -> None:
        self._version = version
        self._client = client
        self._registry = registry
        self._feed = feed
        self._report = report
        self._own_credentials = own_credentials
        self._own_details = own_details

    def routes(self, gate: Gate) -> list[web.RouteDef]:
        details = f"/ocpi/{self._version.number}"
        return [
            route
            for slash in ("", "/")
            for credentials in [f"{details}/credentials{slash}"]
            for route in (
                web.get(f"{details}{slash}", gate.configuration(self.get_details)),
                web.get(credentials, gate.configuration(self.get_credentials)),
                web.post(credentials, gate.configuration(self.post_credentials)),
                web.put(credentials, gate.configuration(self.put_credentials)),
                web.delete(credentials, gate.configuration(self.delete_credentials)),
            )
        ]

    # -- we call them

    async def register(self, versions_url: str, token_a: str) -> Peer:
        """The real handshake; raises `CallFailed` with nothing registered."""
        endpoints = await self._discover(versions_url, token_a)
        url = _credentials_url(endpoints)
        peer = self._registry.add(self._version, new_token(), token_a, versions_url)
        peer.endpoints = endpoints
        await self._exchange("POST", url, token_a, peer)
        self._feed.emit("registered", by="us", peer=peer.id, roles=peer.roles)
        return peer

    async def rotate(self, peer: Peer) -> Peer:
        """New tokens both ways and their endpoints again, by PUT to this version's credentials:
        "A PUT will switch to the version that contains this credentials endpoint"."""
        endpoints = peer.endpoints
        if peer.version is not self._version:
            endpoints = await self._discover(peer.versions_url, peer.token)
        renewed = self._registry.add(self._version, new_token(), peer.token, peer.versions_url)
        renewed.endpoints = endpoints
        await self._exchange("PUT", _credentials_url(endpoints), peer.token, renewed)
        self._registry.replace(peer, renewed)
        self._feed.emit("rotated", by="us", peer=renewed.id, version=self._version.number)
        return renewed

    async def unregister(self, peer: Peer) -> None:
        url = _credentials_url(peer.endpoints)
        await self._client.configuration("DELETE", url, peer.token)
        self._registry.remove(peer)
        self._feed.emit("unregistered", by="us", peer=peer.id)

    async def _exchange(self, method: str, url: str, token: str, peer: Peer) -> None:
        try:
            reply = await self._client.configuration(
                method, url, token, self._own_credentials(peer.own_token)
            )
            findings = self._credentials_findings(reply.data)
            self._report(f"answer to {method} {url}", findings)
            if refusing(findings):
                raise CallFailed(f"no credentials: {refusing(findings)[0].what}")
        except BaseException:
            self._registry.remove(peer)
            raise
        self._registry.settle(peer, reply.data)

    async def _discover(self, versions_url: str, token: str) -> dict[tuple[str, str], str]:
        """Their endpoints for our version."""
        reply = await self._client.configuration("GET", versions_url, token)
        url = self._own_version(versions_url, reply.data)
        reply = await self._client.configuration("GET", url, token)
        details, findings = self._version.check("VersionDetails", reply.data)
        self._report(f"answer to GET {url}", findings)
        if details is None:
            raise CallFailed("no version details", status_code=UNABLE_TO_USE_API)
        if details.version != self._version.number:
            found = violation(details.clause, "not the version asked for", "version")
            self._report(f"answer to GET {url}", [found])
        endpoints = endpoints_of(details)
        missing = [
            f"{name} {role}"
            for name, role in EXPECTED
            if (name, role) not in endpoints and (name, "") not in endpoints
        ]
        if missing:
            self._report(
                f"answer to GET {url}",
                [advice("2.2.1 credentials", "an eMSP expects these", "endpoints", missing)],
            )
        return endpoints

    def _own_version(self, versions_url: str, data: Any) -> str:
        for item in data if isinstance(data, list) else []:
            version, findings = self._version.read_as(VersionReference, item)
            self._report(f"answer to GET {versions_url}", findings)
            if version is not None and version.version == self._version.number:
                return str(version.url)
        raise CallFailed(
            f"no version {self._version.number} at {versions_url}", status_code=UNSUPPORTED_VERSION
        )

    # -- they call us

    async def get_details(self, exchange: Exchange) -> Answer:
        return Answer(self._own_details())

    async def get_credentials(self, exchange: Exchange) -> Answer:
        return Answer(self._own_credentials(exchange.token))

    async def post_credentials(self, exchange: Exchange) -> Answer:
        if exchange.peer is not None:
            raise Refusal(405, GENERIC_CLIENT_ERROR, "already registered, use PUT")
        peer, credentials = await self._accept(exchange)
        self._registry.settle(peer, credentials, token_a=exchange.token)
        self._feed.emit("registered", by="them", peer=peer.id, roles=peer.roles)
        return Answer(self._own_credentials(peer.own_token))

    async def put_credentials(self, exchange: Exchange) -> Answer:
        if exchange.peer is None:
            raise Refusal(405, GENERIC_CLIENT_ERROR, "not registered, use POST")
        old = exchange.peer
        peer, credentials = await self._accept(exchange)
        self._registry.settle(peer, credentials)
        self._registry.replace(old, peer)
        self._feed.emit("rotated", by="them", peer=peer.id, version=self._version.number)
        return Answer(self._own_credentials(peer.own_token))

    async def delete_credentials(self, exchange: Exchange) -> Answer:
        if exchange.peer is None:
            raise Refusal(405, GENERIC_CLIENT_ERROR, "not registered")
        self._registry.remove(exchange.peer)
        self._feed.emit("unregistered", by="them", peer=exchange.peer.id)
        return Answer()

    async def _accept(self, exchange: Exchange) -> tuple[Peer, Json]:
        """Fetch their endpoints with the token they gave, else 3001: "Unable to use the client's
        API"."""
        credentials = await exchange.json()
        findings = self._credentials_findings(credentials)
        if refusing(findings):
            raise Refusal(200, INVALID_PARAMETERS, refusing(findings)[0].what, findings)
        exchange.findings += findings
        try:
            endpoints = await self._discover(credentials["url"], credentials["token"])
        except CallFailed as failure:
            status_code = (
                UNSUPPORTED_VERSION
                if failure.status_code == UNSUPPORTED_VERSION
                else UNABLE_TO_USE_API
            )
            raise Refusal(200, status_code, failure.what) from None
        if not any(name == "credentials" for name, _ in endpoints):
            raise Refusal(200, NO_MATCHING_ENDPOINTS, "no credentials endpoint")
        peer = self._registry.add(
            self._version, new_token(), credentials["token"], credentials["url"]
        )
        peer.endpoints = endpoints
        return peer, credentials

    def _credentials_findings(self, data: Any) -> list[Finding]:
        read, findings = self._version.check("Credentials", data)
        if read is None or not self._version.has_roles:
            return findings
        return [*findings, *_role_findings(read)]


def _role_findings(credentials: Any) -> Iterator[Finding]:
    roles = Counter(
        (role.role, role.country_code.upper(), role.party_id.upper()) for role in credentials.roles
    )
    for role, count in roles.items():
        if count > 1:
            yield violation(
                credentials.clause,
                "every role needs a unique combination of role, party_id and country_code",
                "roles",
                list(role),
            )


def _credentials_url(endpoints: dict[tuple[str, str], str]) -> str:
    for (name, _), url in endpoints.items():
        if name == "credentials":
            return url
    raise CallFailed("no credentials endpoint", status_code=NO_MATCHING_ENDPOINTS)
