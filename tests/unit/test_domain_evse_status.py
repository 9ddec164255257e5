"""The OCPI status of an EVSE."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.events import ConnectorState
from gateway.domain.evse_status import (
    STATUS_OF_CONNECTOR,
    ConnectorReport,
    EvseReports,
    EvseStatus,
    combine,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
S = ConnectorState

# What a driver who looks for a free socket must be told; written down a second time on purpose.
EXPECTED = {
    S.AVAILABLE: EvseStatus.AVAILABLE,
    S.PREPARING: EvseStatus.BLOCKED,
    S.CHARGING: EvseStatus.CHARGING,
    S.SUSPENDED_EV: EvseStatus.CHARGING,
    S.SUSPENDED_EVSE: EvseStatus.CHARGING,
    S.FINISHING: EvseStatus.BLOCKED,
    S.OCCUPIED: EvseStatus.BLOCKED,
    S.RESERVED: EvseStatus.RESERVED,
    S.UNAVAILABLE: EvseStatus.INOPERATIVE,
    S.FAULTED: EvseStatus.OUTOFORDER,
}


@pytest.mark.parametrize("state", list(ConnectorState))
def test_every_connector_state_has_a_status(state: ConnectorState) -> None:
    """ocpp-rules 14 and 21."""
    assert STATUS_OF_CONNECTOR[state] is EXPECTED[state]
    alone = combine([state], station=None, in_transaction=False, connected=True)
    assert alone is EXPECTED[state]


@pytest.mark.parametrize("state", list(ConnectorState))
@pytest.mark.parametrize("station", [None, *ConnectorState])
@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_unreachable_station_is_unknown_whatever_it_said(
    state: ConnectorState, station: ConnectorState | None, in_transaction: bool
) -> None:
    """OCPI Status: UNKNOWN "also used when offline"."""
    status = combine([state], station=station, in_transaction=in_transaction, connected=False)
    assert status is EvseStatus.UNKNOWN


@pytest.mark.parametrize("state", [s for s in ConnectorState if s is not S.FAULTED])
def test_a_transaction_means_charging_in_whatever_order_the_reports_come(
    state: ConnectorState,
) -> None:
    """ocpp-rules 21: StatusNotification and TransactionEvent together make the status."""
    status = combine([state], station=None, in_transaction=True, connected=True)
    assert status is EvseStatus.CHARGING


@pytest.mark.parametrize("state", list(ConnectorState))
def test_the_stations_fault_covers_every_evse(state: ConnectorState) -> None:
    """ocpp-rules 8."""
    status = combine([state], station=S.FAULTED, in_transaction=True, connected=True)
    assert status is EvseStatus.OUTOFORDER


def test_the_stations_unavailability_waits_for_the_transactions_end() -> None:
    charging = combine([S.CHARGING], station=S.UNAVAILABLE, in_transaction=True, connected=True)
    idle = combine([S.AVAILABLE], station=S.UNAVAILABLE, in_transaction=False, connected=True)
    assert (charging, idle) == (EvseStatus.CHARGING, EvseStatus.INOPERATIVE)


def test_the_stations_available_frees_no_connector() -> None:
    """ocpp-rules 8: its Available frees none by itself."""
    status = combine([S.FAULTED], station=S.AVAILABLE, in_transaction=False, connected=True)
    assert status is EvseStatus.OUTOFORDER


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([S.AVAILABLE, S.AVAILABLE], EvseStatus.AVAILABLE),
        ([S.AVAILABLE, S.OCCUPIED], EvseStatus.BLOCKED),
        ([S.AVAILABLE, S.FAULTED], EvseStatus.AVAILABLE),
        ([S.FAULTED, S.FAULTED], EvseStatus.OUTOFORDER),
        ([S.UNAVAILABLE, S.FAULTED], EvseStatus.INOPERATIVE),
        ([S.RESERVED, S.AVAILABLE], EvseStatus.RESERVED),
        ([S.CHARGING, S.FAULTED], EvseStatus.CHARGING),
    ],
)
def test_of_several_connectors_the_busiest_speaks(
    states: list[ConnectorState], expected: EvseStatus
) -> None:
    """OCPI Connector object: only one of an EVSE's connectors can be in use."""
    assert combine(states, station=None, in_transaction=False, connected=True) is expected


def test_nothing_reported_is_unknown() -> None:
    assert combine([], station=None, in_transaction=False, connected=True) is EvseStatus.UNKNOWN


def test_reports_take_only_what_is_new() -> None:
    reports = EvseReports()
    assert reports.take(1, ConnectorReport(S.AVAILABLE, T0))
    assert not reports.take(1, ConnectorReport(S.AVAILABLE, T0 + timedelta(minutes=1)))
    assert not reports.take(1, ConnectorReport(S.FAULTED, T0 - timedelta(minutes=1)))
    assert reports.take(1, ConnectorReport(S.FAULTED, T0, "GroundFailure"))
    assert reports.states() == [S.FAULTED]
