"""Block F, Remote Control."""

from gateway.domain.commands import RemoteStart, RemoteStop
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201.translate import ID_TOKEN_TYPES, MAX_ID_TOKEN, REQUEST_OUTCOMES

_SIGNING = frozenset({"SignChargingStationCertificate", "SignV2GCertificate"})

_read = by_status(REQUEST_OUTCOMES)


def request_start(command: RemoteStart) -> Asked | None:
    """RequestStartTransactionRequest."""
    if len(command.id_token) > MAX_ID_TOKEN:
        return None
    id_token = {"idToken": command.id_token, "type": ID_TOKEN_TYPES[command.token_type]}
    payload: Payload = {"remoteStartId": command.remote_start_id, "idToken": id_token}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return Asked("RequestStartTransaction", payload, _read)


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
