"""What one station sends of a transaction may be endless; what it costs the node is not."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.events import (
    ChargingState,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import AuthorizationStatus, TokenRef
from gateway.services import transaction_log
from gateway.services.stations.station_state import StationState
from gateway.services.transactions import book, logs, retelling
from gateway.services.transactions import heard as heard_events

T0 = from_text("2026-03-01T10:00:00Z")
CARD = TokenRef("DEADBEEF")
STARTED, UPDATED, ENDED = TransactionPhase


def register(at: datetime, wh: int) -> Reading:
    return Reading(at, (Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh)),))


def event(
    phase: TransactionPhase, seq: int, minutes: int, wh: int | None = None, **more: Any
) -> TransactionReported:
    at = T0 + timedelta(minutes=minutes)
    readings = () if wh is None else (register(at, wh),)
    id_ = more.pop("id_", "tx")
    return TransactionReported(
        phase, id_, seq, at, "ChargingStateChanged", readings=readings, **more
    )


BEGIN = event(STARTED, 0, 0, 1000, evse_id=1, token=CARD)


async def tell(house: Any, state: StationState, *events: TransactionReported) -> Any:
    answer = None
    for one in events:
        answer = await house.transactions.reported(state, one)
    return answer


@pytest.fixture
def retellings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries were told again, each time."""
    counted: list[int] = []
    real = retelling.retold

    async def retold(transaction: Any, log: Any, **more: Any) -> Any:
        counted.append(len(log))
        return await real(transaction, log, **more)

    monkeypatch.setattr(logs, "retold", retold)
    return counted


@pytest.fixture
def log_reads(house: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transactions whose log was read."""
    read: list[str] = []
    book = house.transactions._book

    async def log(state: StationState, transaction_id: str) -> Any:
        read.append(transaction_id)
        return await book.logs.log(state, transaction_id)

    monkeypatch.setattr(book.logs.heard, "_read", log)
    return read


def slow_sessions(house: Any) -> None:
    """As in production: a Session, and a retelling, at most once in a while."""
    house.transactions._billing.session_interval = 3600.0


async def test_events_out_of_turn_are_told_again_once_an_interval(
    house: Any, retellings: list[int]
) -> None:
    """Whatever they say: an unknown token is answered all the same."""
    slow_sessions(house)
    state = await house.station("ocpp2.0.1")
    await tell(house, state, BEGIN, event(UPDATED, 30, 60, 3000))
    stranger = TokenRef("NOBODY")
    for seq in range(1, 11):
        answer = await tell(house, state, event(UPDATED, seq, seq, 1000 + seq, token=stranger))
        assert answer.authorization.status is not AuthorizationStatus.ACCEPTED
    assert len(retellings) == 1


async def test_what_was_set_aside_is_in_the_bill(house: Any, retellings: list[int]) -> None:
    slow_sessions(house)
    state = await house.station("ocpp2.0.1")
    await tell(
        house,
        state,
        event(UPDATED, 4, 40, 2500),
        event(UPDATED, 3, 30, 2000),
        event(UPDATED, 2, 20, 1900, charging_state=ChargingState.CHARGING),
        event(UPDATED, 1, 10, 1500, charging_state=ChargingState.SUSPENDED_EV),
        BEGIN,
        event(ENDED, 5, 50, 3000),
    )
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)
    assert [len(cdr["charging_periods"]), len(retellings)] == [3, 2]


async def test_events_after_an_end_that_is_held_are_told_again_later(
    house: Any, retellings: list[int]
) -> None:
    """What is held may be made whole by what comes; not by each of it at once."""
    house.transactions._billing.session_interval = 10.0
    state = await house.station("ocpp2.0.1")
    await tell(house, state, event(ENDED, 9, 60, 3000, evse_id=1, token=CARD))
    await house.wait_is_over()
    retellings.clear()
    await tell(house, state, *(event(UPDATED, seq, seq, 1000 + seq) for seq in (1, 2, 4, 5)))
    await tell(house, state, BEGIN)
    assert retellings == []
    assert await house.cdr(state.identity, "tx") is None
    house.clock.pass_by(11)
    assert await house.completion.look() == 1
    record = await house.record(state.identity, "tx")
    assert [record["flags"], record["meter_start_wh"]] == [["events missing"], 1000]
    assert len(retellings) == 1


async def test_an_end_that_is_held_is_told_with_its_last_event(
    house: Any, retellings: list[int]
) -> None:
    slow_sessions(house)
    state = await house.station("ocpp2.0.1")
    await tell(house, state, event(ENDED, 2, 60, 3000, evse_id=1, token=CARD))
    await house.wait_is_over()
    await tell(house, state, event(UPDATED, 1, 30, 2000))
    retellings.clear()
    await tell(house, state, BEGIN)
    assert await house.cdr(state.identity, "tx") is not None
    again = [event(UPDATED, 1, minute, 2000) for minute in range(31, 40)]
    await tell(house, state, *again)
    assert len(retellings) == 1


async def test_repeated_events_read_the_log_once(house: Any, log_reads: list[str]) -> None:
    """ocpp-rules 22: the same event again is answered the same."""
    state = await house.station("ocpp2.0.1")
    story = [BEGIN, event(UPDATED, 1, 10, 1500), event(UPDATED, 2, 20, 2000)]
    await tell(house, state, *story)
    for one in (*story, *story):
        await tell(house, state, replace(one, offline=True))
    later = event(UPDATED, 3, 30, 2500)
    await tell(house, state, later, later)
    odd = replace(story[1], readings=(register(T0, 1),))
    answer = await tell(house, state, odd, BEGIN)
    assert answer.authorization.status is AuthorizationStatus.ACCEPTED
    assert log_reads == ["tx"]
    kept = await house.store.party(state.party).transactions.readings(state.identity, "tx")
    assert len(kept) == 5


async def test_digests_are_bounded(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard_events, "MOST", 5)
    state = await house.station("ocpp2.0.1")
    for number in range(4):
        story = [
            event(UPDATED, seq, seq, 1000 + seq, id_=f"tx-{number}", evse_id=1) for seq in range(3)
        ]
        await tell(house, state, *story, *story)
    heard = house.transactions._book.logs.heard
    assert sum(len(one) for one in heard._known.values()) == heard._size <= 5


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_log_ends_and_the_transaction_is_held(
    house: Any, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(logs, "MOST_ENTRIES", 10)
    state = await house.station(protocol)
    id_ = "tx"
    if protocol == "ocpp1.6":
        begun = await house.transactions.started(
            state, TransactionStarted(1, CARD, T0, Decimal(1000))
        )
        id_ = begun.transaction_id
        for minute in range(1, 31):
            reading = register(T0 + timedelta(minutes=minute), 1000 + minute)
            await house.transactions.metered(state, MeterReported(1, (reading,), id_))
        stop = TransactionStopped(id_, T0 + timedelta(hours=1), Decimal(3000))
        await house.transactions.stopped(state, stop)
    else:
        await tell(house, state, BEGIN)
        await tell(house, state, *(event(UPDATED, n, n, 1000 + n) for n in range(1, 31)))
        await tell(house, state, event(UPDATED, 40, 3, 1003), event(ENDED, 31, 60, 3000))
    kept = await house.store.party(state.party).transactions.readings(state.identity, id_)
    assert len(kept) == 10
    record = await house.record(state.identity, id_)
    assert [record["state"], record["billed"]] == ["ENDED", False]
    assert "too many events" in record["flags"]
    assert record["meter_stop_wh"] == 3000
    session = await house.session(state.identity, id_)
    assert [session["status"], session["kwh"]] == ["ACTIVE", 2]


async def test_the_length_of_a_log_is_known_after_a_reconnect(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_ENTRIES", 5)
    state = await house.station("ocpp2.0.1")
    await tell(house, state, BEGIN, *(event(UPDATED, n, n, 1000 + n) for n in range(1, 5)))
    again = await house.connect(state.identity, "ocpp2.0.1")
    await tell(house, again, event(UPDATED, 5, 5, 1005))
    kept = await house.store.party(state.party).transactions.readings(state.identity, "tx")
    assert len(kept) == 5


async def test_a_long_story_is_told_with_the_loop_free_now_and_then(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await house.station("ocpp2.0.1")
    await tell(house, state, BEGIN)
    run, breaths = state.open["tx"], []
    log = await house.transactions._book.logs.log(state, "tx")

    async def sleep(seconds: float) -> None:
        breaths.append(seconds)

    monkeypatch.setattr(transaction_log.asyncio, "sleep", sleep)
    await retelling.retold(run.transaction, log * 1_000)
    assert len(breaths) >= 10


async def test_transactions_without_a_place_are_so_many_at_most(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are waited for no longer than one that a new start proves over."""
    monkeypatch.setattr(book, "MOST_PLACELESS", 3)
    state = await house.station("ocpp2.0.1")
    for number in range(8):
        await tell(house, state, event(UPDATED, 1, number, id_=f"tx-{number}"))
    assert await house.wait_is_over() == 5
    assert sorted(state.open) == ["tx-5", "tx-6", "tx-7"]
    record = await house.record(state.identity, "tx-0")
    assert record["state"] == "ENDED"
    assert {"superseded by a new start", "end missing"} <= set(record["flags"])
