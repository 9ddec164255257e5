"""A correction gives a bill for just what the operator says, whatever the station had said."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.domain.bills.decisions import Act, Correction, Decision, Measured
from gateway.domain.bills.sessions import Site
from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, Dimension
from gateway.domain.tariffs import parse_tariff
from gateway.domain.transactions import Transaction, TransactionState
from gateway.services.billing.running_use import make_anew
from gateway.services.stations.station_state import RunningTransaction
from gateway.services.transaction_log import Entry, Switched
from gateway.services.transactions.corrections import corrected

T0 = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TARIFF = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": Decimal("0.5"), "step_size": 1}],
            "restrictions": {"max_kwh": 5},
        },
        {
            "price_components": [
                {"type": "ENERGY", "price": Decimal("0.3"), "step_size": 1},
                {"type": "PARKING_TIME", "price": 2, "step_size": 60},
            ]
        },
    ],
}
CONNECTOR = {"id": "1", "max_voltage": 230, "max_amperage": 16, "power_type": "AC_3_PHASE"}
SITE = Site(
    Party("NL", "GWY"),
    {"id": "LOC1", "time_zone": "Europe/Amsterdam", "evses": [{"connectors": [CONNECTOR]}]},
    TARIFF,
    "EUR",
)

minutes = some.integers(-30, 150)
registers = some.integers(0, 30_000)


@some.composite
def entries(draw: some.DrawFn) -> Entry:
    at = T0 + timedelta(minutes=draw(minutes))
    if draw(some.booleans()):
        return Switched(at, draw(some.sampled_from(ChargingState)))
    measurand = draw(
        some.sampled_from([Measurand.ENERGY_IMPORT_REGISTER, Measurand.ENERGY_IMPORT_INTERVAL])
    )
    return Reading(at, (Sample(measurand, Decimal(draw(registers))),))


def ended(meter_start_wh: int | None) -> Transaction:
    """Sixty minutes of 1.6, of which nothing is believed."""
    return Transaction(
        identity="CP1",
        id="1",
        evse_id=1,
        started_at=T0,
        session_id="S1",
        cdr_id="S1",
        state=TransactionState.ENDED,
        stopped_at=T0 + timedelta(hours=1),
        meter_start_wh=None if meter_start_wh is None else Decimal(meter_start_wh),
        energy=EnergyMeter(Decimal(0), Decimal(1000), T0 + timedelta(hours=1)),
        decisions=(Decision(Act.CORRECTED, T0),),
    )


def bill(transaction: Transaction, said: list[Entry]) -> Bill:
    run = RunningTransaction(transaction, SITE, parse_tariff(TARIFF))
    asyncio.run(make_anew(run, sorted(said, key=lambda one: one.at)))
    found = total(run)
    if found is None:
        asyncio.run(make_anew(run, ()))
        found = total(run)
    assert found is not None
    return found


def total(run: RunningTransaction) -> Bill | None:
    transaction = run.transaction
    assert run.use is not None
    return run.use.bill(transaction.latest_at, transaction.energy.delivered_wh)


@given(
    some.lists(entries(), max_size=12),
    some.none() | registers,
    some.integers(0, 40_000),
    minutes,
    some.integers(0, 120),
)
def test_energy_and_time_are_just_what_the_operator_says(
    said: list[Entry], meter_start_wh: int | None, energy_wh: int, start: int, length: int
) -> None:
    begin = T0 + timedelta(minutes=start)
    now = Measured(begin, begin + timedelta(minutes=length), Decimal(energy_wh))
    found = bill(corrected(ended(meter_start_wh), now), said)
    assert found.priced
    assert found.total_energy == Decimal(energy_wh) / 1000
    assert abs(found.total_time - Decimal(length) / 60) < Decimal("0.0001")
    parts = sum(period.volumes.get(Dimension.ENERGY, Decimal(0)) for period in found.periods)
    assert parts == found.total_energy
    lasted = (Dimension.TIME, Dimension.PARKING_TIME)
    times = sum(period.volumes.get(one, Decimal(0)) for period in found.periods for one in lasted)
    assert abs(times - Decimal(length) / 60) < Decimal("1E-9")


def measured() -> Measured:
    return Measured(T0, T0 + timedelta(hours=1), Decimal(500), Decimal(1000), Decimal(1500))


def test_what_is_left_out_stays() -> None:
    later = T0 + timedelta(hours=2)
    assert Correction(end=later).of(measured()) == replace(measured(), end=later)


def test_registers_give_the_energy_and_energy_alone_has_no_registers() -> None:
    registers = Correction(meter_start_wh=Decimal(0), meter_stop_wh=Decimal(700)).of(measured())
    assert registers.energy_wh == 700
    energy = Correction(energy_wh=Decimal(700)).of(measured())
    assert (energy.meter_start_wh, energy.meter_stop_wh) == (None, None)


@pytest.mark.parametrize(
    "correction",
    [
        Correction(start=T0 + timedelta(hours=2)),
        Correction(end=T0 - timedelta(minutes=1)),
        Correction(meter_start_wh=Decimal(2), meter_stop_wh=Decimal(1)),
    ],
)
def test_what_makes_no_sense_is_refused(correction: Correction) -> None:
    with pytest.raises(ValueError, match=r"before|below"):
        correction.of(measured())
