"""The asynchronous results of partners' requests, to the `response_url` that came with each.

No second try: "OCPI does not allow/require retries, it could happen that the asynchronous result
url given by the eMSP is never successfully called" (2.2.1 mod_commands 13.3.2; ocpi-rules 15). To
a party that its hub calls OFFLINE "no requests can be sent" (mod_hub_client_info 14.1.2).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog

from gateway.domain.charging_profiles import ActiveProfile
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.outgoing.addressing import direct_routing
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError
from gateway.ocpi.profiles_on_the_wire import write_active
from gateway.ocpi.quirks import object_url
from gateway.ocpi.versions import spoken_with
from gateway.services.ports import ReplyTo

# A profile's result has fewer words: whatever else the station said or did, it did not take it.
PROFILE_RESULTS: dict[CommandOutcome, str] = {
    CommandOutcome.ACCEPTED: "ACCEPTED",
    **{one: "REJECTED" for one in CommandOutcome if one is not CommandOutcome.ACCEPTED},
}
"""How a station took a profile, as ChargingProfileResultType (2.2.1, 14.6.6)."""

_UNKNOWN = "Unknown"  # ClearChargingProfileStatus: nothing matched
_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class _Results:
    """Sends each once. `connected`: whether a party can be reached through this partner."""

    def __init__(
        self,
        client: OcpiClient,
        connected: Callable[[Partner, Party], bool] = lambda _partner, _party: True,
    ) -> None:
        self._client = client
        self._connected = connected

    async def _told(self, to: ReplyTo, method: str, body: dict[str, Any]) -> bool:
        """Send it, on a connection of its own; False if it was not taken."""
        if to.sender is not None and not self._connected(to.partner, to.sender):
            _log.warning("command result not sent", partner=to.partner.id, away=str(to.sender))
            return False
        try:
            await self._client.request_partner(
                to.partner,
                method,
                to.url,
                routing=direct_routing(to.partner, to.party, to.sender),
                body=body,
                timeout=_SECONDS,
                fresh=True,
            )
        except PartnerError as error:
            _log.warning("command result not taken", partner=to.partner.id, why=str(error))
            return False
        return True


class CommandResultSender(_Results):
    """The `CommandResults` of gateway.services over OCPI."""

    async def send(self, to: ReplyTo, outcome: CommandOutcome) -> bool:
        """POST one result to the URL as given, once; False if it was not taken."""
        word = spoken_with(to.partner).commands.results[outcome]
        return await self._told(to, "POST", {"result": word})

    async def cancelled(self, to: ReplyTo) -> bool:
        """POST that a reservation was cancelled by us; 2.1.1 has no word for it."""
        word = spoken_with(to.partner).commands.withdrawn
        return word is not None and await self._told(to, "POST", {"result": word})


class ProfileResultSender(_Results):
    """The `ProfileResults` of gateway.services over OCPI."""

    async def set(self, to: ReplyTo, reply: CommandReply) -> bool:
        """POST a ChargingProfileResult."""
        return await self._told(to, "POST", {"result": PROFILE_RESULTS[reply.outcome]})

    async def active(self, to: ReplyTo, reply: CommandReply, profile: ActiveProfile | None) -> bool:
        """POST an ActiveChargingProfileResult; a profile goes only with ACCEPTED."""
        body: dict[str, Any] = {"result": PROFILE_RESULTS[reply.outcome]}
        if reply.accepted and profile is not None:
            body["profile"] = write_active(profile)
        return await self._told(to, "POST", body)

    async def cleared(self, to: ReplyTo, reply: CommandReply) -> bool:
        """POST a ClearProfileResult."""
        unknown = reply.status == _UNKNOWN
        word = "UNKNOWN" if unknown else PROFILE_RESULTS[reply.outcome]
        return await self._told(to, "POST", {"result": word})

    async def updated(self, to: ReplyTo, session_id: str, profile: ActiveProfile) -> bool:
        """PUT an ActiveChargingProfile; False too where the partner has no Sender interface."""
        endpoint = to.partner.endpoint("chargingprofiles", "SENDER")
        if endpoint is None:
            return False
        there = replace(to, url=object_url(to.partner, endpoint, session_id))
        return await self._told(there, "PUT", write_active(profile))
