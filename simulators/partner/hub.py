"""The HubClientInfo module, of which a hub is the Sender."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from aiohttp import web

from simulators.partner.client import CallFailed, Client
from simulators.partner.exchange import Answer, Exchange
from simulators.partner.gate import Gate
from simulators.partner.owner import Owner
from simulators.partner.pages import page
from simulators.partner.parties import Party
from simulators.partner.peer import Peer
from simulators.partner.site import Site
from simulators.partner.version import Version


class HubClients:
    def __init__(
        self, version: Version, site: Site, client: Client, module_url: Callable[[str], str]
    ) -> None:
        self._version = version
        self._site = site
        self._client = client
        self._module_url = module_url

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        # a Configuration Module: no routing headers
        return [
            web.get(f"{base}/hubclientinfo{slash}", gate.configuration(self.get_list))
            for slash in ("", "/")
        ]

    async def get_list(self, exchange: Exchange) -> Answer:
        exchange.registered()
        infos = [party.as_client_info() for party in self._site.parties.all]
        url = self._module_url("hubclientinfo")
        return page(infos, exchange.request.query, url, self._site.page_limit)

    async def push(self, peer: Peer, party: Party) -> None:
        """Tell the platform how this party is connected; raises `CallFailed`."""
        endpoint = peer.endpoint("hubclientinfo", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive hubclientinfo")
        spelt = self._site.habits.id
        owner = party.owner
        path = "/".join(
            quote(spelt(part), safe="") for part in (owner.country_code, owner.party_id)
        )
        url = f"{endpoint.rstrip('/')}/{path}"
        await self._client.configuration("PUT", url, peer.token, party.as_client_info())
        self._site.feed.emit("client_info_pushed", party=str(owner), status=party.status)


def with_status(site: Site, owner: Owner, status: str, role: str = "EMSP") -> Party:
    """The party behind our hub, new or altered; its last_updated moves on."""
    held = site.parties.find(owner)
    if held is None:
        return site.parties.put(Party(owner, str(owner), role, status))
    return site.parties.put(replace(held, status=status))
