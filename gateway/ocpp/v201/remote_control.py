"""Block F, Remote Control."""

from dataclasses import replace

from gateway.domain.commands import CommandReply
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201.smart_charging import charging_profile
from gateway.ocpp.v201.translate import ID_TOKEN_TYPES, MAX_ID_TOKEN, REQUEST_OUTCOMES

# Of 2.1 too; all of them make the station send SignCertificate.
_SIGNING = frozenset(
    {
        "SignChargingStationCertificate",
        "SignCombinedCertificate",
        "SignV2GCertificate",
        "SignV2G20Certificate",
    }
)

_read = by_status(REQUEST_OUTCOMES)


def _read_start(answer: Payload) -> CommandReply:
    """With the id of the transaction, if the station has begun it already (ocpp-rules 26)."""
    reply = _read(answer)
    transaction_id = answer.get("transactionId")
    return reply if not transaction_id else replace(reply, data={"transaction_id": transaction_id})


def request_start(command: RemoteStart) -> Asked | None:
    """RequestStartTransactionRequest."""
    if len(command.id_token) > MAX_ID_TOKEN:
        return None
    id_token = {"idToken": command.id_token, "type": ID_TOKEN_TYPES[command.token_type]}
    payload: Payload = {"remoteStartId": command.remote_start_id, "idToken": id_token}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    if command.charging_profile is not None:
        payload["chargingProfile"] = charging_profile(command.charging_profile)
    return Asked("RequestStartTransaction", payload, _read_start)


def request_stop(command: RemoteStop) -> Asked:
    """RequestStopTransactionRequest."""
    return Asked("RequestStopTransaction", {"transactionId": command.transaction_id}, _read)


def triggers(action: str, payload: Payload) -> frozenset[str]:
    """What a call of ours entitles a station to send while its boot is pending (B02)."""
    match action:
        case "GetBaseReport" | "GetReport":
            return frozenset({"NotifyReport"})
        case "TriggerMessage":
            wanted = payload["requestedMessage"]
            return frozenset({"SignCertificate" if wanted in _SIGNING else wanted})
        case _:
            return frozenset()


BLOCK = Block(asks={RemoteStart: request_start, RemoteStop: request_stop})
