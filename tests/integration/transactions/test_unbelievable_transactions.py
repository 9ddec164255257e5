"""Transactions whose clock or meter cannot be believed: held, with a reason, and over."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef

NOW = from_text("2026-03-01T10:00:00Z")
STARTED, _, ENDED = TransactionPhase


def event(phase: TransactionPhase, at: datetime, *, wh: int | None) -> TransactionReported:
    readings: tuple[Reading, ...] = ()
    if wh is not None:
        readings = (Reading(at, (Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh)),)),)
    seq = 0 if phase is STARTED else 1
    return TransactionReported(
        phase,
        "tx",
        seq,
        at,
        "Authorized",
        evse_id=1,
        token=TokenRef("DEADBEEF"),
        readings=readings,
    )


async def told(house: Any, start: str, end: str, *, metered: bool = True) -> tuple[Any, Any]:
    """The record and the Session of one transaction."""
    state = await house.station("ocpp2.0.1")
    for phase, at, wh in ((STARTED, start, 1000), (ENDED, end, 3000)):
        said = event(phase, from_text(at), wh=wh if metered else None)
        await house.transactions.reported(state, said)
    assert await house.cdr(state.identity, "tx") is None
    return await house.record(state.identity, "tx"), await house.session(state.identity, "tx")


@pytest.mark.parametrize(
    ("start", "end", "status"),
    [
        ("2026-03-01T10:00:00Z", "9999-01-01T00:00:00Z", "ACTIVE"),
        ("9999-01-01T00:00:00Z", "9999-01-01T01:00:00Z", None),
        ("2080-01-01T00:00:00Z", "2080-01-01T01:00:00Z", "ACTIVE"),
        ("2026-03-02T09:00:00Z", "2026-03-02T10:00:01Z", "ACTIVE"),
    ],
)
async def test_a_clock_far_ahead_holds_the_bill(
    house: Any, start: str, end: str, status: str | None
) -> None:
    """R20. The Session is open until an operator has decided."""
    house.clock.follows = False
    record, session = await told(house, start, end)
    assert record["state"] == "ENDED"
    assert "start or end cannot be right" in record["flags"]
    assert (None if session is None else session["status"]) == status


async def test_a_transaction_without_any_meter_value_is_held(house: Any) -> None:
    """Issue 3: held, not guessed, where the start or the stop value is missing."""
    record, session = await told(
        house, "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", metered=False
    )
    assert record["flags"] == ["no meter value"]
    assert session["status"] == "ACTIVE"
