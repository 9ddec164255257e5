"""Message routing headers: who sends a message to whom, and whether it may (ocpi transport and
format, Message Routing)."""

from collections.abc import Callable, Iterator

from aiohttp import web

from simulators.partner.client import ROUTING, ROUTING_HEADERS
from simulators.partner.exchange import Exchange, Refusal
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, advice, violation
from simulators.partner.habits import Habits
from simulators.partner.owner import Owner
from simulators.partner.parties import Parties
from simulators.partner.peer import Peer

CONNECTION_PROBLEM = 4003
BROADCAST = "2.2.1 transport_and_format, Broadcast Push"

# "It is useful to share data like Tokens and Locations, but not so much for CDRs and Sessions"
MEANT_FOR_ALL = frozenset({"locations", "tariffs", "tokens"})
TO_HEADERS = ("OCPI-to-country-code", "OCPI-to-party-id")


class Routing:
    """Of one version; `base` is the path in front of its module names."""

    def __init__(
        self, base: str, parties: Parties, habits: Callable[[], Habits], feed: Feed
    ) -> None:
        self._base = base
        self._parties = parties
        self._habits = habits
        self._feed = feed

    def findings(
        self, request: web.Request, exchange: Exchange, *, functional: bool
    ) -> Iterator[Finding]:
        """Who sends this to whom: noted in the exchange, and held against the standard."""
        if not functional:
            yield from _headers_not_used(request)
            return
        sender, receiver = _party(request, "from"), _party(request, "to")
        exchange.sender, exchange.receiver = sender, receiver
        yield from self._missing(request, exchange.peer)
        peer = exchange.peer
        if sender is not None and peer is not None and not peer.speaks_for(sender):
            what = "from is none of the sender's roles"
            yield violation(ROUTING, what, "OCPI-from", str(sender))
        if receiver is None:
            return
        if self._parties.is_hub(receiver):
            exchange.broadcast = True
            yield from self._broadcast_rules(request)
            return
        party = self._parties.find(receiver)
        if party is None:
            yield violation(ROUTING, "to is none of our roles", "OCPI-to", str(receiver))
        elif party.status != "CONNECTED":
            found = advice(
                "2.2.1 mod_hub_client_info, Scenarios",
                f"no requests can be sent to a party that is {party.status}",
                "OCPI-to",
                str(receiver),
            )
            raise Refusal(200, CONNECTION_PROBLEM, f"{receiver} is {party.status}", [found])

    def _missing(self, request: web.Request, peer: Peer | None) -> Iterator[Finding]:
        missing = [name for name in ROUTING_HEADERS if not request.headers.get(name)]
        if self._parties.hub is not None and missing == [*TO_HEADERS]:
            return  # an Open Routing Request: "the TO headers [...] MUST be omitted"
        if missing:
            # "only exception is a peer-to-peer connection between two parties that both have only
            # one OCPI party and role implemented"
            alone = peer is not None and len(peer.roles) == 1 and self._parties.hub is None
            found = advice if alone and self._habits().lax_routing else violation
            yield found(
                ROUTING,
                "routing headers are to be added to any functional request",
                "OCPI-from, OCPI-to",
                missing,
            )

    def _broadcast_rules(self, request: web.Request) -> Iterator[Finding]:
        module, _, rest = request.path.removeprefix(self._base).lstrip("/").partition("/")
        if request.method == "GET" and rest:
            yield violation(BROADCAST, "GET SHALL NOT be used with Broadcast Push", "OCPI-to")
        if request.method != "GET" and module not in MEANT_FOR_ALL:
            yield violation(
                BROADCAST,
                "SHALL only be used with information that is meant for all other parties",
                "OCPI-to",
                module,
                refuses=False,
            )
        if request.method != "GET":
            self._feed.emit("broadcast", method=request.method, module=module, path=request.path)


def _party(request: web.Request, end: str) -> Owner | None:
    country_code = request.headers.get(f"OCPI-{end}-country-code")
    party_id = request.headers.get(f"OCPI-{end}-party-id")
    return Owner(country_code, party_id) if country_code and party_id else None


def _headers_not_used(request: web.Request) -> Iterator[Finding]:
    for name in ROUTING_HEADERS:
        if name in request.headers:
            yield violation(
                ROUTING,
                "SHALL NOT be used with configuration modules",
                name,
                request.headers[name],
                refuses=False,
            )
