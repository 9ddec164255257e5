"""Block B, Provisioning."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.device_model import RequestBaseReport
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.handlers import boot_answer, heartbeat
from gateway.ocpp.v201 import reports, translate, variables
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.station_state import StationState


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {
        "BootNotification": partial(boot_notification, services.provisioning),
        "Heartbeat": partial(heartbeat, services.now),
        "NotifyReport": reports.reporting(services.reports, reports.notify_report),
    }


async def boot_notification(
    provisioning: Provisioning, state: StationState, payload: Payload
) -> Payload:
    """BootNotificationRequest."""
    return boot_answer(await provisioning.booted(state, translate.booted(payload)))


BLOCK = Block(routes, {**variables.ASKS, RequestBaseReport: reports.get_base_report})
