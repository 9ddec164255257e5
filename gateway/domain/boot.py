"""How a station's BootNotification is answered."""

from enum import StrEnum


class RegistrationStatus(StrEnum):
    """RegistrationStatus (1.6) and RegistrationStatusEnumType (2.x)."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootPolicy(StrEnum):
    """What the operator wants of one charge point's boots."""

    ACCEPT = "accept"  # at once
    PREPARE = "prepare"  # Pending until its settings were read and set
    PENDING = "pending"  # Pending until the operator says otherwise
    REJECT = "reject"


def answer(policy: BootPolicy, *, provision: bool, prepared: bool) -> RegistrationStatus:
    """The answer to a boot; `prepared`: the settings were seen to since the boot before.

    Where nothing is sent on our own initiative there is nothing to wait for.
    """
    match policy:
        case BootPolicy.REJECT:
            return RegistrationStatus.REJECTED
        case BootPolicy.PENDING:
            return RegistrationStatus.PENDING
        case BootPolicy.PREPARE if provision and not prepared:
            return RegistrationStatus.PENDING
        case _:
            return RegistrationStatus.ACCEPTED
