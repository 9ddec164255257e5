"""What the gateway asks of a charge point, in our own words.

The OCPP edges turn these into RemoteStartTransaction or RequestStartTransaction and the like, and
the station's answer back into a `CommandOutcome`.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.tokens import TokenType


class CommandOutcome(StrEnum):
    """How a station took a command. The names are OCPI CommandResultType's where they fit."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """Start charging for a token.

    `evse_id` None leaves the choice to the station. `id_token` is what the station is to be
    told, already fitted to what its OCPP version can carry. `remote_start_id` fits 31 bits.
    """

    remote_start_id: int
    id_token: str
    token_type: TokenType
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class RemoteStop:
    """Stop a running transaction."""

    transaction_id: str


Command = RemoteStart | RemoteStop
