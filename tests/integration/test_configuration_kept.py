"""The configuration keys of a 1.6 charge point as they are shown after its settings were set."""

from datetime import UTC, datetime
from typing import Any

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings, WriteSettings
from gateway.domain.party import Party
from gateway.services.stations.baseline import BaselineService
from gateway.services.stations.device_model import DeviceModels
from gateway.services.stations.reports import Reports
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
RECORD = ChargePointRecord("CP1", Party("NL", "GWY"), SecurityProfile.UNSECURED)
WORDS = {"MeterValueSampleInterval": "Accepted", "ConnectionTimeOut": "Rejected"}


class KeyStation:
    """Has two of the keys, in a case of its own, and takes one of them."""

    protocol = "ocpp1.6"

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        match command:
            case ReadSettings(()):
                values = {"meterValueSampleInterval": "900", "ConnectionTimeOut": "30"}
                data: dict[str, Any] = {"values": values, "unknown": [], "readonly": []}
                return CommandReply(CommandOutcome.ACCEPTED, data=data | {"refused": {}})
            case WriteSettings(values):
                results = {name: WORDS[name] for name in values}
                return CommandReply(CommandOutcome.ACCEPTED, data={"results": results})
        return CommandReply(CommandOutcome.NOT_SUPPORTED)

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def close(self, reason: str) -> None:
        raise NotImplementedError


async def test_a_key_that_was_set_is_shown_with_its_new_value(store: Store) -> None:
    await store.charge_points.put(RECORD)
    router = StationRouter(store, "node-1")
    epoch, _ = await store.party(RECORD.party).stations.connect(
        "CP1", node_id="node-1", protocol="ocpp1.6", remote="-", at=T0
    )
    router.attach(StationState(RECORD, Fence("CP1", epoch), "ocpp1.6", T0, T0), KeyStation())
    await BaselineService(store, router, lambda: T0).apply(RECORD)
    models = DeviceModels(store, Reports(store, lambda: T0), lambda: T0)
    shown = await models.configuration(RECORD)
    assert shown is not None
    assert {one["key"]: one["value"] for one in shown["keys"]} == {
        "meterValueSampleInterval": "60",
        "ConnectionTimeOut": "30",
    }
