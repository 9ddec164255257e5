"""The handler of messages that change nothing here: kept for the operator, answered properly."""

from gateway.ocpp.charge_point_services import Provisioning
from gateway.ocpp.dialect import Handler, Payload
from gateway.services.station_state import StationState


def keeping(provisioning: Provisioning, action: str, answer: Payload) -> Handler:
    """Keep every message of this action; some stations exit when it is refused."""

    async def keep(state: StationState, payload: Payload) -> Payload:
        await provisioning.keep(state, action, payload)
        return answer

    return keep
