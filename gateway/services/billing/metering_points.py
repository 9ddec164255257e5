"""What is known of the meter behind an EVSE, by the operator's word, else by its station's.

The operator's word is in the EVSE's `charge_point`. A 1.6 charge point tells the serial number of
its main meter when it boots, and its meters' keys among its configuration; a 2.x station has both
in its device model.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.device_model import ReportedVariable
from gateway.domain.metering.point import (
    FiscalMeter,
    MeteringPoint,
    configured_keys,
    fiscal_meters,
    meter_id,
    of_evse,
)
from gateway.domain.reports import Progress, inventory
from gateway.services.stations.device_model import CONFIGURATION, KIND
from gateway.services.stations.reports import Reports
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Store

_REMEMBERED = 10_000  # stations whose device models need not be read again

_Meters = dict[int, FiscalMeter]


class MeteringPoints:
    """Finds out what CDRs say of meters."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._reports = Reports(store, now)
        self._modelled: OrderedDict[str, tuple[Progress, _Meters]] = OrderedDict()

    async def find(self, state: StationState, evse_id: int, point: MeteringPoint) -> MeteringPoint:
        """The meter of an EVSE; `point` is what the operator has said of it."""
        if point.meter_id is not None:
            return point
        if state.protocol == OCPP_16:
            serial = (await self.boot(state)).get("meter_serial_number")
        else:
            serial = of_evse(await self._reported(state), evse_id).serial_number
        return replace(point, meter_id=meter_id(serial))

    async def public_key(self, state: StationState, evse_id: int) -> str | None:
        """The key of an EVSE's meter as its station tells it."""
        told = self._configured if state.protocol == OCPP_16 else self._reported
        return of_evse(await told(state), evse_id).public_key

    async def boot(self, state: StationState) -> dict[str, Any]:
        """What the station said of itself when it booted last."""
        stations = self._store.party(state.party).stations
        return await stations.get(state.identity, "boot") or {}

    async def _configured(self, state: StationState) -> _Meters:
        stations = self._store.party(state.party).stations
        for kept in await stations.kept(state.identity, CONFIGURATION, 1):
            return configured_keys(kept["keys"])
        return {}

    async def _reported(self, state: StationState) -> _Meters:
        """From the device model, which is large: read once per report."""
        progress = inventory(await self._reports.listing(state.record))
        if progress is None:
            return {}
        known = self._modelled.get(state.identity)
        if known is not None and known[0] == progress:
            return known[1]
        report = await self._reports.get(state.record, progress.request_id, KIND)
        items = report.items if report is not None else []
        meters = fiscal_meters(msgspec.convert(item, ReportedVariable) for item in items)
        self._modelled[state.identity] = progress, meters
        self._modelled.move_to_end(state.identity)
        if len(self._modelled) > _REMEMBERED:
            self._modelled.popitem(last=False)
        return meters
