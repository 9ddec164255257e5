"""Monitors on variables (2.0.1 block N): Delta, thresholds and periodic ones, and their events."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import wire_time
from simulators.charge_point.library import Fields, Handler
from simulators.charge_point.v201_device_model import DeviceModel, name_of
from simulators.charge_point.v201_variables import Name

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

PERIODIC = "Periodic"
DELTA = "Delta"
UPPER, LOWER = "UpperThreshold", "LowerThreshold"
OFFERED = frozenset({PERIODIC, DELTA, UPPER, LOWER})
# GetMonitoringReport's MonitoringCriterionEnumType
CRITERIA = {
    "ThresholdMonitoring": frozenset({UPPER, LOWER}),
    "DeltaMonitoring": frozenset({DELTA}),
    "PeriodicMonitoring": frozenset({PERIODIC}),
}
MONITORS_PER_PART = 5


@dataclass
class Monitor:
    id: int
    type: str
    value: Decimal
    severity: int
    component: dict[str, Any]
    variable: dict[str, Any]
    transaction: bool
    reference: str
    """the value at the last event"""
    beyond: bool = False
    """a threshold that was passed and not returned from"""


class Monitors:
    def __init__(self, station: "SimulatedChargePoint", device_model: DeviceModel) -> None:
        self._station = station
        self._model = device_model
        self._monitors: dict[int, Monitor] = {}
        self._periodic: dict[int, asyncio.Task[None]] = {}
        self._next_id = 1
        self._next_event = 0
        self._level = 9
        """SetMonitoringLevel: events up to this severity number are told"""

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "ClearVariableMonitoring": self.clear_variable_monitoring,
            "GetMonitoringReport": self.get_monitoring_report,
            "SetMonitoringBase": self.set_monitoring_base,
            "SetMonitoringLevel": self.set_monitoring_level,
            "SetVariableMonitoring": self.set_variable_monitoring,
        }

    def set_variable_monitoring(
        self, set_monitoring_data: list[dict[str, Any]], **_: Any
    ) -> Fields:
        return {"set_monitoring_result": [self._set(asked) for asked in set_monitoring_data]}

    def clear_variable_monitoring(self, id: list[int], **_: Any) -> Fields:
        return {
            "clear_monitoring_result": [
                {"id": one, "status": "Accepted" if self._remove(one) else "NotFound"} for one in id
            ]
        }

    def set_monitoring_base(self, monitoring_base: str, **_: Any) -> Fields:
        """There are custom monitors only: any base but All is without them."""
        if monitoring_base != "All":
            for one in list(self._monitors):
                self._remove(one)
        return {"status": "Accepted"}

    def set_monitoring_level(self, severity: int, **_: Any) -> Fields:
        if not 0 <= severity <= 9:
            return {"status": "Rejected"}
        self._level = severity
        return {"status": "Accepted"}

    def get_monitoring_report(
        self,
        request_id: int,
        component_variable: list[dict[str, Any]] | None = None,
        monitoring_criteria: list[str] | None = None,
        **_: Any,
    ) -> Fields:
        kinds = {kind for one in monitoring_criteria or CRITERIA for kind in CRITERIA[one]}
        found = [
            monitor
            for monitor in self._monitors.values()
            if monitor.type in kinds and _asked_for(monitor, component_variable)
        ]
        if not found:
            return {"status": "EmptyResultSet"}
        self._station.soon(self._report(request_id, found))
        return {"status": "Accepted"}

    def observe(self) -> None:
        """Looks at every monitored variable and tells what has changed enough."""
        events = [event for monitor in self._monitors.values() for event in self._judge(monitor)]
        self._send(events)

    # -- inside

    def _set(self, asked: dict[str, Any]) -> Fields:
        status, id_ = self._accept(asked)
        return {
            "id": id_,
            "status": status,
            "type": asked["type"],
            "component": asked["component"],
            "variable": asked["variable"],
            "severity": asked["severity"],
        }

    def _accept(self, asked: dict[str, Any]) -> tuple[str, int | None]:
        status, variable = self._model.find(asked)
        if variable is None:
            return status, None
        kind, given = asked["type"], asked.get("id")
        value = variable.value() if variable.value else None
        if kind not in OFFERED or (kind in (UPPER, LOWER) and _number(value or "") is None):
            return "UnsupportedMonitorType", None
        if value is None or (given is not None and given not in self._monitors):
            return "Rejected", None
        if any(self._same(asked, other) for other in self._monitors.values() if other.id != given):
            return "Duplicate", None
        self._put(asked, value, self._take_id() if given is None else given)
        return "Accepted", given if given is not None else self._next_id - 1

    def _put(self, asked: dict[str, Any], value: str, id_: int) -> None:
        self._remove(id_)
        monitor = Monitor(
            id=id_,
            type=asked["type"],
            value=Decimal(str(asked["value"])),
            severity=asked["severity"],
            component=asked["component"],
            variable=asked["variable"],
            transaction=asked.get("transaction", False),
            reference=value,
        )
        self._monitors[id_] = monitor
        if monitor.type == PERIODIC:
            self._periodic[id_] = self._station.soon(self._repeat(monitor))

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _remove(self, id_: int) -> bool:
        if id_ in self._periodic:
            self._periodic.pop(id_).cancel()
        return self._monitors.pop(id_, None) is not None

    def _same(self, asked: dict[str, Any], other: Monitor) -> bool:
        return (other.type, other.severity, _name(other)) == (
            asked["type"],
            asked["severity"],
            name_of(asked),
        )

    def _judge(self, monitor: Monitor) -> Iterator[Fields]:
        value = self._model.value(_name(monitor))
        if value is None or monitor.type == PERIODIC:
            return
        if monitor.type == DELTA:
            if _moved(monitor.reference, value, monitor.value):
                monitor.reference = value
                yield self._event(monitor, value, "Delta")
            return
        number = _number(value)
        if number is None:
            return
        above = monitor.type == UPPER
        beyond = number > monitor.value if above else number < monitor.value
        if beyond != monitor.beyond:
            monitor.beyond = beyond
            yield self._event(monitor, value, "Alerting", cleared=not beyond)

    def _event(
        self, monitor: Monitor, value: str, trigger: str, *, cleared: bool = False
    ) -> Fields:
        self._next_event += 1
        return {
            "event_id": self._next_event,
            "timestamp": wire_time(self._station.timestamps.take()),
            "trigger": trigger,
            "actual_value": value,
            "cleared": True if cleared else None,
            "event_notification_type": "CustomMonitor",
            "component": monitor.component,
            "variable": monitor.variable,
            "variable_monitoring_id": monitor.id,
            "severity": self._severity(monitor),
        }

    def _severity(self, monitor: Monitor) -> int | None:
        """EventDataType carries it since 2.1."""
        return monitor.severity if self._station.version == "2.1" else None

    async def _repeat(self, monitor: Monitor) -> None:
        while True:
            await self._station.clock.sleep(max(1.0, float(monitor.value)))
            value = self._model.value(_name(monitor))
            if value is not None:
                self._send([self._event(monitor, value, "Periodic")])

    def _send(self, events: list[Fields]) -> None:
        told = [event for event in events if self._is_told(event)]
        if not told:
            return
        fields = {
            "generated_at": wire_time(self._station.timestamps.take()),
            "seq_no": 0,
            "event_data": told,
        }
        self._station.soon(self._say(fields))

    def _is_told(self, event: Fields) -> bool:
        return self._monitors[event["variable_monitoring_id"]].severity <= self._level

    async def _say(self, fields: Fields) -> None:
        await self._station.say(("NotifyEvent", fields))

    async def _report(self, request_id: int, found: list[Monitor]) -> None:
        for at in range(0, len(found), MONITORS_PER_PART):
            part = found[at : at + MONITORS_PER_PART]
            fields = {
                "request_id": request_id,
                "seq_no": at // MONITORS_PER_PART,
                "generated_at": wire_time(self._station.timestamps.take()),
                "monitor": [self._reported(monitor) for monitor in part],
                "tbc": at + MONITORS_PER_PART < len(found),
            }
            await self._station.say(("NotifyMonitoringReport", fields))

    def _reported(self, monitor: Monitor) -> Fields:
        told: Fields = {
            "id": monitor.id,
            "transaction": monitor.transaction,
            "value": float(monitor.value),
            "type": monitor.type,
            "severity": monitor.severity,
        }
        if self._station.version == "2.1":
            told["event_notification_type"] = "CustomMonitor"
        return {
            "component": monitor.component,
            "variable": monitor.variable,
            "variable_monitoring": [told],
        }


def _name(monitor: Monitor) -> Name:
    return name_of({"component": monitor.component, "variable": monitor.variable})


def _asked_for(monitor: Monitor, asked: list[dict[str, Any]] | None) -> bool:
    if not asked:
        return True
    return any(
        one["component"]["name"].casefold() == monitor.component["name"].casefold()
        and one.get("variable", monitor.variable)["name"].casefold()
        == monitor.variable["name"].casefold()
        for one in asked
    )


def _moved(before: str, now: str, delta: Decimal) -> bool:
    """Numbers by at least `delta`; anything else by any change."""
    old, new = _number(before), _number(now)
    if old is None or new is None:
        return before != now
    return old != new and abs(new - old) >= delta


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None
