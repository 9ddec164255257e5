"""BasicAuthPassword (A01) and SetNetworkProfile (A05): what changes how a station logs in."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.credentials import (
    CredentialChange,
    OfferNetworkProfile,
    SetPassword,
    Verdict,
)
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status

_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "RebootRequired": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "UnknownComponent": CommandOutcome.NOT_SUPPORTED,
    "UnknownVariable": CommandOutcome.NOT_SUPPORTED,
    "NotSupportedAttributeType": CommandOutcome.NOT_SUPPORTED,
    "Failed": CommandOutcome.FAILED,
}
_VERDICTS: Mapping[str, Verdict] = {
    "Accepted": Verdict.ACCEPTED,
    "RebootRequired": Verdict.AFTER_REBOOT,
}


def set_password(command: SetPassword) -> Asked:
    """SetVariablesRequest; "sent as a UTF-8 encoded string (NOT encoded into octet string)"."""
    variable = {
        "attributeValue": command.password,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }
    return Asked("SetVariables", {"setVariableData": [variable]}, _password_reply)


def offer_network_profile(command: OfferNetworkProfile) -> Asked:
    """SetNetworkProfileRequest (B09); used after NetworkConfigurationPriority names the slot."""
    connection = {
        "ocppVersion": "OCPP20",  # 2.0.1's word for itself (TC_A_19_CSMS)
        "ocppTransport": "JSON",
        "ocppCsmsUrl": command.csms_url,
        "messageTimeout": command.timeout,
        "securityProfile": command.profile,
        "ocppInterface": command.interface,
    }
    payload = {"configurationSlot": command.slot, "connectionData": connection}
    return Asked("SetNetworkProfile", payload, by_status(_OUTCOMES))


def changes(action: str, payload: Payload) -> list[CredentialChange]:
    """What a message of ours, checked or not, changes of a station's credentials."""
    if action == "SetNetworkProfile":
        profile = _member(payload, "connectionData", "securityProfile")
        password = _member(payload, "connectionData", "basicAuthPassword")  # since 2.1
        found = [CredentialChange(profile=profile)] if isinstance(profile, int) else []
        if isinstance(password, str):
            found.append(CredentialChange(password=password.encode()))
        return found
    if action != "SetVariables":
        return []
    return [
        CredentialChange(password=one["attributeValue"].encode())
        for one in _passwords(payload.get("setVariableData"))
        if isinstance(one.get("attributeValue"), str)
    ]


def verdicts(payload: Payload, answer: Payload) -> list[Verdict]:
    """How each was taken: "if not Accepted" the old password lives (A01.FR.04)."""
    if "connectionData" in payload:
        # only once the slot is in use: until then the station logs in as before
        taken = answer.get("status") == "Accepted"
        return [Verdict.AFTER_REBOOT if taken else Verdict.REFUSED] * 2
    return [
        _VERDICTS.get(str(one.get("attributeStatus")), Verdict.REFUSED)
        for one in _passwords(answer.get("setVariableResult"))
    ]


def _password_reply(answer: Payload) -> CommandReply:
    status = str(answer["setVariableResult"][0].get("attributeStatus"))
    return CommandReply(_OUTCOMES.get(status, CommandOutcome.FAILED), status)


def _passwords(elements: Any) -> list[dict[str, Any]]:
    """The elements of a list that are about the password; names have no case."""
    if not isinstance(elements, list):
        return []
    return [
        one
        for one in elements
        if isinstance(one, dict)
        and str(_member(one, "component", "name")).casefold() == "securityctrlr"
        and str(_member(one, "variable", "name")).casefold() == "basicauthpassword"
    ]


def _member(of: dict[str, Any], name: str, inner: str) -> Any:
    found = of.get(name)
    return found.get(inner) if isinstance(found, dict) else None


BLOCK = Block(asks={SetPassword: set_password, OfferNetworkProfile: offer_network_profile})
