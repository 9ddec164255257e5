"""StatusNotification."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v16 import translate
from gateway.services.station_state import StationState
from gateway.services.status import StatusService


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {"StatusNotification": partial(status_notification, services.status)}


async def status_notification(
    status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """StatusNotification.req."""
    await status.reported(state, translate.status(payload))
    return {}


BLOCK = Block(routes)
