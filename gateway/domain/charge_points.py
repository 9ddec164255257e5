"""Charge points as the operator registers them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from gateway.domain.party import Party


class SecurityProfile(IntEnum):
    """OCPP security profiles (security white paper 2, OCPP 2.0.1 A00)."""

    UNSECURED = 0
    BASIC_AUTH = 1
    TLS_BASIC_AUTH = 2
    TLS_CLIENT_CERTIFICATE = 3


@dataclass(frozen=True, slots=True)
class ChargePointRecord:
    """What the operator has said about one charge point.

    `password_hash` is a salted scrypt hash in text form. `provision` False: nothing is sent to
    the charger on our own initiative.
    """

    identity: str
    party: Party
    security_profile: SecurityProfile
    password_hash: str | None = field(default=None, repr=False)
    enabled: bool = True
    quirks: frozenset[str] = frozenset()
    provision: bool = True
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EvseBinding:
    """Which OCPI EVSE a station's EVSE is (from the operator's location documents)."""

    location_id: str
    evse_uid: str
