"""What stations do to transactions besides telling them in order, on a real store."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.commands import CommandOutcome, CommandReply
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
from gateway.services.charging.commands import StartSession
from gateway.services.ports import ReplyTo
from gateway.services.stations.station_state import StationState

T0 = from_text("2026-03-01T10:00:00Z")
CARD = TokenRef("DEADBEEF")
STARTED, UPDATED, ENDED = TransactionPhase


def register(minutes: int, wh: int) -> Reading:
    sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
    return Reading(T0 + timedelta(minutes=minutes), (sample,))


def event(
    phase: TransactionPhase, seq: int, minutes: int, wh: int | None = None, **more: Any
) -> TransactionReported:
    readings = () if wh is None else (register(minutes, wh),)
    trigger = more.pop("trigger", "ChargingStateChanged")
    return TransactionReported(
        phase, "tx", seq, T0 + timedelta(minutes=minutes), trigger, readings=readings, **more
    )


def start(minutes: int = 0, wh: int = 1000, uid: str = "DEADBEEF") -> TransactionStarted:
    return TransactionStarted(1, TokenRef(uid), T0 + timedelta(minutes=minutes), Decimal(wh))


def stop(id_: str, minutes: int, wh: int, **more: Any) -> TransactionStopped:
    return TransactionStopped(id_, T0 + timedelta(minutes=minutes), Decimal(wh), **more)


STORY = [
    event(STARTED, 0, 0, 1000, evse_id=1, token=CARD),
    event(UPDATED, 1, 30, 2000),
    event(UPDATED, 2, 40, 2500),
    event(ENDED, 3, 60, 3000, stopped_reason="EVDisconnected"),
]


async def tell(house: Any, state: StationState, *events: TransactionReported) -> Any:
    answer = None
    for one in events:
        answer = await house.transactions.reported(state, one)
    return answer


# --- what is missing ------------------------------------------------------------------------


async def test_a_gap_is_waited_for_and_filled(house: Any) -> None:
    """R18: the CDR waits, and COMPLETED with it; the EVSE is free at once."""
    state = await house.station("ocpp2.0.1")
    answer = await tell(house, state, STORY[0], STORY[1], STORY[3])
    assert answer.total_cost is None
    assert await house.cdr(state.identity, "tx") is None
    session = await house.session(state.identity, "tx")
    assert session is not None
    assert session["status"] == "ACTIVE"
    assert state.running_on(1) == []
    await tell(house, state, STORY[2])
    cdr, record = await house.cdr(state.identity, "tx"), await house.record(state.identity, "tx")
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)
    assert record["flags"] == []
    assert await house.wait_is_over() == 0


async def test_a_gap_that_stays_holds_the_bill(house: Any) -> None:
    """R18: waited for, then flagged; a gap in events: the CDR is held."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], STORY[1], STORY[3])
    house.clock.pass_by(299)
    assert await house.completion.look() == 0
    assert await house.wait_is_over() == 1
    assert await house.completion.look() == 0
    session = await house.session(state.identity, "tx")
    assert session is not None
    assert [session["status"], session["kwh"]] == ["ACTIVE", Decimal(2)]
    assert await house.cdr(state.identity, "tx") is None
    record = await house.record(state.identity, "tx")
    assert [record["flags"], record["state"], record["billed"]] == [
        ["events missing"],
        "ENDED",
        False,
    ]


async def test_a_gap_that_is_filled_after_the_wait_is_billed_after_all(house: Any) -> None:
    """R18: what is held has no CDR that could not be changed."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], STORY[1], STORY[3])
    await house.wait_is_over()
    await tell(house, state, STORY[2])
    cdr, record = await house.cdr(state.identity, "tx"), await house.record(state.identity, "tx")
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)
    assert record["flags"] == []


async def test_what_comes_after_the_bill_is_kept_and_never_changes_it(house: Any) -> None:
    """mod_cdrs: a CDR is immutable."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, *STORY)
    before = await house.cdr(state.identity, "tx")
    assert before is not None
    await tell(house, state, replace(STORY[2], readings=(register(40, 99_000),)))
    assert await house.cdr(state.identity, "tx") == before
    assert len(await house.kept(state.identity, "late_events")) == 1
    flags = (await house.record(state.identity, "tx"))["flags"]
    assert "an event came after the bill" in flags


async def test_the_wait_ends_also_for_a_station_that_is_gone(house: Any) -> None:
    """No session is stuck active."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], STORY[3])
    await house.charge_points.disconnect(state)
    assert await house.wait_is_over() == 1
    record = await house.record(state.identity, "tx")
    assert [record["due_at"], record["flags"]] == [None, ["events missing"]]


async def test_without_its_start_it_is_held_and_billed_when_the_start_comes_after_all(
    house: Any,
) -> None:
    """R18, ocpp-rules 22: Ended without Started."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, *STORY[1:])
    await house.wait_is_over()
    record = await house.record(state.identity, "tx")
    assert set(record["flags"]) >= {"start missing", "events missing"}
    assert await house.cdr(state.identity, "tx") is None
    await tell(house, state, STORY[0])
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)
    assert (await house.record(state.identity, "tx"))["flags"] == []


async def test_a_station_that_numbers_everything_0_is_billed_at_its_end(house: Any) -> None:
    """Seen on the wire: seqNo 0 on every event (2.0.1)."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, *(replace(one, seq_no=0) for one in STORY))
    assert await house.cdr(state.identity, "tx") is not None
    assert (await house.record(state.identity, "tx"))["flags"] == ["does not count its events"]


async def test_the_same_event_is_answered_the_same_also_after_the_bill(house: Any) -> None:
    """ocpp-rules 5: the same content is the same event."""
    state = await house.station("ocpp2.0.1")
    first = [await tell(house, state, one) for one in STORY]
    again = [await tell(house, state, replace(one, offline=True)) for one in STORY]
    assert again[0].authorization == first[0].authorization
    assert again[-1] == first[-1]
    assert first[-1].total_cost is not None
    assert await house.kept(state.identity, "late_events") == []


async def test_the_operator_may_end_the_wait(house: Any) -> None:
    """What is missing still holds the bill: releasing it is another decision."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], STORY[3])
    await house.transactions.close(state, "tx")
    record = await house.record(state.identity, "tx")
    assert [record["due_at"], record["flags"]] == [None, ["events missing"]]
    assert await house.cdr(state.identity, "tx") is None


# --- one after the other ----------------------------------------------------------------------


async def test_an_id_used_again_is_another_transaction(house: Any) -> None:
    """R19: by the same charger after Ended; alert."""
    state = await house.station("ocpp2.0.1")
    later = [replace(one, at=one.at + timedelta(hours=5), readings=()) for one in STORY]
    later[0] = replace(later[0], readings=(register(300, 7000),))
    later[3] = replace(later[3], readings=(register(360, 7500),))
    await tell(house, state, *STORY, *later)
    new, old = await house.records(state.identity)
    assert new["id"] == "tx"
    assert old["id"].startswith("tx~")
    assert "transaction id used again" in new["flags"]
    assert "transaction id used again" in old["flags"]
    energies = [(await house.cdr(state.identity, one["id"]))["total_energy"] for one in (old, new)]
    assert energies == [Decimal(2), Decimal("0.5")]


async def test_an_id_of_another_charger_is_another_transaction(house: Any) -> None:
    """R19: keyed by charger."""
    one, other = await house.station("ocpp2.0.1"), await house.station("ocpp2.0.1")
    await tell(house, one, *STORY)
    await tell(house, other, STORY[0])
    assert (await house.record(one.identity, "tx"))["state"] == "ENDED"
    assert (await house.record(other.identity, "tx"))["state"] == "ACTIVE"


async def test_a_superseded_transaction_is_held_after_the_wait(house: Any) -> None:
    """Seen on the wire: transactions that never end. Its Session is open until it is decided."""
    state = await house.station("ocpp1.6")
    old = (await house.transactions.started(state, start())).transaction_id
    await house.transactions.metered(state, MeterReported(1, (register(10, 1500),), old))
    new = (await house.transactions.started(state, start(60))).transaction_id
    assert await house.wait_is_over() == 1
    record, session = (
        await house.record(state.identity, old),
        await house.session(state.identity, old),
    )
    assert (record["state"], session["status"]) == ("ENDED", "ACTIVE")
    assert "end missing" in record["flags"]
    assert await house.cdr(state.identity, old) is None
    assert (await house.record(state.identity, new))["state"] == "ACTIVE"


async def test_the_stop_of_a_superseded_transaction_that_comes_hours_late_is_billed(
    house: Any,
) -> None:
    """ocpp-rules 10: a stop may come hours late."""
    state = await house.station("ocpp1.6")
    old = (await house.transactions.started(state, start())).transaction_id
    await house.transactions.started(state, start(60))
    await house.wait_is_over()
    await house.transactions.stopped(state, stop(old, 50, 3000))
    await house.wait_is_over()
    cdr = await house.cdr(state.identity, old)
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)


async def test_the_older_start_is_superseded_whichever_is_heard_first(house: Any) -> None:
    """After an outage starts come out of order, too."""
    state = await house.station("ocpp1.6")
    new = (await house.transactions.started(state, start(60))).transaction_id
    old = (await house.transactions.started(state, start())).transaction_id
    assert [run.transaction.id for run in state.running_on(1)] == [new]
    assert "superseded by a new start" in (await house.record(state.identity, old))["flags"]


async def test_a_stop_of_an_id_that_nobody_knows_waits_for_its_start(house: Any) -> None:
    """R17: kept, merged, alert; told twice, kept once."""
    state = await house.station("ocpp1.6")
    for _ in range(2):
        await house.transactions.stopped(state, stop("77", 30, 4000, token=CARD))
    assert len(await house.kept(state.identity, "orphans")) == 1
    started = await house.transactions.started(state, start())
    record = await house.record(state.identity, started.transaction_id)
    assert (record["state"], record["flags"]) == ("ENDED", ["stop found by its token"])


@pytest.mark.parametrize("odd", [{"uid": "CAFE"}, {"minutes": 31}, {"wh": 5000}])
async def test_an_orphaned_stop_is_not_that_of_another_start(house: Any, odd: Any) -> None:
    """R17: by token, time and register."""
    state = await house.station("ocpp1.6")
    await house.transactions.stopped(state, stop("-1", 30, 4000, token=CARD))
    started = await house.transactions.started(state, start(**odd))
    assert (await house.record(state.identity, started.transaction_id))["state"] == "ACTIVE"


async def test_meter_values_after_the_stop_are_answered_and_kept(house: Any) -> None:
    """R17."""
    state = await house.station("ocpp1.6")
    id_ = (await house.transactions.started(state, start())).transaction_id
    await house.transactions.stopped(state, stop(id_, 60, 3000))
    before = await house.cdr(state.identity, id_)
    await house.transactions.metered(state, MeterReported(1, (register(30, 2000),), id_))
    assert await house.cdr(state.identity, id_) == before
    assert len(await house.kept(state.identity, "meter_values")) == 1


async def test_starts_and_stops_told_ten_times_are_one_transaction(house: Any) -> None:
    """R16."""
    state = await house.station("ocpp1.6")
    ids = {(await house.transactions.started(state, start())).transaction_id for _ in range(10)}
    [id_] = ids
    for _ in range(10):
        await house.transactions.stopped(state, stop(id_, 60, 3000))
    assert len(await house.cdrs()) == 1
    assert await house.kept(state.identity, "late_events") == []


# --- tokens -----------------------------------------------------------------------------------


async def test_a_blocked_token_that_charged_offline_is_recorded_and_flagged(house: Any) -> None:
    """security-and-faults row 21: session recorded, answer Blocked, operator alert."""
    state = await house.station("ocpp1.6")
    answer = await house.transactions.started(state, start(uid="BAD"))
    assert answer.authorization.status is AuthorizationStatus.BLOCKED
    await house.transactions.stopped(state, stop(answer.transaction_id, 60, 3000))
    record = await house.record(state.identity, answer.transaction_id)
    assert record["flags"] == ["token refused", "energy delivered on a refused token"]
    assert (await house.session(state.identity, record["id"]), await house.cdrs()) == (None, [])


async def test_a_deauthorized_stop_before_any_energy_is_only_a_refused_token(house: Any) -> None:
    """2.0.1 E05: the station stopped as it was told."""
    state = await house.station("ocpp2.0.1")
    await tell(
        house,
        state,
        event(STARTED, 0, 0, 1000, evse_id=1, token=TokenRef("BAD")),
        event(ENDED, 1, 1, 1000, stopped_reason="DeAuthorized", trigger="Deauthorized"),
    )
    record = await house.record(state.identity, "tx")
    assert record["flags"] == ["token refused"]
    assert record["stop_reason"] == "DeAuthorized"


@pytest.mark.parametrize(
    ("uid", "flags"), [("CAFE", []), ("F00D", ["another token was presented"])]
)
async def test_a_second_token_is_never_billed_in_silence(
    house: Any, uid: str, flags: list[str]
) -> None:
    """A change of idToken during the transaction: of the same group, or of a stranger."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], replace(STORY[1], token=TokenRef(uid)), *STORY[2:])
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert cdr["cdr_token"]["uid"] == "DEADBEEF"
    assert (await house.record(state.identity, "tx"))["flags"] == flags


async def test_a_session_that_was_thought_another_partners_is_withdrawn(house: Any) -> None:
    """S8: the first token is heard last; the partner of the second has nothing to pay."""
    state = await house.station("ocpp2.0.1")
    await house.store.tokens.put_own("RFID", "0A0B", {"status": "Accepted"})
    await tell(house, state, replace(STORY[1], token=CARD, evse_id=1))
    thought = (await house.record(state.identity, "tx"))["session_id"]
    await tell(house, state, replace(STORY[0], token=TokenRef("0A0B")), STORY[2], STORY[3])
    withdrawn, cdr = (
        await house.store.party(state.party).sessions.get(thought),
        await house.cdr(state.identity, "tx"),
    )
    assert (withdrawn["status"], withdrawn["cdr_token"]["uid"]) == ("INVALID", "DEADBEEF")
    assert (cdr["cdr_token"]["uid"], cdr["total_energy"]) == ("0A0B", Decimal(2))
    assert len(await house.cdrs()) == 1


async def test_a_session_that_nobody_has_to_pay_after_all_is_withdrawn(house: Any) -> None:
    """A card that stopped it was all that was known; its start, with a blocked one, comes later."""
    state = await house.station("ocpp2.0.1")
    last = replace(STORY[3], token=CARD, evse_id=1)
    await tell(house, state, STORY[1], STORY[2], last)
    await house.wait_is_over()
    thought = (await house.record(state.identity, "tx"))["session_id"]
    sessions = house.store.party(state.party).sessions
    assert (await sessions.get(thought))["status"] == "ACTIVE"
    await tell(house, state, replace(STORY[0], token=TokenRef("BAD")))
    assert (await sessions.get(thought))["status"] == "INVALID"
    assert await house.cdrs() == []
    _, held = await house.store.party(state.party).transactions.held(offset=0, limit=9)
    assert held == 0


async def test_cable_first_and_authorize_first_are_billed_alike(house: Any) -> None:
    """ocpp-rules 22: the token comes when it is known."""
    bills = []
    for holder in (0, 1):
        state = await house.station("ocpp2.0.1")
        for number, one in enumerate(STORY):
            told = replace(one, token=CARD if number == holder else None)
            await house.transactions.reported(state, told)
        bills.append((await house.cdr(state.identity, "tx"))["total_cost"])
    assert bills[0] == bills[1]


async def test_of_several_connectors_the_one_in_use_is_billed(house: Any) -> None:
    """The connector may be named after the EVSE."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], replace(STORY[1], evse_id=1, connector_id=2), *STORY[2:])
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert (cdr["cdr_location"]["connector_id"], cdr["cdr_location"]["connector_format"]) == (
        "2",
        "CABLE",
    )


async def test_a_transaction_named_in_the_answer_to_a_remote_start_is_that_partners(
    house: Any,
) -> None:
    """ocpp-rules 26: Started has neither remoteStartId nor token."""
    reply = CommandReply(CommandOutcome.ACCEPTED, "Accepted", {"transaction_id": "tx"})
    state = await house.station("ocpp2.0.1", reply=reply)
    await tell(house, state, replace(STORY[0], token=None))
    ask = StartSession(
        {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "APP-1",
            "type": "APP_USER",
            "contract_id": "DE-EMS-APP",
            "issuer": "EMS",
            "valid": True,
            "whitelist": "NEVER",
            "last_updated": "2026-03-01T09:00:00Z",
        },
        state.identity.replace("CP", "LOC"),
        state.identity.replace("CP", "EVSE"),
        authorization_reference="REF-7",
    )
    to = ReplyTo(house.partner, state.party, "https://partner.example/r")
    await house.commands.start_session(to, ask)
    await house.commands.close()
    await tell(house, state, replace(STORY[1], charging_state=ChargingState.CHARGING), *STORY[2:])
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert cdr["cdr_token"]["uid"] == "APP-1"
    assert (cdr["auth_method"], cdr["authorization_reference"]) == ("COMMAND", "REF-7")


# --- what a boot does -------------------------------------------------------------------------


async def test_a_new_connection_in_mid_transaction_changes_nothing(house: Any) -> None:
    """ocpp-rules 20: out of turn and over two connections, the same bill."""
    state = await house.station("ocpp2.0.1")
    await tell(house, state, STORY[0], STORY[2])
    again = await house.connect(state.identity, "ocpp2.0.1")
    await tell(house, again, STORY[3], STORY[1])
    cdr = await house.cdr(state.identity, "tx")
    assert cdr is not None
    assert cdr["total_energy"] == Decimal(2)
    assert (await house.record(state.identity, "tx"))["flags"] == []
