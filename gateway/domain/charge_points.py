"""Charge points as the operator registers them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from gateway.domain.boot import BootPolicy
from gateway.domain.party import Party


class SecurityProfile(IntEnum):
    """OCPP security profiles (security white paper 2, OCPP 2.0.1 A00)."""

    UNSECURED = 0
    BASIC_AUTH = 1
    TLS_BASIC_AUTH = 2
    TLS_CLIENT_CERTIFICATE = 3


@dataclass(frozen=True, slots=True)
class PendingPassword:
    """A new password that the station was sent and has not settled yet, as a hash.

    `after_reboot`: the station said that it will use it after its next reboot, so a login with
    the old one proves nothing.
    """

    hash: str = field(repr=False)
    after_reboot: bool = False


@dataclass(frozen=True, slots=True)
class ChargePointRecord:
    """What the operator has said about one charge point, and what it was sent since.

    `password_hash` is a salted scrypt hash in text form. `provision` False: nothing is sent to
    the charger on our own initiative. `serial_number` is what its client certificate must name
    (A00.FR.405). `next_profile` is accepted beside `security_profile` until the first login with
    it; `profile_floor` is what such a login has reached (A05.FR.09). `heartbeat_interval` is in
    seconds, None for the gateway's own.
    """

    identity: str
    party: Party
    security_profile: SecurityProfile
    password_hash: str | None = field(default=None, repr=False)
    enabled: bool = True
    quirks: frozenset[str] = frozenset()
    provision: bool = True
    created_at: datetime | None = None
    serial_number: str | None = None
    pending_passwords: tuple[PendingPassword, ...] = ()
    next_profile: SecurityProfile | None = None
    profile_floor: SecurityProfile | None = None
    allow_security_profile_downgrade: bool = False
    allow_expired_certificate: bool = False
    allow_legacy_tls: bool = False
    boot: BootPolicy = BootPolicy.ACCEPT
    heartbeat_interval: int | None = None

    @property
    def certificate_name(self) -> str:
        """The common name that a client certificate of this charge point has."""
        return self.serial_number or self.identity


@dataclass(frozen=True, slots=True)
class PresentedCertificate:
    """A client certificate that was found to be this charge point's own, if maybe expired."""

    common_name: str
    expires_at: datetime
    expired: bool = False


@dataclass(frozen=True, slots=True)
class EvseBinding:
    """Which OCPI EVSE a station's EVSE is (from the operator's location documents)."""

    location_id: str
    evse_uid: str
