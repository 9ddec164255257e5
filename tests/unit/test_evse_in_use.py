"""Which open transactions count as using an EVSE."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.events import ConnectorState
from gateway.domain.evse_status import ConnectorReport, EvseReports
from gateway.domain.flags import SUPERSEDED
from gateway.domain.party import Party
from gateway.domain.tokens import AuthorizationStatus
from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Fence

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
LATER, EARLIER = T0 + timedelta(seconds=1), T0 - timedelta(seconds=1)
RUNNING = Transaction(
    identity="CP1",
    id="1",
    evse_id=1,
    started_at=T0,
    session_id="s",
    cdr_id="s",
    authorization=AuthorizationStatus.ACCEPTED,
)


def station(
    transaction: Transaction,
    connector: ConnectorState | None = None,
    at: datetime = T0,
    protocol: str = "ocpp1.6",
) -> StationState:
    record = ChargePointRecord("CP1", Party("NL", "GWY"), SecurityProfile.UNSECURED)
    state = StationState(record, Fence("CP1", 1), protocol, connected_at=T0, last_seen=T0)
    state.open[transaction.id] = RunningTransaction(transaction)
    if connector is not None:
        state.evses[1] = EvseReports({1: ConnectorReport(connector, at)})
    return state


@pytest.mark.parametrize("connector", list(ConnectorState))
def test_an_accepted_transaction_uses_its_evse_whatever_was_said_before_it(
    connector: ConnectorState,
) -> None:
    assert station(RUNNING, connector, EARLIER).in_use(1)
    assert station(RUNNING, connector, T0).in_use(1)


def test_a_transaction_uses_no_other_evse() -> None:
    assert not station(RUNNING).in_use(2)


@pytest.mark.parametrize("status", list(AuthorizationStatus)[1:])
def test_a_refused_transaction_uses_nothing(status: AuthorizationStatus) -> None:
    """Seen on the wire: StartTransaction with an invalid token, and never a stop (1.6)."""
    assert not station(replace(RUNNING, authorization=status)).in_use(1)


def test_a_transaction_that_waits_for_its_token_uses_the_evse() -> None:
    """ocpp-rules 22: cable first."""
    assert station(replace(RUNNING, authorization=None), protocol="ocpp2.0.1").in_use(1)


def test_a_connector_that_became_available_has_outlived_its_transaction() -> None:
    """OCPP 1.6 4.9: Available is for a new user; seen on the wire after a lost stop."""
    assert not station(RUNNING, ConnectorState.AVAILABLE, LATER).in_use(1)


def test_a_2x_transaction_may_begin_before_the_cable_is_in() -> None:
    state = station(RUNNING, ConnectorState.AVAILABLE, LATER, protocol="ocpp2.0.1")
    assert state.in_use(1)


def test_a_superseded_transaction_uses_nothing() -> None:
    assert not station(RUNNING.flagged(SUPERSEDED)).in_use(1)
