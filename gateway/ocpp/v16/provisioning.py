"""BootNotification and Heartbeat."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.handlers import boot_answer, heartbeat
from gateway.ocpp.v16 import translate
from gateway.services.provisioning import Provisioning
from gateway.services.station_state import StationState


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {
        "BootNotification": partial(boot_notification, services.provisioning),
        "Heartbeat": partial(heartbeat, services.now),
    }


async def boot_notification(
    provisioning: Provisioning, state: StationState, payload: Payload
) -> Payload:
    """BootNotification.req."""
    return boot_answer(await provisioning.booted(state, translate.booted(payload)))


BLOCK = Block(routes)
