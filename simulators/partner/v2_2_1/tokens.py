"""OCPI 2.2.1 mod_tokens and mod_commands: Token, real-time authorization, the command objects."""

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from simulators.partner.v2_2_1.locations import TokenType
from simulators.partner.v2_2_1.sessions import ProfileType
from simulators.partner.v2_2_1.types import (
    Boolean,
    CiString36,
    CountryCode,
    DateTime,
    DisplayText,
    Int,
    Language,
    OcpiObject,
    PartyId,
    String64,
    Url,
)

AllowedType = Literal["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"]
WhitelistType = Literal["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"]
CommandResponseType = Literal["NOT_SUPPORTED", "REJECTED", "ACCEPTED", "UNKNOWN_SESSION"]
CommandResultType = Literal[
    "ACCEPTED",
    "CANCELED_RESERVATION",
    "EVSE_OCCUPIED",
    "EVSE_INOPERATIVE",
    "FAILED",
    "NOT_SUPPORTED",
    "REJECTED",
    "TIMEOUT",
    "UNKNOWN_RESERVATION",
]
ALLOWED_TYPES: tuple[str, ...] = get_args(AllowedType)


class EnergyContract(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tokens, EnergyContract"

    supplier_name: String64
    contract_id: String64 | None = None


class Token(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tokens, Token object"

    country_code: CountryCode
    party_id: PartyId
    uid: CiString36
    type: TokenType
    contract_id: CiString36
    visual_number: String64 | None = None
    issuer: String64
    group_id: CiString36 | None = None
    valid: Boolean
    whitelist: WhitelistType
    language: Language | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


class LocationReferences(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tokens, LocationReferences"

    location_id: CiString36
    evse_uids: list[CiString36] | None = None


class CommandResponse(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, CommandResponse object"

    result: CommandResponseType
    timeout: Annotated[Int, Field(ge=0)]
    message: list[DisplayText] | None = None


class CommandResult(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, CommandResult object"

    result: CommandResultType
    message: list[DisplayText] | None = None


class CancelReservation(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, CancelReservation object"

    response_url: Url
    reservation_id: CiString36


class ReserveNow(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, ReserveNow object"

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: CiString36
    location_id: CiString36
    evse_uid: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StartSession(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, StartSession object"

    response_url: Url
    token: Token
    location_id: CiString36
    evse_uid: CiString36 | None = None
    connector_id: CiString36 | None = None
    authorization_reference: CiString36 | None = None


class StopSession(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, StopSession object"

    response_url: Url
    session_id: CiString36


class UnlockConnector(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_commands, UnlockConnector object"

    response_url: Url
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
