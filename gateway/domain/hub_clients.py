"""The parties that a hub connects us with, and whether they can be reached."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.party import Party


class ConnectionStatus(StrEnum):
    """ConnectionStatus (mod_hub_client_info 14.5.1)."""

    CONNECTED = "CONNECTED"
    OFFLINE = "OFFLINE"
    PLANNED = "PLANNED"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """One ClientInfo object of a hub; `received` is when we heard of it."""

    party: Party
    role: str
    status: ConnectionStatus
    last_updated: datetime
    received: datetime
