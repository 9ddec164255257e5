"""Domain commands in the words of OCPP 2.0.1."""

from gateway.domain.commands import Command, RemoteStart, RemoteStop
from gateway.ocpp.dialect import Payload
from gateway.ocpp.station import Asked, LinkedStation
from gateway.ocpp.v201.translate import ID_TOKEN_TYPES, MAX_ID_TOKEN, REQUEST_OUTCOMES

_SIGNING = frozenset({"SignChargingStationCertificate", "SignV2GCertificate"})


class Station(LinkedStation):
    """One live OCPP 2.0.1 charging station."""

    def ask(self, command: Command) -> Asked | None:
        """RequestStartTransaction or RequestStopTransaction."""
        match command:
            case RemoteStart():
                return _request_start(command)
            case RemoteStop(transaction_id):
                payload: Payload = {"transactionId": transaction_id}
                return Asked("RequestStopTransaction", payload, REQUEST_OUTCOMES)


def _request_start(command: RemoteStart) -> Asked | None:
    if len(command.id_token) > MAX_ID_TOKEN:
        return None
    id_token = {"idToken": command.id_token, "type": ID_TOKEN_TYPES[command.token_type]}
    payload: Payload = {"remoteStartId": command.remote_start_id, "idToken": id_token}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return Asked("RequestStartTransaction", payload, REQUEST_OUTCOMES)


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
