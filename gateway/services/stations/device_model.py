"""Asks 2.x stations for their device model, and shows what any station says of itself.

The inventory is asked for when none is there of the station's firmware version; one that stays
incomplete is asked for again, but not at every reconnection. A 1.6 charge point has configuration
keys instead; they are read with its settings (`services.baseline`).
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import CommandOutcome
from gateway.domain.device_model import (
    Component,
    ReportBase,
    ReportedVariable,
    RequestBaseReport,
    components,
)
from gateway.domain.reports import Progress, inventory
from gateway.services.ports import Station
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.reports import Reports
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Store

log = structlog.get_logger(__name__)

KIND = "NotifyReport"
ASK_AGAIN = timedelta(hours=1)
TIMEOUT = 30.0
CONFIGURATION = "configuration"  # the stream in which 1.6's keys are kept


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """What is known of a 2.x station; `progress` tells how much of its report came."""

    progress: Progress
    components: list[Component]


class DeviceModels:
    """The device models of all stations."""

    def __init__(self, store: Store, reports: Reports, now: Callable[[], datetime]) -> None:
        self._store = store
        self._reports = reports
        self._now = now

    async def refresh(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """The routine: ask for an inventory, if there is need of one."""
        if state.protocol == OCPP_16:
            return
        fields = await self._store.party(state.party).stations.load(state.identity)
        firmware = (fields.get("boot") or {}).get("firmware_version") or ""
        known = inventory(await self._reports.listing(state.record))
        if not self._is_needed(known, firmware):
            return
        for base in (ReportBase.FULL, ReportBase.CONFIGURATION):
            outcome = await self._ask(state, station, base, firmware)
            if outcome is not CommandOutcome.NOT_SUPPORTED:
                return

    def _is_needed(self, known: Progress | None, firmware: str) -> bool:
        if known is None or known.inventory_of != firmware:
            return True
        return not known.complete and self._now() - known.begun_at > ASK_AGAIN

    async def _ask(
        self, state: StationState, station: Station, base: ReportBase, firmware: str
    ) -> CommandOutcome:
        request_id = 1 + secrets.randbelow(2**31 - 1)  # nobody else's of this station
        await self._reports.expect(state, KIND, request_id, inventory_of=firmware)
        reply = await station.execute(RequestBaseReport(request_id, base), TIMEOUT)
        log.info(
            "device model asked for",
            charge_point=state.identity,
            base=base.value,
            answer=reply.status or reply.outcome.value,
        )
        return reply.outcome

    async def get(self, record: ChargePointRecord) -> DeviceModel | None:
        """The newest complete device model of a 2.x station, else what there is of one."""
        known = inventory(await self._reports.listing(record))
        if known is None:
            return None
        report = await self._reports.get(record, known.request_id, KIND)
        items = report.items if report else []
        reported = [msgspec.convert(item, ReportedVariable) for item in items]
        return DeviceModel(known, components(reported))

    async def configuration(self, record: ChargePointRecord) -> dict[str, Any] | None:
        """The configuration keys of a 1.6 charge point as they were read last."""
        stations = self._store.party(record.party).stations
        for kept in await stations.kept(record.identity, CONFIGURATION, 1):
            found: dict[str, Any] = kept
            return found
        return None
