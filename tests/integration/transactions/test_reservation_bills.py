"""What reservations cost, with and without charging, on a real store and a clock of the test's own.

The tariff is the standard's example 17 (mod_tariffs, "reservation price and expire fee"): 2.00 per
hour reserved, billed per 10 minutes; 4.00 when it expires; 0.50 to start; 0.25 per kWh.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.events import (
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.party import Party
from gateway.domain.reservations import ReservationEnd, ReservationEnded
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef, TokenType
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.targets import Place
from gateway.services.ports import ReplyTo
from gateway.services.reservations.expiry import ReservationExpiry
from gateway.services.reservations.partner_reservations import ReserveOrder
from gateway.services.reservations.service import Reservations
from gateway.services.stations.station_state import StationState
from gateway.store import PageQuery

PARTY = Party("NL", "GWY")
T0 = from_text("2026-03-01T10:00:00Z")
CARD = TokenRef("DEADBEEF")
TOKEN = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": "DEADBEEF",
    "type": "RFID",
    "contract_id": "DE-EMS-DEADBEEF",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "ALWAYS",
    "last_updated": "2026-03-01T09:00:00Z",
}
STARTED, UPDATED, ENDED = TransactionPhase
VERSIONS = ("ocpp1.6", "ocpp2.0.1")


def component(type_: str, price: str, vat: int, step_size: int = 1) -> dict[str, Any]:
    return {"type": type_, "price": Decimal(price), "vat": Decimal(vat), "step_size": step_size}


EXAMPLE_17 = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [component("FLAT", "4.00", 20)],
            "restrictions": {"reservation": "RESERVATION_EXPIRES"},
        },
        {
            "price_components": [component("TIME", "2.00", 20, 600)],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {"price_components": [component("FLAT", "0.50", 20), component("ENERGY", "0.25", 10)]},
    ],
}
WITHOUT_RESERVATIONS = EXAMPLE_17 | {"elements": EXAMPLE_17["elements"][2:]}
DEARER = EXAMPLE_17 | {
    "elements": [{"price_components": [component("ENERGY", "9.00", 10)]}],
}


def minute(number: float) -> Any:
    return T0 + timedelta(minutes=number)


@dataclass
class Scene:
    """A station that is reserved at 10:00, for an hour."""

    house: Any
    state: StationState
    reservations: Reservations
    expiry: ReservationExpiry

    @property
    def identity(self) -> str:
        return self.state.identity

    @property
    def books(self) -> Any:
        return self.house.store.party(PARTY)

    async def tariff(self, document: dict[str, Any]) -> None:
        await TariffBook(self.house.store, self.house.partners, self.house.clock).put(
            PARTY, document
        )

    async def reserve(self) -> dict[str, Any]:
        """By the partner; its Session."""
        number = self.identity.removeprefix("CP-")
        to = ReplyTo(self.house.partner, PARTY, "https://ems.example/1", Party("DE", "EMS"))
        place = Place(f"LOC-{number}", f"EVSE-{number}")
        order = ReserveOrder(TOKEN, minute(60), "R-1", place, "ref-r")
        answer = await self.house.commands.reserve_now(to, order)
        assert answer.result == "ACCEPTED"
        await self.house.commands.close()
        [session] = await self.sessions()
        assert session["status"] == "RESERVATION"
        return session

    async def give_up(self) -> None:
        to = ReplyTo(self.house.partner, PARTY, "https://ems.example/1", Party("DE", "EMS"))
        await self.house.commands.cancel_reservation(to, "R-1")
        await self.house.commands.close()

    async def number(self) -> int:
        [reservation] = await self.reservations.all(self.identity)
        return reservation.id

    async def status(self) -> str:
        [reservation] = await self.reservations.all(self.identity)
        assert reservation.status is not None
        return reservation.status.value

    async def sessions(self) -> list[dict[str, Any]]:
        return (await self.books.sessions.page(PageQuery())).items

    async def cdrs(self) -> list[dict[str, Any]]:
        return await self.house.cdrs()

    async def charge(
        self, begin: float = 22, end: float = 142, wh: int = 20_000, **more: Any
    ) -> str:
        """From one minute to another: 20 kWh within two hours."""
        if self.state.protocol == "ocpp1.6":
            return await self._charge_16(begin, end, wh, **more)
        return await self._charge_201(begin, end, wh, **more)

    async def start(self, begin: float = 22, uid: str = "DEADBEEF", **more: Any) -> str:
        """1.6 only."""
        started = TransactionStarted(1, TokenRef(uid), minute(begin), Decimal(1000), **more)
        answer = await self.house.transactions.started(self.state, started)
        return answer.transaction_id

    async def stop(self, id_: str, end: float = 142, wh: int = 20_000) -> None:
        """1.6 only."""
        stopped = TransactionStopped(id_, minute(end), Decimal(1000 + wh), "Local")
        await self.house.transactions.stopped(self.state, stopped)

    async def _charge_16(self, begin: float, end: float, wh: int, **more: Any) -> str:
        id_ = await self.start(begin, **more)
        await self.stop(id_, end, wh)
        return id_

    async def _charge_201(self, begin: float, end: float, wh: int, **more: Any) -> str:
        more["token"] = TokenRef(more.pop("uid", "DEADBEEF"))
        await self.tell(STARTED, 0, begin, 1000, evse_id=1, **more)
        await self.tell(ENDED, 1, end, 1000 + wh, stopped_reason="Local")
        return "tx"

    async def tell(
        self, phase: TransactionPhase, seq: int, at: float, wh: int, **more: Any
    ) -> None:
        """2.x only."""
        sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
        reading = Reading(minute(at), (sample,))
        event = TransactionReported(
            phase, "tx", seq, minute(at), "CablePluggedIn", readings=(reading,), **more
        )
        await self.house.transactions.reported(self.state, event)


async def scene_of(house: Any, protocol: str, tariff: dict[str, Any] = EXAMPLE_17) -> Scene:
    reservations = Reservations(house.store, house.router, house.clock, house.billing.sites)
    expiry = ReservationExpiry(house.store, reservations, lambda: [PARTY], house.clock)
    scene = Scene(house, await house.station(protocol), reservations, expiry)
    await scene.tariff(tariff)
    return scene


@pytest.fixture
async def scene(house: Any) -> Scene:
    return await scene_of(house, "ocpp1.6")


def cost(document: dict[str, Any], name: str = "total_cost") -> tuple[Decimal, Decimal]:
    """Before and after taxes."""
    price = document[name]
    taxes = sum((tax["amount"] for tax in price["taxes"]), Decimal(0))
    return price["before_taxes"], price["before_taxes"] + taxes


def reserved_time(document: dict[str, Any]) -> list[tuple[str, Decimal]]:
    return [
        (period["start_date_time"], dimension["volume"])
        for period in document["charging_periods"]
        for dimension in period["dimensions"]
        if dimension["type"] == "RESERVATION_TIME"
    ]


# --- one that leads to charging -------------------------------------------------------------


@pytest.mark.parametrize("protocol", VERSIONS)
async def test_a_cdr_begins_with_the_reservation(house: Any, protocol: str) -> None:
    """mod_tariffs, example 17: 30 minutes at 2.00, 0.50, 20 kWh at 0.25 are 6.50 and 7.30.

    mod_cdrs: "in-case of a reservation [...] the start of the reservation".
    """
    scene = await scene_of(house, protocol)
    reserved = await scene.reserve()
    house.clock.moment = minute(22)
    await scene.charge()

    [cdr] = await scene.cdrs()
    assert cdr["id"] == cdr["session_id"] == reserved["id"]
    assert cdr["start_date_time"] == "2026-03-01T10:00:00.000Z"
    assert reserved_time(cdr) == [("2026-03-01T10:00:00.000Z", Decimal("0.3667"))]
    assert cdr["charging_periods"][1]["start_date_time"] == "2026-03-01T10:22:00.000Z"
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))
    assert cost(cdr, "total_reservation_cost") == (Decimal(1), Decimal("1.2"))
    assert cost(cdr, "total_fixed_cost") == (Decimal("0.5"), Decimal("0.6"))
    assert cost(cdr, "total_energy_cost") == (Decimal(5), Decimal("5.5"))
    assert (cdr["total_energy"], cdr["total_time"]) == (Decimal(20), Decimal(2))
    assert await scene.status() == "USED"


@pytest.mark.parametrize("protocol", VERSIONS)
async def test_the_session_begins_when_it_became_active(house: Any, protocol: str) -> None:
    """mod_sessions 9.3.1; its cost and periods are those of the CDR."""
    scene = await scene_of(house, protocol)
    await scene.reserve()
    house.clock.moment = minute(22)
    await scene.charge()

    [session], [cdr] = await scene.sessions(), await scene.cdrs()
    assert session["start_date_time"] == "2026-03-01T10:22:00.000Z"
    assert session["total_cost"] == cdr["total_cost"]
    assert reserved_time(session) == reserved_time(cdr)
    for number in ("2.2.1", "2.3.0"):  # 2.1.1 adds the Location, which the delivery looks up
        assert errors(number, "Session", BY_NUMBER[number].wire.session(session)) == []


async def test_a_session_that_has_just_begun_owes_no_expiry_fee(scene: Scene) -> None:
    """RESERVATION_EXPIRES is for a driver who "does not start a charging session"."""
    await scene.reserve()
    scene.house.clock.moment = minute(22)
    await scene.start()

    [session] = await scene.sessions()
    assert session["status"] == "ACTIVE"
    # 30 minutes at 2.00, and 0.50 to start
    assert cost(session) == (Decimal("1.5"), Decimal("1.8"))


async def test_the_tariff_is_that_of_the_reservations_start(scene: Scene) -> None:
    """mod_cdrs: "the moment in time the underlying session was started"."""
    await scene.reserve()
    await scene.tariff(DEARER)
    scene.house.clock.moment = minute(22)
    await scene.charge()

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))
    assert len(cdr["tariffs"][0]["elements"]) == 3


async def test_what_was_reserved_survives_a_new_connection(scene: Scene) -> None:
    """R6: the next connection finds it in the store."""
    await scene.reserve()
    scene.house.clock.moment = minute(22)
    id_ = await scene.start()
    scene.house.clock.moment = minute(90)
    scene.state = await scene.house.connect(scene.identity, "ocpp1.6")
    await scene.stop(id_)

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))


async def test_a_tariff_without_reservations_charges_nothing_for_one(house: Any) -> None:
    """The time is told all the same: "the start of the reservation"."""
    scene = await scene_of(house, "ocpp1.6", WITHOUT_RESERVATIONS)
    await scene.reserve()
    house.clock.moment = minute(22)
    await scene.charge()

    [cdr] = await scene.cdrs()
    assert cdr["start_date_time"] == "2026-03-01T10:00:00.000Z"
    assert cost(cdr) == (Decimal("5.5"), Decimal("6.1"))
    assert "total_reservation_cost" not in cdr


async def test_a_token_that_is_presented_later_finds_its_reservation(house: Any) -> None:
    """2.x, cable first: whose it is, is known with the second event."""
    scene = await scene_of(house, "ocpp2.0.1")
    reserved = await scene.reserve()
    house.clock.moment = minute(22)
    await scene.tell(STARTED, 0, 22, 1000, evse_id=1)
    await scene.tell(UPDATED, 1, 22, 1000, token=CARD)
    await scene.tell(ENDED, 2, 142, 21_000)

    [cdr] = await scene.cdrs()
    assert cdr["session_id"] == reserved["id"]
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))


async def test_a_story_that_is_told_backwards_begins_with_its_reservation(house: Any) -> None:
    """R18, with a reservation."""
    scene = await scene_of(house, "ocpp2.0.1")
    await scene.reserve()
    number = await scene.number()
    house.clock.moment = minute(150)
    await scene.tell(ENDED, 2, 142, 21_000)
    await scene.tell(STARTED, 0, 22, 1000, evse_id=1)
    await scene.tell(UPDATED, 1, 22, 1000, token=CARD, reservation_id=number)

    [cdr] = await scene.cdrs()
    assert cdr["start_date_time"] == "2026-03-01T10:00:00.000Z"
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))


async def test_a_reservation_leads_to_one_session(scene: Scene) -> None:
    """What the driver does after that is a session of its own."""
    await scene.reserve()
    number = await scene.number()
    scene.house.clock.moment = minute(32)
    await scene.charge(22, 32, 1000, reservation_id=number)
    scene.house.clock.moment = minute(44)
    await scene.charge(34, 44, 1000, reservation_id=number)

    first, second = sorted(await scene.cdrs(), key=lambda one: one["start_date_time"])
    assert len(reserved_time(first)) == 1
    assert reserved_time(second) == []
    assert second["start_date_time"] == "2026-03-01T10:34:00.000Z"


async def test_nobody_pays_for_the_reservation_of_another(scene: Scene) -> None:
    """A station may let somebody else use it; then nobody pays for its time."""
    await scene.reserve()
    number = await scene.number()
    await scene.house.store.tokens.put("oth", TOKEN | {"uid": "STRANGER", "party_id": "OTH"})
    await scene.house.partners.save(replace(scene.house.partner, id="oth"))
    scene.house.clock.moment = minute(22)
    await scene.charge(uid="STRANGER", reservation_id=number)
    await scene.reservations.used(scene.state, number)
    scene.house.clock.moment = minute(61)
    await scene.expiry.look()

    [cdr] = await scene.cdrs()
    assert reserved_time(cdr) == []
    assert cost(cdr) == (Decimal("5.5"), Decimal("6.1"))
    statuses = [one["status"] for one in await scene.sessions()]
    assert statuses == ["COMPLETED", "COMPLETED"]


async def test_a_card_of_the_same_group_pays_for_it(scene: Scene) -> None:
    """1.6, 5.13: "when the incoming idTag or the parent idTag match"."""
    await scene.reservations.reserve(
        scene.identity,
        evse_id=1,
        id_token="DEADBEEF",
        token_type=TokenType.RFID,
        expires_at=minute(60),
        group_id="FAMILY",
    )
    scene.house.clock.moment = minute(22)
    await scene.charge(uid="CAFE")

    [cdr] = await scene.cdrs()
    assert cost(cdr, "total_reservation_cost") == (Decimal(1), Decimal("1.2"))


async def test_an_operators_reservation_is_billed_with_the_charging(scene: Scene) -> None:
    """It has no Session of its own; without charging it costs nothing."""
    await scene.reservations.reserve(
        scene.identity,
        evse_id=None,
        id_token="DEADBEEF",
        token_type=TokenType.RFID,
        expires_at=minute(60),
    )
    assert await scene.sessions() == []
    scene.house.clock.moment = minute(22)
    await scene.charge()

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))
    assert await scene.status() == "USED"


async def test_the_reservation_ends_when_it_expires_if_charging_begins_later(
    scene: Scene,
) -> None:
    """mod_tariffs: "or when the reservation expires"; the station let the driver start all the
    same."""
    await scene.reserve()
    number = await scene.number()
    scene.house.clock.moment = minute(60)
    await scene.charge(61, 181, reservation_id=number)

    [cdr] = await scene.cdrs()
    assert reserved_time(cdr) == [("2026-03-01T10:00:00.000Z", Decimal(1))]
    # 60 minutes at 2.00, 0.50, 20 kWh at 0.25
    assert cost(cdr) == (Decimal("7.5"), Decimal("8.5"))


# --- one that does not ------------------------------------------------------------------------


async def test_an_expired_one_is_billed_without_charging(scene: Scene) -> None:
    """mod_tariffs, example 17: 4.00 and 60 minutes at 2.00 are 6.00 and 7.20.

    mod_sessions 9.1.4: "just for the costs of the reservation".
    """
    reserved = await scene.reserve()
    scene.house.clock.moment = minute(61)
    assert await scene.expiry.look() == 1

    [session], [cdr] = await scene.sessions(), await scene.cdrs()
    assert (session["id"], session["status"]) == (reserved["id"], "COMPLETED")
    assert session["total_cost"] == cdr["total_cost"]
    assert cost(cdr) == (Decimal(6), Decimal("7.2"))
    assert cost(cdr, "total_reservation_cost") == (Decimal(6), Decimal("7.2"))
    assert (cdr["id"], cdr["session_id"]) == (reserved["id"], reserved["id"])
    assert reserved_time(cdr) == [("2026-03-01T10:00:00.000Z", Decimal(1))]
    assert (cdr["start_date_time"], cdr["end_date_time"]) == (
        "2026-03-01T10:00:00.000Z",
        "2026-03-01T11:00:00.000Z",
    )
    assert (cdr["total_energy"], cdr["total_time"]) == (Decimal(0), Decimal(0))
    assert (cdr["auth_method"], cdr["authorization_reference"]) == ("COMMAND", "ref-r")
    assert cdr["cdr_location"]["connector_id"] == "#NA"
    for number, version in BY_NUMBER.items():
        assert errors(number, "CDR", version.wire.cdr(cdr)) == []
    assert await scene.expiry.look() == 0


@pytest.mark.parametrize("end", [ReservationEnd.EXPIRED, ReservationEnd.NO_TRANSACTION])
async def test_one_that_a_station_lets_expire_is_billed_once(
    house: Any, end: ReservationEnd
) -> None:
    """2.x ReservationStatusUpdate, and then the clock."""
    scene = await scene_of(house, "ocpp2.1")
    await scene.reserve()
    house.clock.moment = minute(60)
    await scene.reservations.ended(scene.state, ReservationEnded(await scene.number(), end))
    house.clock.moment = minute(61)
    await scene.expiry.look()

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal(6), Decimal("7.2"))


async def test_one_that_is_given_up_costs_its_time(scene: Scene) -> None:
    """It did not expire: 22 minutes, billed per 10, are 30 minutes at 2.00."""
    await scene.reserve()
    scene.house.clock.moment = minute(22)
    await scene.give_up()

    [session], [cdr] = await scene.sessions(), await scene.cdrs()
    assert session["status"] == "COMPLETED"
    assert session["end_date_time"] == cdr["end_date_time"] == "2026-03-01T10:22:00.000Z"
    assert cost(session) == cost(cdr) == (Decimal(1), Decimal("1.2"))


async def test_one_that_is_given_up_when_it_was_over_has_expired(scene: Scene) -> None:
    """A cancellation after the expiry_date is no way round the fee."""
    await scene.reserve()
    scene.house.clock.moment = minute(60)
    await scene.give_up()

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal(6), Decimal("7.2"))


async def test_one_that_the_operator_takes_back_is_free(scene: Scene) -> None:
    """mod_sessions 9.3.1: "A total_cost of 0.00 means free of charge"."""
    await scene.reserve()
    scene.house.clock.moment = minute(22)
    await scene.reservations.cancel(scene.identity, await scene.number())

    [session] = await scene.sessions()
    assert session["status"] == "COMPLETED"
    assert cost(session) == (Decimal(0), Decimal(0))
    assert await scene.cdrs() == []


async def test_one_that_the_station_removes_is_free(house: Any) -> None:
    """2.x, H01: a reserved EVSE that became Faulted."""
    scene = await scene_of(house, "ocpp2.0.1")
    await scene.reserve()
    house.clock.moment = minute(22)
    removed = ReservationEnded(await scene.number(), ReservationEnd.REMOVED)
    await scene.reservations.ended(scene.state, removed)

    [session] = await scene.sessions()
    assert (session["status"], cost(session)[0]) == ("COMPLETED", Decimal(0))
    assert await scene.cdrs() == []


async def test_one_that_costs_nothing_leaves_no_cdr(house: Any) -> None:
    """No bill over 0.00."""
    scene = await scene_of(house, "ocpp1.6", WITHOUT_RESERVATIONS)
    await scene.reserve()
    house.clock.moment = minute(61)
    await scene.expiry.look()

    [session] = await scene.sessions()
    assert (session["status"], cost(session)[0]) == ("COMPLETED", Decimal(0))
    assert await scene.cdrs() == []


async def test_a_refused_one_has_no_session_and_costs_nothing(house: Any) -> None:
    """It was never accepted by the station."""
    scene = await scene_of(house, "ocpp1.6")
    scene.state = await house.connect(
        scene.identity, "ocpp1.6", CommandReply(CommandOutcome.EVSE_OCCUPIED, "Occupied")
    )
    with pytest.raises(ValueError, match="unpack"):
        await scene.reserve()
    house.clock.moment = minute(61)
    await scene.expiry.look()

    assert (await scene.sessions(), await scene.cdrs()) == ([], [])
    assert await scene.status() == "REJECTED"


async def test_one_given_up_does_not_come_back_with_a_start(scene: Scene) -> None:
    """It was billed; a start that names it has a Session and a CDR of its own."""
    reserved = await scene.reserve()
    number = await scene.number()
    scene.house.clock.moment = minute(22)
    await scene.give_up()
    await scene.charge(reservation_id=number)

    cdrs = {one["session_id"]: one for one in await scene.cdrs()}
    assert len(cdrs) == 2
    assert cost(cdrs.pop(reserved["id"])) == (Decimal(1), Decimal("1.2"))
    [charging] = cdrs.values()
    assert reserved_time(charging) == []


# --- a station that cannot be heard -----------------------------------------------------------


async def test_an_expiry_fee_waits_for_a_station_that_cannot_be_heard(scene: Scene) -> None:
    """Held, not guessed: the driver may be charging, and the start in the station's queue."""
    await scene.reserve()
    await scene.house.charge_points.disconnect(scene.state)
    scene.house.clock.moment = minute(61)
    await scene.expiry.look()
    [session] = await scene.sessions()
    assert (session["status"], await scene.cdrs()) == ("RESERVATION", [])

    scene.house.clock.moment = minute(150)
    scene.state = await scene.house.connect(scene.identity, "ocpp1.6")
    await scene.charge()
    await scene.expiry.look()
    await scene.house.wait_is_over()  # for what may be behind in the station's queue

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal("6.5"), Decimal("7.3"))


async def test_the_fee_is_due_when_the_station_is_heard_and_has_nothing_to_tell(
    scene: Scene,
) -> None:
    """The next look after it came back."""
    await scene.reserve()
    await scene.house.charge_points.disconnect(scene.state)
    scene.house.clock.moment = minute(61)
    await scene.expiry.look()
    await scene.house.connect(scene.identity, "ocpp1.6")
    assert await scene.cdrs() == []
    scene.house.clock.moment = minute(63)
    await scene.expiry.look()

    [cdr] = await scene.cdrs()
    assert cost(cdr) == (Decimal(6), Decimal("7.2"))
    assert cdr["end_date_time"] == "2026-03-01T11:00:00.000Z"


async def test_nobody_pays_if_the_station_is_not_heard_for_a_day(scene: Scene) -> None:
    """No bill by guess."""
    await scene.reserve()
    await scene.house.charge_points.disconnect(scene.state)
    scene.house.clock.moment = minute(61)
    await scene.expiry.look()
    scene.house.clock.moment = minute(60 + 24 * 60)
    await scene.expiry.look()

    [session] = await scene.sessions()
    assert (session["status"], cost(session)[0]) == ("COMPLETED", Decimal(0))
    assert await scene.cdrs() == []


@pytest.mark.parametrize("end", ["used", "given up", "expired"])
async def test_what_it_was_priced_by_is_kept_no_longer_than_it(scene: Scene, end: str) -> None:
    """Nothing of it grows without end."""
    await scene.reserve()
    number = await scene.number()
    assert await scene.books.reservations.site(scene.identity, number) is not None
    scene.house.clock.moment = minute(22)
    if end == "used":
        await scene.charge()
    if end == "given up":
        await scene.give_up()
    scene.house.clock.moment = minute(61)
    await scene.expiry.look()

    assert await scene.books.reservations.site(scene.identity, number) is None


# --- at the same moment -----------------------------------------------------------------------


@pytest.mark.parametrize("protocol", VERSIONS)
@pytest.mark.parametrize("head_start", range(0, 24, 3))
async def test_of_a_start_and_an_expiry_at_one_moment_one_counts(
    house: Any, protocol: str, head_start: int
) -> None:
    """Nobody pays twice for one reservation, and no CDR is made of two."""
    scene = await scene_of(house, protocol)
    reserved = await scene.reserve()
    house.clock.moment = minute(60) + timedelta(seconds=6)

    async def expire() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await scene.expiry.look()

    await asyncio.gather(scene.charge(59.9, 179.9), expire())

    house.clock.moment = minute(180)
    await house.wait_is_over()
    cdrs = await scene.cdrs()
    paid = [cost(one, "total_reservation_cost")[0] for one in cdrs if reserved_time(one)]
    [charged] = [one for one in cdrs if one["total_energy"]]
    if await scene.status() == "USED":
        # 59.9 minutes, billed per 10, at 2.00
        assert (len(cdrs), paid, charged["id"]) == (1, [Decimal(2)], reserved["id"])
    else:
        assert (len(cdrs), paid) == (2, [Decimal(6)])
        assert charged["id"] != reserved["id"]
        assert reserved_time(charged) == []
