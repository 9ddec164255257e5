"""Security events: what a charge point reports, and which of them are critical."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

# Appendix 1 of OCPP 2.0.1 part 2 with what 2.1 adds, and section 8 of the 1.6 white paper.
# True: critical, "SHALL also be pushed to the CSMS". Where the tables differ, the stricter counts.
STANDARD_EVENTS = {
    "FirmwareUpdated": True,
    "FailedToAuthenticateAtCsms": False,
    "FailedToAuthenticateAtCentralSystem": False,
    "CsmsFailedToAuthenticate": False,
    "CentralSystemFailedToAuthenticate": False,
    "SettingSystemTime": True,
    "StartupOfTheDevice": True,
    "ResetOrReboot": True,
    "SecurityLogWasCleared": True,
    "ReconfigurationOfSecurityParameters": False,
    "MemoryExhaustion": True,
    "InvalidMessages": False,
    "AttemptedReplayAttacks": False,
    "TamperDetectionActivated": True,
    "InvalidFirmwareSignature": True,  # critical since 2.1
    "InvalidFirmwareSigningCertificate": True,  # critical since 2.1
    "InvalidCsmsCertificate": True,
    "InvalidCentralSystemCertificate": True,
    "InvalidChargingStationCertificate": True,
    "InvalidChargePointCertificate": True,
    "DiscardedRenewedClientCertificate": True,
    "InvalidTLSVersion": True,
    "InvalidTLSCipherSuite": True,
    "MaintenanceLoginAccepted": True,
    "MaintenanceLoginFailed": True,
}


class OwnEvent(StrEnum):
    """What the gateway itself notes about a charge point, beside what it reports."""

    LOGIN_FAILED = "LoginFailed"
    CLIENT_CERTIFICATE_REFUSED = "ClientCertificateRefused"
    SECURITY_PROFILE_REFUSED = "SecurityProfileRefused"
    TLS_REFUSED = "TlsRefused"
    SIGNING_REQUEST_REFUSED = "SigningRequestRefused"
    CERTIFICATE_NOT_ISSUED = "CertificateNotIssued"
    CERTIFICATE_NOT_ACCEPTED = "CertificateNotAccepted"
    CERTIFICATE_EXPIRES = "CertificateExpires"


_CRITICAL_OWN = frozenset({OwnEvent.CERTIFICATE_NOT_ISSUED, OwnEvent.CERTIFICATE_NOT_ACCEPTED})


@dataclass(frozen=True, slots=True)
class SecurityEventReported:
    """SecurityEventNotification. Types that the station made up are allowed.

    `at` is by the station's own clock, None where that cannot be read.
    """

    type: str
    at: datetime | None
    info: str | None = None


def is_critical(type: str) -> bool:
    """Whether an operator should look at once; what no table names is not."""
    return STANDARD_EVENTS.get(type, type in _CRITICAL_OWN)
