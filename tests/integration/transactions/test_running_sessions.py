"""What a running Session says of unusual stations, and what it costs the node to say it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain import flags
from gateway.domain.events import (
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef
from gateway.services.billing import billing
from gateway.services.stations.station_state import StationState
from gateway.store import StoreError, StoreUnavailable

T0 = from_text("2026-03-01T10:00:00Z")
CARD = TokenRef("DEADBEEF")
STARTED, UPDATED, ENDED = TransactionPhase


def reading(minutes: float, wh: int, kind: Measurand = Measurand.ENERGY_IMPORT_REGISTER) -> Reading:
    return Reading(T0 + timedelta(minutes=minutes), (Sample(kind, Decimal(wh)),))


async def begin(house: Any, state: StationState, wh: int = 0) -> str:
    event = TransactionStarted(1, CARD, T0, Decimal(wh))
    return str((await house.transactions.started(state, event)).transaction_id)


async def meter(house: Any, state: StationState, id_: str, *readings: Reading) -> None:
    for one in readings:
        await house.transactions.metered(state, MeterReported(1, (one,), id_))


async def stop(house: Any, state: StationState, id_: str, minutes: int, wh: int) -> None:
    event = TransactionStopped(id_, T0 + timedelta(minutes=minutes), Decimal(wh))
    await house.transactions.stopped(state, event)


def volumes(document: dict[str, Any], name: str) -> Decimal:
    return sum(
        (
            one["volume"]
            for period in document["charging_periods"]
            for one in period["dimensions"]
            if one["type"] == name
        ),
        Decimal(0),
    )


@pytest.fixture
def made_anew(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries a use was made anew of, each time."""
    counted: list[int] = []
    real = billing.make_anew

    async def make_anew(run: Any, in_turn: Any) -> None:
        counted.append(len(in_turn))
        await real(run, in_turn)

    monkeypatch.setattr(billing, "make_anew", make_anew)
    return counted


async def test_a_session_of_interval_values_goes_on_with_them(house: Any) -> None:
    """A station that sends what flowed between two readings, and never a register."""
    state = await house.station("ocpp1.6")
    id_ = await begin(house, state)
    interval = Measurand.ENERGY_IMPORT_INTERVAL
    await meter(house, state, id_, *(reading(at, 1500, interval) for at in (10, 20, 30)))
    session = await house.session(state.identity, id_)
    assert session["kwh"] == Decimal("4.5")
    assert volumes(session, "TIME") == Decimal("0.5")
    # 0.30 a kWh, 1.00 an hour
    assert session["total_cost"]["before_taxes"] == Decimal("1.85")


async def test_a_session_of_interval_values_is_closed_with_the_last_of_them(house: Any) -> None:
    state = await house.station("ocpp1.6")
    id_ = await begin(house, state)
    await meter(house, state, id_, reading(30, 1500, Measurand.ENERGY_IMPORT_INTERVAL))
    await house.transactions.close(state, id_)
    cdr = await house.cdr(state.identity, id_)
    assert (cdr["total_energy"], cdr["total_time"]) == (Decimal("1.5"), Decimal("0.5"))


async def test_what_cannot_be_priced_is_not_tried_at_every_word(
    house: Any, made_anew: list[int]
) -> None:
    """A clock that was never set: the year 1 is none that the tariff can be asked about."""
    house.billing.session_interval = 3600.0
    state = await house.station("ocpp1.6")
    event = TransactionStarted(1, CARD, from_text("1899-12-31T00:00:00Z"), Decimal(0))
    id_ = (await house.transactions.started(state, event)).transaction_id
    tried = len(made_anew)
    for minutes in range(1, 20):
        one = reading(minutes, 100)
        past = Reading(one.at.replace(year=1899), one.samples)
        await house.transactions.metered(state, MeterReported(1, (past,), id_))
    assert len(made_anew) - tried <= 1


async def test_a_backlog_out_of_turn_makes_its_use_anew_once_an_interval(
    house: Any, made_anew: list[int]
) -> None:
    house.billing.session_interval = 3600.0
    state = await house.station("ocpp2.0.1")
    begun = TransactionReported(STARTED, "tx", 0, T0, "Authorized", evse_id=1, token=CARD)
    await house.transactions.reported(state, begun)
    made_anew.clear()
    for number in range(40, 0, -1):
        at = T0 + timedelta(minutes=number)
        event = TransactionReported(UPDATED, "tx", number, at, "ChargingStateChanged")
        await house.transactions.reported(state, event)
    assert len(made_anew) <= 2


async def turn(house: Any, state: StationState, minutes: float, to: ConnectorState) -> None:
    event = ConnectorStatusReported(1, 1, to, T0 + timedelta(minutes=minutes))
    await house.status.reported(state, event)


async def test_an_end_that_waits_in_vain_leaves_its_session_as_it_was(house: Any) -> None:
    """A stop that was queued is waited for a moment, and then held: nothing about it is new."""
    state = await house.station("ocpp1.6")
    id_ = await begin(house, state)
    house.clock.pass_by(86_400)
    house.clock.follows = False
    await stop(house, state, id_, 60, 1_000_000)
    record = await house.record(state.identity, id_)
    assert record["due_at"] is not None
    before = await house.session(state.identity, id_)
    assert await house.wait_is_over() == 1
    record = await house.record(state.identity, id_)
    assert (record["due_at"], record["billed"]) == (None, False)
    assert await house.session(state.identity, id_) == before


async def test_a_session_that_lasts_until_next_year_costs_nothing_yet(house: Any) -> None:
    """R20: a clock that jumps ahead in mid-session; its meter itself is right."""
    state = await house.station("ocpp1.6")
    id_ = await begin(house, state)
    await meter(house, state, id_, reading(60, 2000))
    assert (await house.session(state.identity, id_))["total_cost"]["before_taxes"] > 0
    house.clock.follows = False
    await meter(house, state, id_, reading(60 * 24 * 300, 3000))
    session = await house.session(state.identity, id_)
    assert session["kwh"] == 3
    assert "total_cost" not in session
    run = state.open[id_]
    assert house.billing.sure_cost(run, house.billing.bill(run)) is None


async def test_a_cdr_is_not_written_over_when_the_outcome_of_its_commit_was_lost(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's hand ends a transaction, the store does, and nobody hears that it has."""
    state = await house.station("ocpp1.6")
    id_ = await begin(house, state)
    await meter(house, state, id_, reading(60, 2000))
    real = house.store.commit

    async def lost(change: Any) -> None:
        await real(change)
        raise StoreUnavailable("the connection was lost")

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "commit", lost)
        with pytest.raises(StoreUnavailable):
            await house.transactions.close(state, id_)
    sealed = await house.cdr(state.identity, id_)
    assert sealed["total_energy"] == 2
    with pytest.raises(StoreError):
        await stop(house, state, id_, 90, 3000)
    state = await house.connect(state.identity, "ocpp1.6")
    await stop(house, state, id_, 90, 3000)
    assert await house.cdr(state.identity, id_) == sealed
    assert (await house.record(state.identity, id_))["flags"][-1] == flags.LATE
