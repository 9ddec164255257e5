"""What 2.1 adds to block K, Smart Charging."""

from collections.abc import Mapping

from gateway.domain.charging_profiles import UsePriorityCharging
from gateway.domain.commands import CommandOutcome
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status, keeping_all

KEPT: Mapping[str, Payload] = {
    "NotifyPriorityCharging": {},
    "PullDynamicScheduleUpdate": {"status": "Rejected"},  # no dynamic profile is kept here
}

# PriorityChargingStatusEnumType
PRIORITY_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NoProfile": CommandOutcome.REJECTED,  # it has no priority profile
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return keeping_all(services.provisioning, KEPT)


def use_priority_charging(command: UsePriorityCharging) -> Asked:
    """UsePriorityChargingRequest."""
    payload = {"transactionId": command.transaction_id, "activate": command.activate}
    return Asked("UsePriorityCharging", payload, by_status(PRIORITY_OUTCOMES))


BLOCK = Block(routes, {UsePriorityCharging: use_priority_charging})
