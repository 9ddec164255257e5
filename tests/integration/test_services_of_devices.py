"""Reservations, charging profiles and data transfers, on a real store and a scripted station."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.charging_profiles import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    SetChargingProfile,
)
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.data_transfer import DataTransferred, TransferAnswer, TransferStatus
from gateway.domain.party import Party
from gateway.domain.reservations import (
    CancelReservation,
    ReservationEnd,
    ReservationEnded,
    ReservationStatus,
    ReserveNow,
)
from gateway.domain.tokens import TokenType
from gateway.services.billing.sites import Sites
from gateway.services.charging.smart_charging import SmartCharging, UnsoundProfile
from gateway.services.ports import UnknownChargePoint
from gateway.services.reservations.service import Reservations
from gateway.services.reservations.settling import UnknownReservation
from gateway.services.stations.data_transfer import DataTransfers
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store, StoreError

PARTY = Party("NL", "ABC")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@dataclass
class ScriptedStation:
    """Answers every command as told, and remembers what it was asked."""

    protocol: str = "ocpp1.6"
    reply: CommandReply = field(
        default_factory=lambda: CommandReply(CommandOutcome.ACCEPTED, "Accepted")
    )
    asked: list[Command] = field(default_factory=list)
    meanwhile: Any = None

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        self.asked.append(command)
        if self.meanwhile is not None:
            await self.meanwhile(command)
        return self.reply

    async def close(self, reason: str) -> None:
        pass


@dataclass
class Bench:
    store: Store
    clock: Clock
    station: ScriptedStation
    state: StationState
    reservations: Reservations
    smart_charging: SmartCharging
    transfers: DataTransfers

    async def reserve(self, minutes: int = 15) -> tuple[Any, CommandReply]:
        return await self.reservations.reserve(
            "CP1",
            evse_id=1,
            id_token="04A1",
            token_type=TokenType.RFID,
            expires_at=self.clock.now + timedelta(minutes=minutes),
        )

    async def statuses(self) -> list[ReservationStatus | None]:
        return [one.status for one in await self.reservations.all("CP1")]


@pytest.fixture
async def bench(store: Store) -> Bench:
    clock, station = Clock(), ScriptedStation()
    record = ChargePointRecord("CP1", PARTY, SecurityProfile.UNSECURED)
    await store.charge_points.put(record)
    router = StationRouter(store, "node-1")
    epoch, _ = await store.party(PARTY).stations.connect(
        "CP1", node_id="node-1", protocol="ocpp1.6", remote="here", at=START
    )
    state = StationState(record, Fence("CP1", epoch), "ocpp1.6", START, START)
    router.attach(state, station)

    async def keep(state: StationState, action: str, payload: dict[str, Any]) -> None:
        change = store.party(PARTY).change(state.fence)
        kept = {"payload": payload}
        store.party(PARTY).stations.keep(change, state.identity, action, kept, cap=100)
        await store.commit(change)

    return Bench(
        store,
        clock,
        station,
        state,
        Reservations(store, router, clock, Sites(store, "EUR", clock)),
        SmartCharging(store, router, clock),
        DataTransfers(keep),
    )


async def test_a_reservation_that_the_station_takes_is_active_until_it_expires(
    bench: Bench,
) -> None:
    """A 1.6 station says nothing when one expires."""
    reservation, reply = await bench.reserve(minutes=15)
    assert reply.accepted
    assert bench.station.asked == [
        ReserveNow(reservation.id, "04A1", TokenType.RFID, START + timedelta(minutes=15), 1)
    ]
    assert await bench.statuses() == [ReservationStatus.ACTIVE]
    bench.clock.now += timedelta(minutes=15)
    assert await bench.statuses() == [ReservationStatus.EXPIRED]


async def test_a_reservation_that_the_station_refuses_is_shown_as_rejected(bench: Bench) -> None:
    """The station decides (ocpp-rules, Flow)."""
    bench.station.reply = CommandReply(CommandOutcome.EVSE_OCCUPIED, "Occupied")
    reservation, reply = await bench.reserve()
    assert reply.outcome is CommandOutcome.EVSE_OCCUPIED
    assert (reservation.status, reservation.word) == (ReservationStatus.REJECTED, "Occupied")


async def test_a_reservation_without_an_answer_is_taken_back(bench: Bench) -> None:
    """The station may have made it all the same."""
    bench.station.reply = CommandReply(CommandOutcome.TIMEOUT)
    reservation, _ = await bench.reserve()
    assert reservation.status is ReservationStatus.REJECTED
    assert bench.station.asked[1:] == [CancelReservation(reservation.id)]


async def test_a_cancelled_reservation_stays_cancelled(bench: Bench) -> None:
    reservation, _ = await bench.reserve()
    cancelled, reply = await bench.reservations.cancel("CP1", reservation.id)
    assert reply.accepted
    assert cancelled.status is ReservationStatus.CANCELLED
    bench.clock.now += timedelta(hours=1)
    assert await bench.statuses() == [ReservationStatus.CANCELLED]


async def test_a_refused_cancellation_changes_nothing(bench: Bench) -> None:
    reservation, _ = await bench.reserve()
    bench.station.reply = CommandReply(CommandOutcome.UNKNOWN_RESERVATION, "Rejected")
    _, reply = await bench.reservations.cancel("CP1", reservation.id)
    assert reply.outcome is CommandOutcome.UNKNOWN_RESERVATION
    assert await bench.statuses() == [ReservationStatus.ACTIVE]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (ReservationEnd.EXPIRED, ReservationStatus.EXPIRED),
        (ReservationEnd.REMOVED, ReservationStatus.CANCELLED),
        (ReservationEnd.NO_TRANSACTION, ReservationStatus.EXPIRED),
    ],
)
async def test_a_2x_station_says_how_a_reservation_ended(
    bench: Bench, end: ReservationEnd, status: ReservationStatus
) -> None:
    reservation, _ = await bench.reserve()
    await bench.reservations.ended(bench.state, ReservationEnded(reservation.id, end))
    assert await bench.statuses() == [status]


async def test_a_used_reservation_stays_used_whatever_follows(bench: Bench) -> None:
    reservation, _ = await bench.reserve()
    await bench.reservations.used(bench.state, reservation.id)
    removed = ReservationEnded(reservation.id, ReservationEnd.REMOVED)
    await bench.reservations.ended(bench.state, removed)
    assert await bench.statuses() == [ReservationStatus.USED]


async def test_a_start_that_is_faster_than_the_answer_is_not_overwritten_by_it(
    bench: Bench,
) -> None:
    async def starts(command: Command) -> None:
        assert isinstance(command, ReserveNow)
        await bench.reservations.used(bench.state, command.reservation_id)

    bench.station.meanwhile = starts
    reservation, _ = await bench.reserve()
    assert reservation.status is ReservationStatus.USED
    assert await bench.statuses() == [ReservationStatus.USED]


async def test_a_reservation_that_changes_all_the_time_is_given_up(bench: Bench) -> None:
    """Nothing loops without a bound."""
    books = bench.store.party(PARTY).reservations

    reservation, _ = await bench.reserve()
    commit = bench.store.commit

    async def contended(change: Any) -> Any:
        before = await books.get("CP1", reservation.id)
        assert before is not None
        other = bench.store.party(PARTY).change()
        after = before | {"word": f"{before.get('word')}."}
        books.replace(other, "CP1", reservation.id, before, after)
        await commit(other)
        return await commit(change)

    bench.store.commit = contended  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await bench.reservations.used(bench.state, reservation.id)


async def test_an_end_of_an_unknown_reservation_is_no_error(bench: Bench) -> None:
    await bench.reservations.ended(bench.state, ReservationEnded(99, ReservationEnd.EXPIRED))
    assert await bench.statuses() == []


async def test_unknown_charge_points_and_reservations_are_told_apart(bench: Bench) -> None:
    with pytest.raises(UnknownChargePoint):
        await bench.reservations.all("nobody")
    with pytest.raises(UnknownReservation):
        await bench.reservations.cancel("CP1", 5)


async def test_old_reservations_make_room_and_active_ones_stay(bench: Bench) -> None:
    kept, _ = await bench.reserve(minutes=24 * 60)
    bench.station.reply = CommandReply(CommandOutcome.REJECTED, "Rejected")
    for _ in range(203):
        bench.clock.now += timedelta(seconds=1)
        await bench.reserve()
    found = await bench.reservations.all("CP1")
    assert len(found) <= 202
    assert found[-1].id == kept.id


def profile(**changes: Any) -> ChargingProfile:
    said: dict[str, Any] = {
        "id": 7,
        "purpose": ProfilePurpose.TX_DEFAULT,
        "kind": ProfileKind.RELATIVE,
        "schedule": ChargingSchedule(RateUnit.AMPERE, (SchedulePeriod(0, Decimal(16)),)),
    }
    return ChargingProfile(**(said | changes))


async def test_an_accepted_profile_is_remembered_and_a_cleared_one_is_not(bench: Bench) -> None:
    assert (await bench.smart_charging.set("CP1", 1, profile())).accepted
    assert (await bench.smart_charging.set("CP1", 0, profile(id=8))).accepted
    assert [one.profile for one in await bench.smart_charging.known("CP1")] == [
        profile(),
        profile(id=8),
    ]
    await bench.smart_charging.clear("CP1", ClearChargingProfile(evse_id=1))
    assert [one.profile.id for one in await bench.smart_charging.known("CP1")] == [8]
    bench.station.reply = CommandReply(CommandOutcome.REJECTED, "Unknown")
    await bench.smart_charging.clear("CP1", ClearChargingProfile(profile_id=8))
    assert await bench.smart_charging.known("CP1") == []


async def test_a_refused_profile_is_not_remembered(bench: Bench) -> None:
    bench.station.reply = CommandReply(CommandOutcome.REJECTED, "Rejected")
    assert not (await bench.smart_charging.set("CP1", 1, profile())).accepted
    assert await bench.smart_charging.known("CP1") == []


async def test_a_transactions_profile_is_gone_with_its_transaction(bench: Bench) -> None:
    """ocpp-rules 18"""
    party = bench.store.party(PARTY)
    document = {"id": "12", "identity": "CP1"}
    change = party.change()
    party.transactions.put(change, "CP1", "12", document, is_open=True, started=START)
    await bench.store.commit(change)
    tx = profile(purpose=ProfilePurpose.TX, transaction_id="12")
    assert (await bench.smart_charging.set("CP1", 1, tx)).accepted
    assert len(await bench.smart_charging.known("CP1")) == 1
    change = party.change()
    party.transactions.put(change, "CP1", "12", document, is_open=False, started=START)
    await bench.store.commit(change)
    assert await bench.smart_charging.known("CP1") == []
    assert (await bench.smart_charging.set("CP1", 0, profile(id=8))).accepted
    kept = await party.stations.load("CP1")
    assert [name for name in kept if name.startswith("charging_profile:")] == ["charging_profile:8"]


@pytest.mark.parametrize(
    ("evse_id", "unsound"),
    [
        (1, profile(purpose=ProfilePurpose.TX)),
        (0, profile(purpose=ProfilePurpose.TX, transaction_id="1")),
        (1, profile(purpose=ProfilePurpose.STATION_MAX)),
        (1, profile(stack_level=-1)),
    ],
)
async def test_an_unsound_profile_is_not_sent(
    bench: Bench, evse_id: int, unsound: ChargingProfile
) -> None:
    """ocpp-rules 18: a running transaction's profile names it."""
    with pytest.raises(UnsoundProfile):
        await bench.smart_charging.set("CP1", evse_id, unsound)
    assert bench.station.asked == []


async def test_commands_reach_the_station_as_they_are(bench: Bench) -> None:
    await bench.smart_charging.set("CP1", 1, profile())
    assert bench.station.asked == [SetChargingProfile(1, profile())]


async def test_a_vendors_handler_answers_its_messages(bench: Bench) -> None:
    async def handle(identity: str, message: DataTransferred) -> TransferAnswer:
        return TransferAnswer(TransferStatus.ACCEPTED, f"{identity} {message.data}")

    bench.transfers.register("com.example", handle, "Hi")
    asked = DataTransferred("com.example", "Hi", "there")
    answer = await bench.transfers.received(bench.state, asked)
    assert answer == TransferAnswer(TransferStatus.ACCEPTED, "CP1 there")


@pytest.mark.parametrize(
    ("vendor", "message", "status"),
    [
        ("com.example", "Other", TransferStatus.UNKNOWN_MESSAGE),
        ("com.example", None, TransferStatus.UNKNOWN_MESSAGE),
        ("org.nobody", "Hi", TransferStatus.UNKNOWN_VENDOR),
    ],
)
async def test_what_nobody_understands_is_kept_and_said_so(
    bench: Bench, vendor: str, message: str | None, status: TransferStatus
) -> None:
    async def handle(_identity: str, _message: DataTransferred) -> TransferAnswer:
        return TransferAnswer(TransferStatus.ACCEPTED)

    bench.transfers.register("com.example", handle, "Hi")
    answer = await bench.transfers.received(bench.state, DataTransferred(vendor, message, "x"))
    assert answer.status is status
    kept = await bench.store.party(PARTY).stations.kept("CP1", "DataTransfer", 10)
    assert [one["payload"]["vendorId"] for one in kept] == [vendor]


async def test_a_handler_that_fails_is_a_rejection(bench: Bench) -> None:
    async def handle(_identity: str, _message: DataTransferred) -> TransferAnswer:
        raise RuntimeError("a bug in an extension")

    bench.transfers.register("com.example", handle)
    answer = await bench.transfers.received(bench.state, DataTransferred("com.example", None))
    assert answer.status is TransferStatus.REJECTED


async def test_two_handlers_for_the_same_messages_are_a_mistake(bench: Bench) -> None:
    async def handle(_identity: str, _message: DataTransferred) -> TransferAnswer:
        return TransferAnswer(TransferStatus.ACCEPTED)

    bench.transfers.register("com.example", handle)
    with pytest.raises(ValueError, match="already"):
        bench.transfers.register("com.example", handle)
