"""The periodic event streams of block N (N11 to N15).

A stream opens and closes by CALL; its values come by SEND, which nobody answers.
"""

from collections.abc import Mapping

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.handlers import keeping_all

KEPT: Mapping[str, Payload] = {
    "ClosePeriodicEventStream": {},
    "NotifyPeriodicEventStream": {},  # a SEND: this answer never leaves
    "OpenPeriodicEventStream": {"status": "Accepted"},
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return keeping_all(services.provisioning, KEPT)


BLOCK = Block(routes)
