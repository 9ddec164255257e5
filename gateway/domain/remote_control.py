"""Transactions begun and ended from afar."""

from dataclasses import dataclass

from gateway.domain.charging_profiles import ChargingProfile
from gateway.domain.commands import Command
from gateway.domain.tokens import TokenType


@dataclass(frozen=True, slots=True)
class RemoteStart(Command):
    """Start charging for a token.

    `evse_id` None leaves the choice to the station. `id_token` is what the station is to be
    told, already fitted to what its OCPP version can carry. `remote_start_id` fits 31 bits.
    `charging_profile` is for the transaction that begins; it names none (ocpp-rules 18).
    The reply's data may have a `transaction_id`: that of a transaction that runs already (2.x).
    """

    remote_start_id: int
    id_token: str
    token_type: TokenType
    evse_id: int | None = None
    charging_profile: ChargingProfile | None = None


@dataclass(frozen=True, slots=True)
class RemoteStop(Command):
    """Stop a running transaction."""

    transaction_id: str


ID_TOKEN_LENGTH = {"ocpp1.6": 20}  # 1.6 IdToken is CiString20
LONGEST_ID_TOKEN = 36  # 2.x: identifierString[36]
