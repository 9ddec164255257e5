"""What differs between the versions of OCPI that the partner can speak, as one table.

The models and rules of a version are in its package; the platform, the client, the gate, the
ledger and the modules read everything that depends on the version from its `Version`.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulators.partner.checker import Kind, check, read_as
from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.finding import Finding, cite
from simulators.partner.owner import Owner
from simulators.partner.v2_1_1 import billing as billing_211
from simulators.partner.v2_1_1 import credentials as credentials_211
from simulators.partner.v2_1_1 import facts as facts_211
from simulators.partner.v2_1_1 import locations as locations_211
from simulators.partner.v2_1_1 import rules as rules_211
from simulators.partner.v2_1_1 import tariffs as tariffs_211
from simulators.partner.v2_1_1 import tokens as tokens_211
from simulators.partner.v2_1_1.types import write_datetime
from simulators.partner.v2_2_1 import billing_rules as billing_rules_221
from simulators.partner.v2_2_1 import cdrs as cdrs_221
from simulators.partner.v2_2_1 import clients as clients_221
from simulators.partner.v2_2_1 import credentials as credentials_221
from simulators.partner.v2_2_1 import facts as facts_221
from simulators.partner.v2_2_1 import location_rules as location_rules_221
from simulators.partner.v2_2_1 import locations as locations_221
from simulators.partner.v2_2_1 import profiles as profiles_221
from simulators.partner.v2_2_1 import sessions as sessions_221
from simulators.partner.v2_2_1 import tariff_rules as tariff_rules_221
from simulators.partner.v2_2_1 import tariffs as tariffs_221
from simulators.partner.v2_2_1 import tokens as tokens_221
from simulators.partner.v2_2_1.types import OcpiObject, format_datetime
from simulators.partner.v2_3_0 import billing as billing_230
from simulators.partner.v2_3_0 import credentials as credentials_230
from simulators.partner.v2_3_0 import facts as facts_230
from simulators.partner.v2_3_0 import invoices as invoices_230
from simulators.partner.v2_3_0 import locations as locations_230
from simulators.partner.v2_3_0 import payments as payments_230
from simulators.partner.v2_3_0 import rules as rules_230
from simulators.partner.v2_3_0 import tariffs as tariffs_230
from simulators.partner.v2_3_0 import tokens as tokens_230

RECEIVED = ("locations", "sessions", "cdrs", "tariffs")


@dataclass(frozen=True, slots=True)
class Version:
    number: str
    kinds: Mapping[str, Kind]
    commands: Mapping[str, type[OcpiObject]]
    token_types: tuple[str, ...]
    session_facts: Callable[[Json], Facts]
    cdr_facts: Callable[[Json], Facts]
    receives: tuple[str, ...] = RECEIVED
    sends: tuple[str, ...] = ("tokens", "commands", "chargingprofiles")
    raw_token: bool = False
    """The credentials token stands in the Authorization header as it is"""
    has_roles: bool = True
    """Credentials list roles, and endpoints have one"""
    has_routing: bool = True
    """Message ids and routing headers"""
    has_owner: bool = True
    """Objects carry country_code and party_id"""
    has_references: bool = True
    """Authorizations have a reference that Sessions and CDRs repeat"""
    has_hubs: bool = True
    hub_is_role: bool = True
    """A hub reports the role HUB only; else hub_party_id beside the roles of its clients"""
    demands_last_updated: bool = True
    """ "Any request to the PATCH method SHALL contain the last_updated field"."""
    appends_periods: bool = True
    """A PATCH of a Session adds its charging_periods to those that are there"""
    patches_tariffs: bool = False
    tariffs_tell_all: bool = True
    """A Tariff can say everything that makes a price"""
    unknown_token: int = 2004
    write_token: Callable[[Json], Json] = dict
    """A token of the wallet, which holds them as 2.2.1 writes them"""
    write_datetime: Callable[[datetime], str] = format_datetime
    tick: timedelta = timedelta(milliseconds=1)
    """The least difference that its DateTime can express"""

    def check(self, name: str, data: Any) -> tuple[Any, list[Finding]]:
        """The object read as that kind, or None when its fields do not allow that; what is wrong"""
        read, findings = check(self.kinds[name], data)
        return read, cite(self.number, findings)

    def read_as(self, model: type[OcpiObject], data: Any) -> tuple[Any, list[Finding]]:
        read, findings = read_as(model, data)
        return read, cite(self.number, findings)

    def roles(self, credentials: Json) -> list[Json]:
        """The roles of the other side, as 2.2.1 writes them."""
        if self.has_roles:
            return list(credentials["roles"])
        role = {name: credentials[name] for name in ("country_code", "party_id")}
        # who sends no role to an eMSP can only be a CPO
        return [{**role, "role": "CPO", "business_details": credentials["business_details"]}]

    def hub(self, credentials: Json) -> Owner | None:
        """The hub's own party, when the other side is one."""
        if not self.has_hubs:
            return None
        if not self.hub_is_role:
            written = credentials.get("hub_party_id")
            return Owner(written[:2], written[2:]) if written else None
        roles = (role for role in credentials["roles"] if role["role"] == "HUB")
        return next((Owner(role["country_code"], role["party_id"]) for role in roles), None)


def decode_token(encoded: str) -> str | None:
    """The token in Base64; None when it is not."""
    try:
        # the standard's own example carries the newline of the shell that made it
        return base64.b64decode(encoded, validate=True).decode().removesuffix("\n")
    except (binascii.Error, UnicodeDecodeError):
        return None


def encode_token(token: str) -> str:
    """transport_and_format, Authorization header: Base64 of the UTF-8 octets."""
    return base64.b64encode(token.encode()).decode()


_PROFILES = {
    "SetChargingProfile": Kind(profiles_221.SetChargingProfile),
    "ChargingProfileResponse": Kind(profiles_221.ChargingProfileResponse),
    "ChargingProfileResult": Kind(profiles_221.ChargingProfileResult),
    "ClearProfileResult": Kind(profiles_221.ClearProfileResult),
    "ActiveChargingProfileResult": Kind(profiles_221.ActiveChargingProfileResult),
    "ActiveChargingProfile": Kind(profiles_221.ActiveChargingProfile),
}

V2_2_1 = Version(
    number="2.2.1",
    kinds={
        "Location": Kind(locations_221.Location, location_rules_221.location_rules),
        "EVSE": Kind(locations_221.EVSE, location_rules_221.evse_rules),
        "Connector": Kind(locations_221.Connector, location_rules_221.connector_rules),
        "Session": Kind(sessions_221.Session, billing_rules_221.session_rules),
        "CDR": Kind(cdrs_221.CDR, billing_rules_221.cdr_rules),
        "Tariff": Kind(tariffs_221.Tariff, tariff_rules_221.tariff_rules),
        "Token": Kind(tokens_221.Token),
        "Credentials": Kind(credentials_221.Credentials),
        "VersionDetails": Kind(credentials_221.VersionDetails),
        "Envelope": Kind(credentials_221.Envelope),
        "CommandResponse": Kind(tokens_221.CommandResponse),
        "CommandResult": Kind(tokens_221.CommandResult),
        "LocationReferences": Kind(tokens_221.LocationReferences),
        "ChargingPreferences": Kind(sessions_221.ChargingPreferences),
        "ClientInfo": Kind(clients_221.ClientInfo),
        **_PROFILES,
    },
    commands={
        "CANCEL_RESERVATION": tokens_221.CancelReservation,
        "RESERVE_NOW": tokens_221.ReserveNow,
        "START_SESSION": tokens_221.StartSession,
        "STOP_SESSION": tokens_221.StopSession,
        "UNLOCK_CONNECTOR": tokens_221.UnlockConnector,
    },
    token_types=locations_221.TOKEN_TYPES,
    session_facts=facts_221.session_facts,
    cdr_facts=facts_221.cdr_facts,
)

V2_3_0 = Version(
    number="2.3.0",
    kinds={
        **V2_2_1.kinds,
        "Location": Kind(locations_230.Location, rules_230.location_rules),
        "EVSE": Kind(locations_230.EVSE, rules_230.evse_rules),
        "Connector": Kind(locations_230.Connector, rules_230.connector_rules),
        "Session": Kind(billing_230.Session, rules_230.session_rules),
        "CDR": Kind(billing_230.CDR, rules_230.cdr_rules),
        "Tariff": Kind(tariffs_230.Tariff, rules_230.tariff_rules),
        "Token": Kind(tokens_230.Token),
        "Credentials": Kind(credentials_230.Credentials),
        "Terminal": Kind(payments_230.Terminal),
        "TerminalToActivate": Kind(payments_230.TerminalToActivate),
        "TerminalFields": Kind(payments_230.TerminalFields),
        "FinancialAdviceConfirmation": Kind(
            payments_230.FinancialAdviceConfirmation, rules_230.confirmation_rules
        ),
        "InvoiceReconciliationRecord": Kind(invoices_230.InvoiceReconciliationRecord),
    },
    commands={
        **V2_2_1.commands,
        "RESERVE_NOW": tokens_230.ReserveNow,
        "START_SESSION": tokens_230.StartSession,
    },
    token_types=tokens_230.TOKEN_TYPES,
    session_facts=facts_230.session_facts,
    cdr_facts=facts_230.cdr_facts,
    receives=(*RECEIVED, "invoicereconciliation"),
    sends=(*V2_2_1.sends, "invoicereconciliation"),
    hub_is_role=False,
)

V2_1_1 = Version(
    number="2.1.1",
    kinds={
        "Location": Kind(locations_211.Location, rules_211.location_rules),
        "EVSE": Kind(locations_211.EVSE, rules_211.evse_rules),
        "Connector": Kind(locations_211.Connector, rules_211.connector_rules),
        "Session": Kind(billing_211.Session, rules_211.session_rules),
        "CDR": Kind(billing_211.CDR, rules_211.cdr_rules),
        "Tariff": Kind(tariffs_211.Tariff, rules_211.tariff_rules),
        "Token": Kind(tokens_211.Token),
        "Credentials": Kind(credentials_211.Credentials),
        "VersionDetails": Kind(credentials_211.VersionDetails),
        "Envelope": Kind(credentials_211.Envelope),
        # "CommandResponse" is both the direct answer and the result
        "CommandResponse": Kind(tokens_211.CommandResponse),
        "CommandResult": Kind(tokens_211.CommandResponse),
        "LocationReferences": Kind(tokens_211.LocationReferences),
    },
    commands={
        "RESERVE_NOW": tokens_211.ReserveNow,
        "START_SESSION": tokens_211.StartSession,
        "STOP_SESSION": tokens_211.StopSession,
        "UNLOCK_CONNECTOR": tokens_211.UnlockConnector,
    },
    token_types=tokens_211.TOKEN_TYPES,
    session_facts=facts_211.session_facts,
    cdr_facts=facts_211.cdr_facts,
    sends=("tokens", "commands"),
    write_token=tokens_211.write_token,
    raw_token=True,
    has_roles=False,
    has_routing=False,
    has_owner=False,
    has_references=False,
    has_hubs=False,
    demands_last_updated=False,
    appends_periods=False,
    patches_tariffs=True,
    # no limits, no reservations, no currents: a price may differ for what cannot be said
    tariffs_tell_all=False,
    # its status_codes end at 2003
    unknown_token=2001,
    write_datetime=write_datetime,
    tick=timedelta(seconds=1),
)

VERSIONS = {version.number: version for version in (V2_3_0, V2_2_1, V2_1_1)}
"""Best first"""


def named(number: str) -> Version:
    """Raises ValueError."""
    if number not in VERSIONS:
        raise ValueError(f"version is one of {', '.join(VERSIONS)}")
    return VERSIONS[number]
