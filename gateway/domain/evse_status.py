"""The OCPI status of an EVSE, decided from everything its station has said.

The OCPP edges have already turned their version's words into `ConnectorState` and
`ChargingState`; this is the second hop. The reader of the result is a driver who looks for a
free socket, so the rule behind the table is: CHARGING exactly while a transaction runs, BLOCKED
while a car or cable is in the way of the next driver without one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.domain.events import ConnectorState


class EvseStatus(StrEnum):
    """OCPI Status (mod_locations 8.4.22 in 2.2.1)."""

    AVAILABLE = "AVAILABLE"
    BLOCKED = "BLOCKED"
    CHARGING = "CHARGING"
    INOPERATIVE = "INOPERATIVE"
    OUTOFORDER = "OUTOFORDER"
    PLANNED = "PLANNED"
    REMOVED = "REMOVED"
    RESERVED = "RESERVED"
    UNKNOWN = "UNKNOWN"


STATUS_OF_CONNECTOR: dict[ConnectorState, EvseStatus] = {
    # OCPI: "able to start a new charging session"; OCPP: "available for a new user".
    ConnectorState.AVAILABLE: EvseStatus.AVAILABLE,
    # OCPP 1.6: "no longer available for a new user but there is no ongoing transaction (yet)":
    # tag shown, cable in or bay occupied. A car stands there; nothing is being charged.
    ConnectorState.PREPARING: EvseStatus.BLOCKED,
    # Energy flows or may flow: OCPI "in use".
    ConnectorState.CHARGING: EvseStatus.CHARGING,
    # The EV does not take energy that is offered; the transaction, and so the use, goes on.
    ConnectorState.SUSPENDED_EV: EvseStatus.CHARGING,
    # The EVSE offers no energy (smart charging, power cut); the transaction goes on.
    ConnectorState.SUSPENDED_EVSE: EvseStatus.CHARGING,
    # The transaction is over but the cable or the car is still there: OCPI's physical barrier.
    ConnectorState.FINISHING: EvseStatus.BLOCKED,
    # OCPP 2.x: something is plugged in or parked. Whether it charges only the transaction says.
    ConnectorState.OCCUPIED: EvseStatus.BLOCKED,
    # The same word, for a particular driver.
    ConnectorState.RESERVED: EvseStatus.RESERVED,
    # Taken out of service by command or local control: not usable, "but not broken or defect".
    ConnectorState.UNAVAILABLE: EvseStatus.INOPERATIVE,
    # Reports an error and cannot charge: "some part/components may be broken/defect".
    ConnectorState.FAULTED: EvseStatus.OUTOFORDER,
}

# What a connector says only while a transaction runs.
_CHARGING = frozenset(
    state for state, status in STATUS_OF_CONNECTOR.items() if status is EvseStatus.CHARGING
)

# Of several connectors on one EVSE only one can be in use (OCPI Connector object), so the busiest
# one speaks for the EVSE; a broken connector takes the EVSE away only when none is left that works.
_PRECEDENCE: tuple[EvseStatus, ...] = (
    EvseStatus.CHARGING,
    EvseStatus.RESERVED,
    EvseStatus.BLOCKED,
    EvseStatus.AVAILABLE,
    EvseStatus.INOPERATIVE,
    EvseStatus.OUTOFORDER,
)

# What the station says of itself (connector or EVSE 0) and that covers every EVSE (rule 8).
_STATION_WIDE: dict[ConnectorState, EvseStatus] = {
    ConnectorState.UNAVAILABLE: EvseStatus.INOPERATIVE,
    ConnectorState.FAULTED: EvseStatus.OUTOFORDER,
}


def combine(
    connectors: Iterable[ConnectorState],
    *,
    station: ConnectorState | None,
    in_transaction: bool,
    connected: bool,
) -> EvseStatus:
    """Decide an EVSE's status.

    An unreachable station is UNKNOWN ("also used when offline"). A running transaction outweighs
    what the station says of itself as a whole (a scheduled Unavailable waits for its end), but a
    fault outweighs it: nothing charges on a broken station.
    """
    if not connected:
        return EvseStatus.UNKNOWN
    statuses = {STATUS_OF_CONNECTOR[state] for state in connectors}
    if station is ConnectorState.FAULTED or statuses == {EvseStatus.OUTOFORDER}:
        return EvseStatus.OUTOFORDER
    if in_transaction:
        return EvseStatus.CHARGING
    if station in _STATION_WIDE:
        return _STATION_WIDE[station]
    return next((status for status in _PRECEDENCE if status in statuses), EvseStatus.UNKNOWN)


@dataclass(slots=True)
class ConnectorReport:
    """The last thing said about one connector, and when it was true by the station's clock."""

    state: ConnectorState
    at: datetime
    error_code: str | None = None
    info: str | None = None


@dataclass(slots=True)
class EvseReports:
    """Everything a station has said about one of its EVSEs (0: the station itself)."""

    connectors: dict[int, ConnectorReport] = field(default_factory=dict)

    def take(self, connector_id: int, report: ConnectorReport) -> bool:
        """Note a report; False if nothing changed or it is older than what is known.

        After an outage stations replay old statuses: an old one never overwrites a newer one.
        """
        known = self.connectors.get(connector_id)
        if known is not None and (report.at < known.at or _same(known, report)):
            return False
        self.connectors[connector_id] = report
        return True

    def after_transaction(self, ended_at: datetime) -> "EvseReports | None":
        """The same with charging connectors Finishing: the transaction has ended, the cable may
        still be there. None if nothing changes; what was said after the end is newer.
        """
        stale = {
            connector_id: replace(report, state=ConnectorState.FINISHING)
            for connector_id, report in self.connectors.items()
            if report.state in _CHARGING and report.at <= ended_at
        }
        return EvseReports(self.connectors | stale) if stale else None

    def states(self) -> list[ConnectorState]:
        """The connectors' states, in no particular order."""
        return [report.state for report in self.connectors.values()]


def _same(known: ConnectorReport, report: ConnectorReport) -> bool:
    return (known.state, known.error_code, known.info) == (
        report.state,
        report.error_code,
        report.info,
    )
