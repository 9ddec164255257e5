"""What differs between the versions of OCPI that the partner can speak, as one table.

A further version adds its models beside `v2_2_1` and a `Version` here; the platform, the client
and the ledger read everything that depends on the version from it.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulators.partner.finding import Finding
from simulators.partner.v2_2_1 import rules
from simulators.partner.v2_2_1.cdrs import CDR
from simulators.partner.v2_2_1.credentials import Credentials
from simulators.partner.v2_2_1.locations import EVSE, Connector, Location
from simulators.partner.v2_2_1.sessions import Session
from simulators.partner.v2_2_1.tariffs import Tariff
from simulators.partner.v2_2_1.tokens import (
    CancelReservation,
    CommandResponse,
    CommandResult,
    LocationReferences,
    ReserveNow,
    StartSession,
    StopSession,
    Token,
    UnlockConnector,
)
from simulators.partner.v2_2_1.types import OcpiObject

Rules = Callable[[Any], Iterable[Finding]]


def no_rules(_: Any) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: its fields and the rules between them."""

    model: type[OcpiObject]
    rules: Rules = no_rules


@dataclass(frozen=True, slots=True)
class Version:
    number: str
    kinds: Mapping[str, Kind]
    commands: Mapping[str, type[OcpiObject]]
    receives: tuple[str, ...] = ("locations", "sessions", "cdrs", "tariffs")
    sends: tuple[str, ...] = ("tokens", "commands")

    def authorization(self, token: str) -> str:
        """transport_and_format, Authorization header: base64 of the UTF-8 octets."""
        return "Token " + base64.b64encode(token.encode()).decode()

    def credentials_token(self, header: str) -> str | None:
        """The token inside an Authorization header; None when it is not written as required."""
        scheme, _, encoded = header.partition(" ")
        if scheme != "Token":
            return None
        try:
            # the standard's own example carries the newline of the shell that made it
            return base64.b64decode(encoded, validate=True).decode().removesuffix("\n")
        except (binascii.Error, UnicodeDecodeError):
            return None


V2_2_1 = Version(
    number="2.2.1",
    kinds={
        "Location": Kind(Location, rules.location_rules),
        "EVSE": Kind(EVSE, rules.evse_rules),
        "Connector": Kind(Connector, rules.connector_rules),
        "Session": Kind(Session, rules.session_rules),
        "CDR": Kind(CDR, rules.cdr_rules),
        "Tariff": Kind(Tariff, rules.tariff_rules),
        "Token": Kind(Token),
        "Credentials": Kind(Credentials),
        "CommandResponse": Kind(CommandResponse),
        "CommandResult": Kind(CommandResult),
        "LocationReferences": Kind(LocationReferences),
    },
    commands={
        "CANCEL_RESERVATION": CancelReservation,
        "RESERVE_NOW": ReserveNow,
        "START_SESSION": StartSession,
        "STOP_SESSION": StopSession,
        "UNLOCK_CONNECTOR": UnlockConnector,
    },
)
