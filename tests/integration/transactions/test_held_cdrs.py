"""What operators do about held bills and about CDRs that were made (ADR 0024)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.bills.decisions import Act, Correction
from gateway.domain.delivery import ObjectKind
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.billing.credits import CreditCdrs, NotPossible
from gateway.services.ports import UnknownChargePoint
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.stale import StaleTransactions
from gateway.store import PageQuery, Store, StoreError

PARTY = Party("NL", "GWY")
T0 = from_text("2026-03-01T09:00:00Z")
STARTED, UPDATED, ENDED = TransactionPhase
FINE = ((STARTED, 0, 1000), (UPDATED, 30, 2000), (ENDED, 60, 5000))
BACK = ((STARTED, 0, 1000), (UPDATED, 30, 2000), (ENDED, 60, 1500))

# 0.30 a kWh and 1.00 an hour
BY_THE_STATION = Decimal("1.3")  # 1 kWh, an hour
BY_THE_OPERATOR = Decimal("2.2")  # 4 kWh, an hour


async def say(
    house: Any, state: StationState, phase: TransactionPhase, number: int, minute: int, wh: int
) -> None:
    at = T0 + timedelta(minutes=minute)
    register = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
    told = TransactionReported(
        phase,
        "tx",
        number,
        at,
        "Authorized",
        evse_id=1,
        token=TokenRef("DEADBEEF"),
        readings=(Reading(at, (register,)),),
    )
    await house.transactions.reported(state, told)


async def charge(house: Any, story: tuple[Any, ...] = BACK) -> StationState:
    """A transaction whose meter goes back, unless another story is told."""
    state: StationState = await house.station("ocpp2.0.1")
    for number, (phase, minute, wh) in enumerate(story):
        await say(house, state, phase, number, minute, wh)
    return state


async def held_ids(house: Any) -> list[str]:
    found, total = await house.store.party(PARTY).transactions.held(offset=0, limit=100)
    assert total == len(found)
    return [one["identity"] for one in found]


async def only_cdr(house: Any) -> dict[str, Any]:
    (cdr,) = await house.cdrs()
    return dict(cdr)


async def owed(house: Any) -> list[tuple[str, str]]:
    due = await house.store.party(PARTY).owed.due("ems", 100)
    kinds = (ObjectKind.SESSION, ObjectKind.CDR)
    return [(ref.kind.value, ref.id) for ref, _ in due if ref.kind in kinds]


# --- held ---------------------------------------------------------------------------------


async def test_a_held_bill_is_listed_and_its_session_stays_open(house: Any) -> None:
    """ "no more modifications will be made to the Session object" that is COMPLETED: not yet."""
    state = await charge(house)
    assert await held_ids(house) == [state.identity]
    assert await house.cdrs() == []
    session = await house.session(state.identity, "tx")
    assert session["status"] == "ACTIVE"
    assert "end_date_time" not in session


async def test_a_bill_that_is_made_is_not_listed(house: Any) -> None:
    await charge(house, FINE)
    assert await held_ids(house) == []


async def test_the_draft_is_the_cdr_as_it_would_be_and_writes_nothing(house: Any) -> None:
    state = await charge(house)
    draft = await house.stale.draft(state.identity, "tx")
    assert draft["total_cost"]["before_taxes"] == BY_THE_STATION
    assert await house.cdrs() == []
    assert await held_ids(house) == [state.identity]


async def test_a_late_event_that_completes_it_takes_it_off_the_list(house: Any) -> None:
    state: StationState = await house.station("ocpp2.0.1")
    await say(house, state, UPDATED, 1, 30, 2000)
    await say(house, state, ENDED, 2, 60, 5000)
    await house.wait_is_over()
    assert await held_ids(house) == [state.identity]
    await say(house, state, STARTED, 0, 0, 1000)
    assert await held_ids(house) == []
    assert (await only_cdr(house))["total_energy"] == 4


# --- released -----------------------------------------------------------------------------


async def test_released_it_is_billed_by_what_the_station_said(house: Any) -> None:
    state = await charge(house)
    record = await house.stale.release(state.identity, "tx", "seen with the driver")
    cdr = await only_cdr(house)
    assert cdr["id"] == record["cdr_id"] == record["session_id"]
    assert cdr["total_cost"]["before_taxes"] == BY_THE_STATION
    assert await held_ids(house) == []


async def test_who_released_what_and_when_stays_with_the_record(house: Any) -> None:
    state = await charge(house)
    house.clock.pass_by(60)
    await house.stale.release(state.identity, "tx", "seen with the driver")
    record = await house.record(state.identity, "tx")
    (decision,) = record["decisions"]
    assert decision["act"] == Act.RELEASED
    assert decision["remark"] == "seen with the driver"
    assert from_text(decision["at"]) == house.clock()
    assert "meter register went back" in decision["reasons"]


async def test_released_its_session_is_completed_and_agrees_with_the_cdr(house: Any) -> None:
    state = await charge(house)
    await house.stale.release(state.identity, "tx", None)
    session, cdr = await house.session(state.identity, "tx"), await only_cdr(house)
    assert session["status"] == "COMPLETED"
    assert session["total_cost"] == cdr["total_cost"]
    assert session["kwh"] == cdr["total_energy"]
    assert session["end_date_time"] == cdr["end_date_time"]
    assert await owed(house) == [("session", cdr["id"]), ("cdr", cdr["id"])]


async def test_it_is_released_once(house: Any) -> None:
    state = await charge(house)
    await house.stale.release(state.identity, "tx", None)
    with pytest.raises(NotPossible, match="billed by"):
        await house.stale.release(state.identity, "tx", None)
    assert len(await house.cdrs()) == 1


async def test_what_runs_cannot_be_released(house: Any) -> None:
    state = await charge(house, FINE[:2])
    with pytest.raises(NotPossible, match="runs"):
        await house.stale.release(state.identity, "tx", None)


async def test_it_is_released_while_its_charge_point_is_away(house: Any) -> None:
    state = await charge(house)
    await house.charge_points.disconnect(state)
    await house.stale.release(state.identity, "tx", None)
    assert len(await house.cdrs()) == 1


# --- corrected ----------------------------------------------------------------------------


async def test_corrected_it_is_billed_by_what_the_operator_says(house: Any) -> None:
    state = await charge(house)
    await house.stale.correct(state.identity, "tx", Correction(energy_wh=Decimal(4000)), None)
    session, cdr = await house.session(state.identity, "tx"), await only_cdr(house)
    assert cdr["total_energy"] == 4
    assert cdr["total_cost"]["before_taxes"] == BY_THE_OPERATOR
    assert session["status"] == "COMPLETED"
    assert (session["kwh"], session["total_cost"]) == (cdr["total_energy"], cdr["total_cost"])


async def test_registers_give_the_energy(house: Any) -> None:
    state = await charge(house)
    registers = Correction(meter_start_wh=Decimal(1000), meter_stop_wh=Decimal(5000))
    record = await house.stale.correct(state.identity, "tx", registers, None)
    assert (record["meter_start_wh"], record["meter_stop_wh"]) == (1000, 5000)
    assert (await only_cdr(house))["total_energy"] == 4


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [(-30, 60, "1.5"), (15, 60, "0.75"), (0, 45, "0.75"), (0, 90, "1.5"), (15, 20, "0.0833")],
)
async def test_its_time_is_what_the_operator_says(
    house: Any, start: int, end: int, hours: str
) -> None:
    state = await charge(house)
    times = Correction(
        energy_wh=Decimal(4000),
        start=T0 + timedelta(minutes=start),
        end=T0 + timedelta(minutes=end),
        beyond_power=True,
    )
    await house.stale.correct(state.identity, "tx", times, None)
    cdr = await only_cdr(house)
    assert from_text(cdr["start_date_time"]) == times.start
    assert from_text(cdr["end_date_time"]) == times.end
    assert cdr["total_time"] == Decimal(hours)
    assert cdr["total_energy"] == 4
    assert errors("2.2.1", "CDR", BY_NUMBER["2.2.1"].wire.cdr(cdr)) == []


@pytest.mark.parametrize(
    "slip",
    [
        Correction(energy_wh=Decimal(4_000_000)),  # Wh for kWh
        Correction(meter_start_wh=Decimal(0), meter_stop_wh=Decimal(4_000_000)),
        Correction(energy_wh=Decimal(20_000), end=T0 + timedelta(minutes=1)),
    ],
)
async def test_more_than_the_connector_can_deliver_is_billed_only_if_it_is_meant(
    house: Any, slip: Correction
) -> None:
    """R21, of a person."""
    state = await charge(house)
    before = await house.record(state.identity, "tx")
    with pytest.raises(NotPossible, match="more than the connector can deliver"):
        await house.stale.correct(state.identity, "tx", slip, None)
    assert await house.record(state.identity, "tx") == before
    assert await house.cdrs() == []
    await house.stale.correct(state.identity, "tx", replace(slip, beyond_power=True), None)
    assert (await only_cdr(house))["total_energy"] in (4000, 20)


async def test_energy_alone_does_not_correct_a_session_that_began_in_1970(house: Any) -> None:
    """CLOCK_WRONG: 56 years of parking are not billed because the energy was wrong, too."""
    state = await charge(house, ((STARTED, -29_500_000, 1000), (UPDATED, 30, 2000), FINE[2]))
    assert await held_ids(house) == [state.identity]
    energy = Correction(energy_wh=Decimal(4000))
    with pytest.raises(NotPossible, match="No session lasts from 1970"):
        await house.stale.correct(state.identity, "tx", energy, None)
    await house.stale.correct(state.identity, "tx", replace(energy, start=T0), None)
    assert (await only_cdr(house))["total_time"] == 1


async def test_a_sent_cdr_is_not_corrected_beyond_power_either(house: Any) -> None:
    state = await charge(house, FINE)
    sent = await only_cdr(house)
    slip = Correction(energy_wh=Decimal(4_000_000))
    with pytest.raises(NotPossible, match="more than the connector can deliver"):
        await house.stale.correct(state.identity, "tx", slip, None, sent["id"])
    assert await house.cdrs() == [sent]


async def test_what_the_station_had_said_stays_with_the_record(house: Any) -> None:
    state = await charge(house)
    await house.stale.correct(state.identity, "tx", Correction(energy_wh=Decimal(4000)), "read")
    (decision,) = (await house.record(state.identity, "tx"))["decisions"]
    assert decision["before"]["energy_wh"] == 1000
    assert from_text(decision["before"]["end"]) == T0 + timedelta(minutes=60)


async def test_an_end_before_the_start_is_refused_and_changes_nothing(house: Any) -> None:
    state = await charge(house)
    before = await house.record(state.identity, "tx")
    with pytest.raises(NotPossible, match="before the start"):
        await house.stale.correct(
            state.identity, "tx", Correction(end=T0 - timedelta(minutes=1)), None
        )
    assert await house.record(state.identity, "tx") == before


async def test_an_end_that_is_yet_to_come_is_refused(house: Any) -> None:
    state = await charge(house)
    with pytest.raises(NotPossible, match="cannot have ended"):
        await house.stale.correct(
            state.identity, "tx", Correction(end=house.clock() + timedelta(days=2)), None
        )


async def test_what_comes_after_a_correction_changes_nothing(house: Any) -> None:
    """Corrections survive: the story is not told again."""
    state = await charge(house)
    await house.stale.correct(state.identity, "tx", Correction(energy_wh=Decimal(4000)), None)
    cdr = await only_cdr(house)
    await say(house, state, UPDATED, 1, 40, 9000)
    assert await house.cdrs() == [cdr]
    record = await house.record(state.identity, "tx")
    assert "an event came after the bill" in record["flags"]
    assert record["energy"]["last_wh"] - record["energy"]["start_wh"] == 4000


# --- voided -------------------------------------------------------------------------------


async def test_voided_nobody_is_billed_and_the_session_is_invalid(house: Any) -> None:
    """mod_sessions SessionStatus INVALID: "declared invalid and will not be billed"."""
    state = await charge(house)
    await house.stale.void(state.identity, "tx", "a test of ours")
    session = await house.session(state.identity, "tx")
    assert session["status"] == "INVALID"
    assert await house.cdrs() == []
    assert await held_ids(house) == []


async def test_what_comes_after_a_void_does_not_bill(house: Any) -> None:
    state = await charge(house)
    await house.stale.void(state.identity, "tx", "a test of ours")
    await say(house, state, ENDED, 3, 61, 6000)
    assert await house.cdrs() == []
    assert (await house.session(state.identity, "tx"))["status"] == "INVALID"


async def test_what_was_voided_cannot_be_released(house: Any) -> None:
    state = await charge(house)
    await house.stale.void(state.identity, "tx", "a test of ours")
    with pytest.raises(NotPossible, match="voided"):
        await house.stale.release(state.identity, "tx", None)


# --- CDRs that were made ------------------------------------------------------------------


@pytest.fixture
async def billed(house: Any) -> tuple[StationState, dict[str, Any]]:
    state = await charge(house, FINE)
    return state, await only_cdr(house)


async def test_a_credit_cdr_has_everything_of_the_original_but_a_negative_total(
    house: Any, billed: Any
) -> None:
    """ocpi-rules 19; mod_cdrs, Credit CDRs."""
    _, cdr = billed
    credit = await CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", None)
    differs = {name for name in {*cdr, *credit} if cdr.get(name) != credit.get(name)}
    assert differs <= {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
    assert credit["credit"] is True
    assert credit["credit_reference_id"] == cdr["id"]
    assert credit["total_cost"]["before_taxes"] == -cdr["total_cost"]["before_taxes"]
    amounts = [tax["amount"] for tax in credit["total_cost"]["taxes"]]
    assert amounts == [-tax["amount"] for tax in cdr["total_cost"]["taxes"]]
    assert len(credit["id"]) <= 36


@pytest.mark.parametrize("number", ["2.2.1", "2.3.0"])
async def test_a_credit_cdr_is_right_by_the_tables(house: Any, billed: Any, number: str) -> None:
    _, cdr = billed
    credit = await CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", "twice")
    body = BY_NUMBER[number].wire.cdr(credit)
    assert errors(number, "CDR", body) == []
    assert body["remark"] == "twice"


async def test_a_cdr_is_credited_once(house: Any, billed: Any) -> None:
    _, cdr = billed
    credit_cdrs = CreditCdrs(house.store, house.clock)
    credit = await credit_cdrs.credit(PARTY, cdr, "ems", None)
    with pytest.raises(NotPossible, match=credit["id"]):
        await credit_cdrs.credit(PARTY, cdr, "ems", None)
    with pytest.raises(NotPossible, match="itself"):
        await credit_cdrs.credit(PARTY, credit, "ems", None)
    assert len(await house.cdrs()) == 2


async def test_a_corrected_cdr_follows_its_credit(house: Any, billed: Any) -> None:
    state, cdr = billed
    await house.stale.correct(
        state.identity, "tx", Correction(energy_wh=Decimal(1000)), "meter exchanged", cdr["id"]
    )
    first, credit, second = await house.cdrs()
    assert first == cdr
    assert credit["credit_reference_id"] == cdr["id"]
    assert second["session_id"] == cdr["session_id"]
    assert second["id"] not in (cdr["id"], credit["id"])
    assert "credit" not in second
    assert second["total_energy"] == 1
    assert second["total_cost"]["before_taxes"] == BY_THE_STATION
    assert [ref for ref in await owed(house) if ref[0] == "cdr"] == [
        ("cdr", one["id"]) for one in (first, credit, second)
    ]


async def test_the_completed_session_of_a_corrected_cdr_is_not_modified(
    house: Any, billed: Any
) -> None:
    """ "no more modifications will be made to the Session object" (mod_sessions)."""
    state, cdr = billed
    before = await house.session(state.identity, "tx")
    await house.stale.correct(
        state.identity, "tx", Correction(energy_wh=Decimal(1000)), None, cdr["id"]
    )
    assert await house.session(state.identity, "tx") == before


async def test_only_the_last_cdr_is_corrected_and_a_second_time_too(
    house: Any, billed: Any
) -> None:
    state, cdr = billed
    ids = [cdr["id"]]
    for wh in (1000, 2000):
        more = Correction(energy_wh=Decimal(wh))
        record = await house.stale.correct(state.identity, "tx", more, None, ids[-1])
        ids.append(record["cdr_id"])
    with pytest.raises(NotPossible, match=ids[-1]):
        await house.stale.correct(state.identity, "tx", more, None, cdr["id"])
    found = await house.cdrs()
    assert [one.get("credit_reference_id") for one in found] == [None, ids[0], None, ids[1], None]
    standing = sum(one["total_cost"]["before_taxes"] for one in found)
    assert standing == Decimal("1.6")  # 2 kWh, an hour


async def test_a_cdr_that_was_credited_alone_can_be_followed_by_a_corrected_one(
    house: Any, billed: Any
) -> None:
    state, cdr = billed
    await CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", None)
    await house.stale.correct(
        state.identity, "tx", Correction(energy_wh=Decimal(1000)), None, cdr["id"]
    )
    assert [bool(one.get("credit")) for one in await house.cdrs()] == [False, True, False]


async def test_a_partner_on_2_1_1_sees_neither_the_credit_nor_what_follows(
    house: Any, billed: Any
) -> None:
    """`Version.has_credit_cdrs`: without the credit, the other would be one more bill."""
    state, cdr = billed
    await house.stale.correct(
        state.identity, "tx", Correction(energy_wh=Decimal(1000)), None, cdr["id"]
    )
    query = PageQuery(partner_id="ems", without="ems/credits")
    shown = (await house.store.party(PARTY).cdrs.page(query)).items
    assert [one["id"] for one in shown] == [cdr["id"]]
    wire = BY_NUMBER["2.1.1"].wire
    assert [wire.cdr(one) is None for one in await house.cdrs()] == [False, True, True]


# --- several at once ----------------------------------------------------------------------


@pytest.mark.parametrize("connected", [True, False])
async def test_of_two_decisions_at_once_one_is_carried_out(house: Any, connected: bool) -> None:
    state = await charge(house)
    if not connected:
        await house.charge_points.disconnect(state)
    answers = await asyncio.gather(
        house.stale.release(state.identity, "tx", None),
        house.stale.correct(state.identity, "tx", Correction(energy_wh=Decimal(4000)), None),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, NotPossible | StoreError)]
    assert len(refused) == 1
    assert len(await house.cdrs()) == 1
    record = await house.record(state.identity, "tx")
    assert len(record["decisions"]) == 1


async def test_of_a_credit_and_a_correction_at_once_there_is_one_credit(
    house: Any, billed: Any
) -> None:
    state, cdr = billed
    less = Correction(energy_wh=Decimal(1000))
    await asyncio.gather(
        CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", None),
        house.stale.correct(state.identity, "tx", less, None, cdr["id"]),
        house.stale.correct(state.identity, "tx", less, None, cdr["id"]),
        return_exceptions=True,
    )
    found = await house.cdrs()
    assert len([one for one in found if one.get("credit")]) == 1
    assert len({one["id"] for one in found}) == len(found) <= 3


async def test_the_transactions_of_a_removed_charge_point_wait_until_it_is_back(
    house: Any,
) -> None:
    state = await charge(house)
    await house.charge_points.disconnect(state)
    await house.charge_points.delete(state.identity)
    with pytest.raises(UnknownChargePoint):
        await house.stale.release(state.identity, "tx", None)
    assert await held_ids(house) == [state.identity]
    await house.charge_points.put(state.identity, security_profile=0, password=None, party=PARTY)
    await house.stale.release(state.identity, "tx", None)
    assert len(await house.cdrs()) == 1


# --- whichever node -----------------------------------------------------------------------


@pytest.fixture
async def second_node(house: Any, redis_url: str) -> AsyncIterator[StaleTransactions]:
    """The operator's calls as "node-2" carries them out, with a store of its own."""
    store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    router = StationRouter(store, "node-2")
    yield StaleTransactions(store, house.charge_points, router, house.transactions, "node-2")
    await store.close()


async def test_another_node_has_it_done_by_the_one_that_holds_the_socket(
    house: Any, second_node: StaleTransactions
) -> None:
    state = await charge(house)
    with pytest.raises(NotPossible, match="before the start"):
        await second_node.correct(
            state.identity, "tx", Correction(end=T0 - timedelta(hours=1)), None
        )
    record = await second_node.correct(
        state.identity, "tx", Correction(energy_wh=Decimal(4000), end=T0 + timedelta(hours=1)), "x"
    )
    assert record["billed"] is True
    assert (await only_cdr(house))["total_energy"] == 4
    assert state.connected
