"""How a charge point's credentials change: passwords (A01) and security profiles (A05).

Pure: each function takes a record and returns the one that follows. A change is entered before
it is sent, so that a crash between sending and the answer leaves both the old and the new valid;
the answer, or else the first login with either, settles it.
"""

import re
from dataclasses import dataclass, field, replace
from enum import Enum

from gateway.domain.charge_points import ChargePointRecord, PendingPassword, SecurityProfile
from gateway.domain.commands import Command

SHORTEST_PASSWORD, LONGEST_PASSWORD = 16, 40  # 2.0.1 A00.FR.205; as text, for 1.6 too
MOST_PENDING = 4
"""Unsettled passwords of one charge point; who sends yet another waits for one to be settled."""

# 16 to 20 bytes in hexadecimal, as an AuthorizationKey is written (1.6 A00.FR.205).
_HEX_KEY = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
_MOST_KEY_BYTES = 20


@dataclass(frozen=True, slots=True)
class SetPassword(Command):
    """Give a station a new password for HTTP Basic authentication."""

    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetSecurityProfile(Command):
    """Have a station use a higher profile from its next connection on; 1.6 only."""

    profile: int


@dataclass(frozen=True, slots=True)
class OfferNetworkProfile(Command):
    """Put a way to connect into a station's slot; 2.x only. `timeout` is in seconds."""

    slot: int
    profile: int
    csms_url: str
    interface: str
    timeout: int


@dataclass(frozen=True, slots=True)
class CredentialChange:
    """What a message of ours changes at a station: one of the two."""

    password: bytes | None = field(default=None, repr=False)
    profile: int | None = None


class Verdict(Enum):
    """How a station took a change."""

    ACCEPTED = "accepted"
    AFTER_REBOOT = "after reboot"
    REFUSED = "refused"


def canonical(password: bytes) -> bytes:
    """The bytes that a password means, however it is written.

    A key of 16 to 20 bytes is set as hex digits, and sent raw by most 1.6 stations and as the
    digits by others (security-and-faults 5).
    """
    return bytes.fromhex(password.decode()) if _HEX_KEY.fullmatch(password) else password


def as_authorization_key(password: str) -> str | None:
    """A password as the 1.6 configuration key has it; None when its 20 bytes cannot hold it."""
    raw = password.encode()
    if _HEX_KEY.fullmatch(raw):
        return password
    return raw.hex() if SHORTEST_PASSWORD <= len(raw) <= _MOST_KEY_BYTES else None


# --- passwords (A01) ---


def password_sent(record: ChargePointRecord, hash: str) -> ChargePointRecord:
    """A password is about to be sent: from now on it is as good as the old one."""
    return replace(record, pending_passwords=(*record.pending_passwords, PendingPassword(hash)))


def is_valid(record: ChargePointRecord, hash: str) -> bool:
    """Whether a login with this password would be let in now."""
    return hash == record.password_hash or any(one.hash == hash for one in record.pending_passwords)


def password_answered(record: ChargePointRecord, hash: str, verdict: Verdict) -> ChargePointRecord:
    """Accepted: no longer accept the old one (A01.FR.03). Anything else: keep it (A01.FR.04).

    One that was sent after the accepted one is still on its way, and stays.
    """
    if verdict is Verdict.ACCEPTED:
        pending = record.pending_passwords
        places = [place for place, one in enumerate(pending) if one.hash == hash]
        later = pending[places[0] + 1 :] if places else pending
        on_their_way = tuple(one for one in later if not one.after_reboot)
        return replace(record, password_hash=hash, pending_passwords=on_their_way)
    others = tuple(one for one in record.pending_passwords if one.hash != hash)
    if verdict is Verdict.AFTER_REBOOT:
        others = (*others, PendingPassword(hash, after_reboot=True))
    return replace(record, pending_passwords=others)


def password_used(record: ChargePointRecord, hash: str) -> ChargePointRecord:
    """A login with this one of the valid passwords settles what was open."""
    if hash != record.password_hash:
        return replace(record, password_hash=hash, pending_passwords=())
    awaited = tuple(one for one in record.pending_passwords if one.after_reboot)
    return replace(record, pending_passwords=awaited)


# --- security profiles (A05) ---


def may_become(record: ChargePointRecord, profile: SecurityProfile) -> bool:
    """Whether a station may be told over OCPP to use this profile.

    Only a higher one (A00.FR.005, A05.FR.01), or 2 after 3 where the operator allows it; "it is
    not allowed to revert from profile 2 or profile 3 to security profile 1 using OCPP" (2.1).
    """
    if profile > record.security_profile:
        return True
    return _falls_back(record, profile)


def accepted_profiles(record: ChargePointRecord) -> frozenset[SecurityProfile]:
    """With which profiles it may connect now."""
    accepted = {record.security_profile}
    if record.next_profile is not None:
        accepted.add(record.next_profile)
    if _falls_back(record, SecurityProfile.TLS_BASIC_AUTH):
        accepted.add(SecurityProfile.TLS_BASIC_AUTH)
    return frozenset(accepted)


def profile_sent(record: ChargePointRecord, profile: SecurityProfile) -> ChargePointRecord:
    """The station is about to be told: both profiles are accepted until it has used the new."""
    return replace(record, next_profile=profile)


def profile_answered(
    record: ChargePointRecord, profile: SecurityProfile, verdict: Verdict
) -> ChargePointRecord:
    """The station refused, and stays as it is; or it will come with the new one."""
    if verdict is Verdict.REFUSED and record.next_profile is profile:
        return replace(record, next_profile=None)
    return record


def profile_used(record: ChargePointRecord, profile: SecurityProfile) -> ChargePointRecord:
    """A login with the profile it was told ends the old one for good (A05.FR.09)."""
    if profile is not record.next_profile:
        return record
    return replace(record, security_profile=profile, profile_floor=profile, next_profile=None)


def _falls_back(record: ChargePointRecord, profile: SecurityProfile) -> bool:
    return (
        record.allow_security_profile_downgrade
        and record.security_profile is SecurityProfile.TLS_CLIENT_CERTIFICATE
        and profile is SecurityProfile.TLS_BASIC_AUTH
    )
