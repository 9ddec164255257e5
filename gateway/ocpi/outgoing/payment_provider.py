"""Our requests to a Payment Terminal Provider (2.3.0 release payments, mod_payments 1.2.1)."""

from collections.abc import AsyncIterator
from typing import Any

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.outgoing.addressing import direct_routing
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError, Routing
from gateway.ocpi.platform import Platform
from gateway.ocpi.quirks import object_url
from gateway.services.ports import ProviderFailed

_TERMINALS = "terminals"
_CONFIRMATIONS = "financial-advice-confirmations"


class PaymentProviders:
    """The `TerminalProviders` of gateway.services over OCPI."""

    def __init__(self, client: OcpiClient, platform: Platform) -> None:
        self._client = client
        self._platform = platform

    def terminals(self, partner: Partner) -> AsyncIterator[dict[str, Any]]:
        """All of the provider's Terminals. Raises `ProviderFailed`."""
        return self._all(partner, _TERMINALS)

    def confirmations(self, partner: Partner) -> AsyncIterator[dict[str, Any]]:
        """All of its FinancialAdviceConfirmations. Raises `ProviderFailed`."""
        return self._all(partner, _CONFIRMATIONS)

    async def assign(self, partner: Partner, terminal_id: str, changes: dict[str, Any]) -> None:
        """PATCH "to assign location ids and/or evse_uids to a terminal". `ProviderFailed`."""
        await self._send(partner, "PATCH", changes, _TERMINALS, terminal_id)

    async def update(self, partner: Partner, terminal: dict[str, Any]) -> None:
        """PUT "to update location data of a terminal". Raises `ProviderFailed`."""
        await self._send(partner, "PUT", terminal, _TERMINALS, terminal["terminal_id"])

    async def activate(self, partner: Partner, terminal: dict[str, Any]) -> None:
        """POST activate: the provider then creates the Terminal here. Raises `ProviderFailed`."""
        await self._send(partner, "POST", terminal, _TERMINALS, "activate")

    async def deactivate(self, partner: Partner, terminal_id: str) -> None:
        """POST deactivate, of a broken or moved terminal. Raises `ProviderFailed`."""
        await self._send(partner, "POST", None, _TERMINALS, terminal_id, "deactivate")

    async def _all(self, partner: Partner, kind: str) -> AsyncIterator[dict[str, Any]]:
        url, routing = self._url(partner, kind), self._routing(partner)
        try:
            async for item in self._client.pages_of(partner, url, routing=routing):
                yield item
        except PartnerError as error:
            raise ProviderFailed(str(error)) from error

    async def _send(self, partner: Partner, method: str, body: Any, *path: str) -> None:
        url = self._url(partner, *path)
        try:
            await self._client.request_partner(
                partner, method, url, routing=self._routing(partner), body=body
            )
        except PartnerError as error:
            raise ProviderFailed(str(error)) from error

    def _url(self, partner: Partner, *path: str) -> str:
        endpoint = partner.endpoint("payments", "SENDER")
        if endpoint is None:
            raise ProviderFailed("the partner has no payments interface")
        return object_url(partner, endpoint, *path)

    def _routing(self, partner: Partner) -> Routing | None:
        ours = self._platform.shown_to(partner)
        return direct_routing(partner, ours[0].party, _provider(partner)) if ours else None


def _provider(partner: Partner) -> Party | None:
    return next((role.party for role in partner.roles if role.role == "PTP"), None)
