"""OCPI 2.2.1 mod_hub_client_info, the same in 2.3.0: ClientInfo."""

from typing import ClassVar, Literal

from simulators.partner.v2_2_1.types import CountryCode, DateTime, OcpiObject, PartyId, Role

ConnectionStatus = Literal["CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"]


class ClientInfo(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_hub_client_info, ClientInfo object"

    party_id: PartyId
    country_code: CountryCode
    role: Role
    status: ConnectionStatus
    last_updated: DateTime
