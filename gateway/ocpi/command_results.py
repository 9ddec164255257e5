"""The asynchronous result of a command, to the `response_url` that came with it (mod_commands)."""

from typing import Any

import structlog

from gateway.domain.commands import CommandOutcome
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.client import OcpiClient, PartnerError, Routing
from gateway.ocpi.sender import receiving_party

RESULTS: dict[CommandOutcome, str] = {
    CommandOutcome.ACCEPTED: "ACCEPTED",
    CommandOutcome.REJECTED: "REJECTED",
    CommandOutcome.EVSE_OCCUPIED: "EVSE_OCCUPIED",
    CommandOutcome.EVSE_INOPERATIVE: "EVSE_INOPERATIVE",
    CommandOutcome.FAILED: "FAILED",
    CommandOutcome.NOT_SUPPORTED: "NOT_SUPPORTED",
    CommandOutcome.TIMEOUT: "TIMEOUT",
    CommandOutcome.UNKNOWN_RESERVATION: "UNKNOWN_RESERVATION",
}
"""How a station took a command, as CommandResultType (2.2.1 mod_commands 13.4.3)."""

_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class CommandResultSender:
    """The `CommandResults` of gateway.services over OCPI."""

    def __init__(self, client: OcpiClient) -> None:
        self._client = client

    async def send(
        self,
        partner: Partner,
        party: Party,
        response_url: str,
        outcome: CommandOutcome,
        message: str | None = None,
    ) -> bool:
        """POST one CommandResult to the URL as given, once; False if it was not taken.

        No second try: "OCPI does not allow/require retries, it could happen that the asynchronous
        result url given by the eMSP is never successfully called" (13.3.3; ocpi-rules 15).
        """
        body: dict[str, Any] = {"result": RESULTS[outcome]}
        if message:
            body["message"] = [{"language": "en", "text": message[:512]}]
        to_party = receiving_party(partner)
        try:
            await self._client.request_partner(
                partner,
                "POST",
                response_url,
                routing=Routing(party, to_party) if to_party else None,
                body=body,
                timeout=_SECONDS,
                fresh=True,
            )
        except PartnerError as error:
            _log.warning("command result not taken", partner=partner.id, why=str(error))
            return False
        return True
