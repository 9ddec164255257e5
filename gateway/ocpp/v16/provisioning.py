"""BootNotification, Heartbeat, GetConfiguration and ChangeConfiguration."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings, WriteSettings, folded
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import boot_answer, heartbeat, written
from gateway.ocpp.v16 import translate
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.station_state import StationState

MAX_KEY = 50
MAX_VALUE = 500


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


def get_configuration(command: ReadSettings) -> Asked | None:
    """GetConfiguration.req; without keys "the Charge Point SHALL return" all of them (5.8)."""
    if any(not 0 < len(name) <= MAX_KEY for name in command.names):
        return None
    payload: Payload = {"key": list(command.names)} if command.names else {}
    asked = {folded(name): name for name in command.names}
    return Asked("GetConfiguration", payload, partial(_configuration, asked))


def _configuration(asked: Mapping[str, str], answer: Payload) -> CommandReply:
    entries = answer.get("configurationKey") or []
    known = {asked.get(folded(entry["key"]), entry["key"]): entry for entry in entries}
    unknown = [asked.get(folded(name), name) for name in answer.get("unknownKey") or []]
    data = {
        "values": {name: _text(entry.get("value")) for name, entry in known.items()},
        "unknown": unknown,
        "readonly": [name for name, entry in known.items() if entry.get("readonly") is True],
        "refused": {},
    }
    return CommandReply(CommandOutcome.ACCEPTED, data=data)


def _text(value: Any) -> str:
    """A key that is not set has no value (7.22); some stations send numbers and booleans."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def change_configuration(command: WriteSettings) -> Asked | None:
    """ChangeConfiguration.req: one key a message."""
    if len(command.values) != 1:
        return None
    ((name, value),) = command.values.items()
    if not 0 < len(name) <= MAX_KEY or len(value) > MAX_VALUE:
        return None

    def read(answer: Payload) -> CommandReply:
        return written({name: str(answer["status"])})

    return Asked("ChangeConfiguration", {"key": name, "value": value}, read)


BLOCK = Block(routes, {ReadSettings: get_configuration, WriteSettings: change_configuration})
