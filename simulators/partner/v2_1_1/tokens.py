"""OCPI 2.1.1 mod_tokens and mod_commands: auth_id, int reservation ids, one CommandResponse."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from simulators.partner.exact_json import Json
from simulators.partner.v2_1_1.types import DateTime, Id36, Id39, String64, write_datetime
from simulators.partner.v2_2_1.tokens import WhitelistType
from simulators.partner.v2_2_1.types import (
    Boolean,
    Int,
    Language,
    OcpiObject,
    Url,
    parse_datetime,
)

TOKEN_TYPES = ("OTHER", "RFID")


class Token(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tokens, Token object"

    uid: Id36
    type: Literal["OTHER", "RFID"]
    auth_id: Id36
    visual_number: String64 | None = None
    issuer: String64
    valid: Boolean
    whitelist: WhitelistType
    language: Language | None = None
    last_updated: DateTime


def write_token(token: Json) -> Json:
    """A token as 2.2.1 writes it, in the words of 2.1.1."""
    written = {
        "uid": token["uid"],
        "type": token["type"] if token["type"] in TOKEN_TYPES else "OTHER",
        "auth_id": token["contract_id"],
    }
    kept = ("visual_number", "issuer", "valid", "whitelist", "language")
    written |= {name: token[name] for name in kept if name in token}
    updated = parse_datetime(token["last_updated"])
    return {**written, "last_updated": write_datetime(updated)}


class LocationReferences(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tokens, LocationReferences"

    location_id: Id39
    evse_uids: Sequence[Id39] | None = None
    connector_ids: Sequence[Id36] | None = None


class CommandResponse(OcpiObject):
    """The direct answer, and the later result too."""

    clause: ClassVar[str] = "2.1.1 mod_commands, CommandResponse object"

    result: Literal["NOT_SUPPORTED", "REJECTED", "ACCEPTED", "TIMEOUT", "UNKNOWN_SESSION"]


class ReserveNow(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_commands, ReserveNow object"

    response_url: Url
    token: Token
    expiry_date: DateTime
    reservation_id: Int
    location_id: Id39
    evse_uid: Id39 | None = None


class StartSession(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_commands, StartSession object"

    response_url: Url
    token: Token
    location_id: Id39
    evse_uid: Id39 | None = None


class StopSession(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_commands, StopSession object"

    response_url: Url
    session_id: Id36


class UnlockConnector(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_commands, UnlockConnector object"

    response_url: Url
    location_id: Id39
    evse_uid: Id39
    connector_id: Id36
