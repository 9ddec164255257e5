"""Block S, Battery Swapping."""

from collections.abc import Mapping

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.handlers import keeping_all

KEPT: Mapping[str, Payload] = {
    "BatterySwap": {},  # "The request cannot be rejected"
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return keeping_all(services.provisioning, KEPT)


BLOCK = Block(routes)
