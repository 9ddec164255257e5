"""Domain commands in the words of OCPP 1.6."""

from gateway.domain.commands import Command, RemoteStart, RemoteStop
from gateway.ocpp.dialect import Payload
from gateway.ocpp.station import Asked, LinkedStation
from gateway.ocpp.v16.translate import MAX_ID_TAG, REMOTE_OUTCOMES


class Station(LinkedStation):
    """One live OCPP 1.6 charge point."""

    def ask(self, command: Command) -> Asked | None:
        """RemoteStartTransaction or RemoteStopTransaction."""
        match command:
            case RemoteStart():
                return _remote_start(command)
            case RemoteStop(transaction_id):
                if not transaction_id.isdecimal():
                    return None
                payload: Payload = {"transactionId": int(transaction_id)}
                return Asked("RemoteStopTransaction", payload, REMOTE_OUTCOMES)


def _remote_start(command: RemoteStart) -> Asked | None:
    if len(command.id_token) > MAX_ID_TAG:
        return None
    payload: Payload = {"idTag": command.id_token}
    if command.evse_id is not None:
        payload["connectorId"] = command.evse_id
    return Asked("RemoteStartTransaction", payload, REMOTE_OUTCOMES)


def triggers(action: str, payload: Payload) -> frozenset[str]:
    """What a call of ours entitles a charge point to send before its boot is accepted."""
    if action not in {"TriggerMessage", "ExtendedTriggerMessage"}:
        return frozenset()
    wanted = payload["requestedMessage"]
    return frozenset({"SignCertificate" if wanted == "SignChargePointCertificate" else wanted})
