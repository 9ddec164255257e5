"""A waiting transaction that cannot be settled keeps no other from being billed."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef
from gateway.services.stations.station_state import StationState
from gateway.services.transactions import completion

T0 = from_text("2026-03-01T10:00:00Z")


async def gap(house: Any, state: StationState) -> None:
    """A transaction whose second event never comes."""
    for phase, seq_no in ((TransactionPhase.STARTED, 0), (TransactionPhase.ENDED, 2)):
        at = T0 + timedelta(minutes=seq_no)
        meter = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(1000))
        told = TransactionReported(
            phase,
            "tx",
            seq_no,
            at,
            "Authorized",
            evse_id=1,
            token=TokenRef("DEADBEEF"),
            readings=(Reading(at, (meter,)),),
        )
        await house.transactions.reported(state, told)


async def unreadable(house: Any, identity: str, party: Party) -> None:
    """A record that nobody can read, due before all others."""
    change = house.store.party(party).change()
    transactions = house.store.party(party).transactions
    transactions.put(change, identity, "odd", {"no": "transaction"}, is_open=False, started=T0)
    transactions.wait(change, identity, "odd", T0)
    await house.store.commit(change)


async def test_one_that_breaks_stops_no_other(house: Any) -> None:
    state = await house.station("ocpp2.0.1")
    await unreadable(house, state.identity, state.party)
    await gap(house, state)
    assert await house.wait_is_over() == 1
    assert (await house.record(state.identity, "tx"))["due_at"] is None


async def test_those_that_cannot_be_settled_now_do_not_hide_the_rest(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "_AT_ONCE", 1)
    state = await house.station("ocpp2.0.1")
    await unreadable(house, state.identity, state.party)
    await gap(house, state)
    assert await house.wait_is_over() == 0
    assert await house.completion.look() == 1
