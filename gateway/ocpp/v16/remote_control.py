"""RemoteStartTransaction, RemoteStopTransaction, and what a TriggerMessage lets through."""

from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v16.smart_charging import charging_profile
from gateway.ocpp.v16.translate import MAX_ID_TAG, REMOTE_OUTCOMES

_read = by_status(REMOTE_OUTCOMES)


def remote_start(command: RemoteStart) -> Asked | None:
    """RemoteStartTransaction.req."""
    if len(command.id_token) > MAX_ID_TAG:
        return None
    payload: Payload = {"idTag": command.id_token}
    if command.evse_id is not None:
        payload["connectorId"] = command.evse_id
    if command.charging_profile is not None:
        payload["chargingProfile"] = charging_profile(command.charging_profile)
    return Asked("RemoteStartTransaction", payload, _read)


def remote_stop(command: RemoteStop) -> Asked | None:
    """RemoteStopTransaction.req; an id that is no integer is none of 1.6."""
    if not command.transaction_id.isdecimal():
        return None
    payload: Payload = {"transactionId": int(command.transaction_id)}
    return Asked("RemoteStopTransaction", payload, _read)


def triggers(action: str, payload: Payload) -> frozenset[str]:
    """What a call of ours entitles a charge point to send before its boot is accepted."""
    if action not in {"TriggerMessage", "ExtendedTriggerMessage"}:
        return frozenset()
    wanted = payload["requestedMessage"]
    return frozenset({"SignCertificate" if wanted == "SignChargePointCertificate" else wanted})


BLOCK = Block(asks={RemoteStart: remote_start, RemoteStop: remote_stop})
