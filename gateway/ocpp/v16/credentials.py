"""AuthorizationKey (A01) and SecurityProfile (A05): configuration keys that change how it logs in.

"OCPP messages SHALL NOT be used" to lower a profile (A00.FR.005), so only raising is said.
"""

from collections.abc import Mapping

from gateway.domain.commands import CommandOutcome
from gateway.domain.credentials import (
    CredentialChange,
    SetPassword,
    SetSecurityProfile,
    Verdict,
    as_authorization_key,
)
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status

_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "RebootRequired": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,
}
_VERDICTS: Mapping[str, Verdict] = {
    "Accepted": Verdict.ACCEPTED,
    "RebootRequired": Verdict.AFTER_REBOOT,
}


def _changed(key: str, value: str) -> Asked:
    return Asked("ChangeConfiguration", {"key": key, "value": value}, by_status(_OUTCOMES))


def set_password(command: SetPassword) -> Asked | None:
    """ChangeConfiguration.req: hexadecimal, 20 bytes at most (7.2); None for what is longer."""
    key = as_authorization_key(command.password)
    return None if key is None else _changed("AuthorizationKey", key)


def set_security_profile(command: SetSecurityProfile) -> Asked:
    """ChangeConfiguration.req for SecurityProfile (7.6)."""
    return _changed("SecurityProfile", str(command.profile))


def changes(action: str, payload: Payload) -> list[CredentialChange]:
    """What a message of ours, checked or not, changes of a station's credentials."""
    key, value = payload.get("key"), payload.get("value")
    if action != "ChangeConfiguration" or not isinstance(key, str) or not isinstance(value, str):
        return []
    if key.casefold() == "authorizationkey":  # keys are case-insensitive (CiString)
        return [CredentialChange(password=value.encode())]
    if key.casefold() == "securityprofile" and value.strip().isdecimal():
        return [CredentialChange(profile=int(value))]
    return []


def verdicts(_payload: Payload, answer: Payload) -> list[Verdict]:
    """How each was taken: A01.FR.03 and .04."""
    return [_VERDICTS.get(str(answer.get("status")), Verdict.REFUSED)]


BLOCK = Block(asks={SetPassword: set_password, SetSecurityProfile: set_security_profile})
