"""Partners' reservations as the services keep them, on a clock of the test's own."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.reservations import CancelReservation, ReserveNow
from gateway.services.billing.sites import Sites
from gateway.services.charging.in_flight import InFlight
from gateway.services.charging.targets import Place, Targets
from gateway.services.ports import ReplyTo
from gateway.services.reservations.expiry import ReservationExpiry
from gateway.services.reservations.partner_reservations import PartnerReservations, ReserveOrder
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import PageQuery

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTY = Party("NL", "ABC")
PARTNER = Partner(
    "ems",
    "EMS",
    PartnerState.REGISTERED,
    T0,
    version="2.2.1",
    roles=(PartnerRole("EMSP", Party("DE", "EMS"), "EMS"),),
)
HUB = replace(PARTNER, roles=(PartnerRole("HUB", Party("DE", "HUB"), "Hub"),))
TO = ReplyTo(PARTNER, PARTY, "https://partner.example/r/1", Party("DE", "EMS"))
TOKEN = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": "TAG1",
    "type": "RFID",
    "contract_id": "DE-EMS-1",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-03-01T00:00:00Z",
}


def evse(identity):
    return {
        "uid": f"EVSE-{identity}",
        "status": "AVAILABLE",
        "capabilities": ["RESERVABLE"],
        "charge_point": {"identity": identity, "evse_id": 1},
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 16,
            }
        ],
    }


LOCATION = {
    "id": "LOC1",
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
    "evses": [evse("CP1"), evse("CP2")],
}


class Clock:
    def __init__(self):
        self.moment = T0

    def __call__(self):
        return self.moment


@dataclass
class Router:
    """Stations that answer what the test says; nothing said: Accepted."""

    asked: list = field(default_factory=list)
    replies: list = field(default_factory=list)

    async def execute(self, identity, command, timeout):
        self.asked.append((identity, command))
        return self.replies.pop(0) if self.replies else CommandReply(CommandOutcome.ACCEPTED)


@dataclass
class Results:
    sent: list = field(default_factory=list)

    async def send(self, to, outcome):
        self.sent.append((to.url, outcome.value))
        return True

    async def cancelled(self, to):
        self.sent.append((to.url, "CANCELED"))
        return True


class Scene:
    def __init__(self, store, partners, clock):
        self.store = store
        self.books = store.party(PARTY)
        self.clock = clock
        self.router = Router()
        self.results = Results()
        self.in_flight = InFlight()
        self.catalogue = LocationCatalogue(store, partners, clock)
        self.reservations = Reservations(store, self.router, clock, Sites(store, "EUR", clock))
        self.expiry = ReservationExpiry(store, self.reservations, lambda: [PARTY], clock)
        self.orders = PartnerReservations(
            store,
            Targets(store, self.catalogue),
            self.reservations,
            self.results,
            partners=partners,
            currency="EUR",
            in_flight=self.in_flight,
            now=clock,
        )

    async def reserve(self, id_="R-1", uid="EVSE-CP1", minutes=10, **changes):
        order = ReserveOrder(
            TOKEN, T0 + timedelta(minutes=minutes), id_, Place("LOC1", uid), **changes
        )
        answer = await self.orders.reserve_now(TO, order)
        await self.in_flight.close()
        return answer

    async def sessions(self):
        return (await self.books.sessions.page(PageQuery(partner_id="ems"))).items

    async def known(self, identity="CP1"):
        return await self.reservations.all(identity)


@pytest.fixture
async def scene(store):
    clock = Clock()
    partners = PartnerDirectory(store, clock)
    await partners.load()
    await partners.save(PARTNER)
    made = Scene(store, partners, clock)
    for identity in ("CP1", "CP2"):
        await store.charge_points.put(ChargePointRecord(identity, PARTY, SecurityProfile(0)))
        await made.books.stations.connect(
            identity, node_id="node-1", protocol="ocpp1.6", remote="127.0.0.1", at=T0
        )
    await made.catalogue.put(PARTY, LOCATION)
    yield made
    await partners.close()


async def test_one_whose_time_is_over_ends_with_its_session(scene):
    """2.2.1 mod_sessions 9.1.4; a 1.6 station says nothing (5.13).

    A reservation ends "when the reservation expires" (mod_tariffs), not when that is noticed.
    """
    await scene.reserve()
    [session] = await scene.sessions()
    assert (session["status"], session["connector_id"]) == ("RESERVATION", "1")
    assert await scene.expiry.look() == 0

    scene.clock.moment = T0 + timedelta(minutes=11)
    assert await scene.expiry.look() == 1

    [session] = await scene.sessions()
    assert (session["status"], session["end_date_time"]) == (
        "COMPLETED",
        "2026-03-01T12:10:00.000Z",
    )
    assert (await scene.known())[0].status == "EXPIRED"
    assert await scene.books.remote_starts.list("CP1") == []
    assert await scene.expiry.look() == 0


async def test_a_replacement_that_is_refused_leaves_the_one_before(scene):
    """mod_commands 13.3.5."""
    await scene.reserve(authorization_reference="first")
    scene.router.replies = [CommandReply(CommandOutcome.REJECTED, "Rejected")]

    await scene.reserve(minutes=60, authorization_reference="second")

    [known] = await scene.known()
    assert (known.status, known.expires_at) == ("ACTIVE", T0 + timedelta(minutes=10))
    [(_, promise)] = await scene.books.remote_starts.list("CP1")
    assert promise["authorization_reference"] == "first"
    assert [outcome for _, outcome in scene.results.sent] == ["ACCEPTED", "REJECTED"]


async def test_a_replacement_at_another_charge_point_lets_the_first_go(scene):
    """mod_commands 13.3.5: "with the same Location"; the old one is not told as withdrawn."""
    await scene.reserve()
    await scene.reserve(uid="EVSE-CP2")

    first, second, third = scene.router.asked
    assert (first[0], second[0], third) == (
        "CP1",
        "CP2",
        ("CP1", CancelReservation(first[1].reservation_id)),
    )
    assert (await scene.known("CP1"))[0].status == "CANCELLED"
    assert (await scene.known("CP2"))[0].status == "ACTIVE"
    assert [outcome for _, outcome in scene.results.sent] == ["ACCEPTED", "ACCEPTED"]


async def test_after_a_refusal_elsewhere_the_id_still_means_the_first(scene):
    """mod_commands 13.3.1: it can still be cancelled."""
    await scene.reserve()
    scene.router.replies = [CommandReply(CommandOutcome.EVSE_OCCUPIED, "Occupied")]
    await scene.reserve(uid="EVSE-CP2")

    answer = await scene.orders.cancel_reservation(TO, "r-1")
    await scene.in_flight.close()

    assert answer is not None
    assert scene.router.asked[-1][0] == "CP1"
    assert (await scene.known("CP1"))[0].status == "CANCELLED"


async def test_a_station_that_does_not_answer_is_told_to_let_go(scene):
    """R28: one result; whatever the station did, nothing stays reserved."""
    scene.router.replies = [CommandReply(CommandOutcome.TIMEOUT)]
    await scene.reserve()

    reserve, cancel = (command for _, command in scene.router.asked)
    assert isinstance(reserve, ReserveNow)
    assert cancel == CancelReservation(reserve.reservation_id)
    assert scene.results.sent == [(TO.url, "TIMEOUT")]
    assert await scene.sessions() == []
    assert await scene.books.remote_starts.list("CP1") == []


async def test_the_same_id_of_another_emsp_behind_a_hub_is_another(scene):
    """mod_commands 13.3.5: "unique and is not used by another Sender"."""
    await scene.reserve()
    stranger = ReplyTo(PARTNER, PARTY, TO.url, Party("DE", "OTH"))

    assert await scene.orders.cancel_reservation(stranger, "R-1") is None


async def test_without_an_evse_the_first_free_one_is_kept(scene):
    """mod_commands 13.3.5: evse_uid is optional."""
    await scene.reserve(uid=None)

    assert scene.router.asked[0][0] == "CP1"
    [session] = await scene.sessions()
    assert session["evse_uid"] == "EVSE-CP1"


async def test_of_two_that_come_at_once_the_accepted_one_has_the_id(scene):
    """mod_commands 13.3.1: it must be possible to cancel what is reserved."""
    order = ReserveOrder(TOKEN, T0 + timedelta(minutes=10), "R-1", Place("LOC1", "EVSE-CP1"))
    scene.router.replies = [
        CommandReply(CommandOutcome.ACCEPTED, "Accepted"),
        CommandReply(CommandOutcome.EVSE_OCCUPIED, "Occupied"),
    ]
    await scene.orders.reserve_now(TO, order)
    await scene.orders.reserve_now(TO, order)
    await scene.in_flight.close()

    found = await scene.reservations.ordered(PARTY, "ems", "DE*EMS", "R-1")

    assert found is not None
    assert found[1].status == "ACTIVE"


async def test_two_that_come_at_once_leave_one_reservation(scene):
    """mod_commands 13.3.5: the same id again replaces; what cannot be cancelled is not kept."""
    orders = [
        ReserveOrder(TOKEN, T0 + timedelta(minutes=10), "R-1", Place("LOC1", f"EVSE-{identity}"))
        for identity in ("CP1", "CP2")
    ]

    answers = await asyncio.gather(*(scene.orders.reserve_now(TO, order) for order in orders))
    await scene.in_flight.close()

    found = [one for identity in ("CP1", "CP2") for one in await scene.known(identity)]
    assert [answer.result for answer in answers] == ["ACCEPTED", "ACCEPTED"]
    assert sorted(one.status for one in found) == ["ACTIVE", "CANCELLED"]
    [active] = [one for one in found if one.status == "ACTIVE"]
    kept = await scene.reservations.ordered(PARTY, "ems", "DE*EMS", "R-1")
    assert kept is not None
    assert kept[1].id == active.id


@pytest.mark.parametrize(
    ("partner", "sender", "others"),
    [
        (PARTNER, Party("DE", "EMS"), False),
        (PARTNER, Party("DE", "ROL"), False),
        (replace(PARTNER, id="other"), Party("DE", "EMS"), True),
        (HUB, Party("DE", "EMS"), False),
        (HUB, Party("DE", "HUB"), False),
        (HUB, Party("DE", "OTH"), True),
    ],
    ids=["own", "other role", "other partner", "own by hub", "the hub", "other by hub"],
)
async def test_the_parties_behind_a_hub_are_others_to_each_other(scene, partner, sender, others):
    """2.2.1 mod_commands 13.4.4: nobody unlocks the session of somebody else."""
    change = scene.books.change()
    holder = {"partner_id": "ems", "country_code": "DE", "party_id": "EMS"}
    transaction = {"id": "1", "state": "ACTIVE", "evse_id": 1, "flags": [], "holder": holder}
    scene.books.transactions.put(change, "CP1", "1", transaction, is_open=True, started=T0)
    await scene.store.commit(change)
    targets = Targets(scene.store, scene.catalogue)
    target = await targets.find(PARTY, Place("LOC1", "EVSE-CP1"))

    to = ReplyTo(partner, PARTY, TO.url, sender)

    assert await targets.in_use_by_others(to, target) is others


async def test_reservations_that_an_older_gateway_has_stored_are_kept(scene):
    """R27: written before partners could reserve, so without anything of theirs."""
    stored = {
        "id": 7,
        "evse_id": 1,
        "id_token": "TAG1",
        "token_type": "RFID",
        "requested_at": "2026-03-01T12:00:00Z",
        "expires_at": "2026-03-01T13:00:00Z",
        "group_id": None,
        "status": "ACTIVE",
        "ended_at": None,
        "word": "Accepted",
    }
    change = scene.books.change()
    scene.books.reservations.add(change, "CP1", 7, stored)
    await scene.store.commit(change)

    await scene.reserve()
    cancelled, _ = await scene.reservations.cancel("CP1", 7)

    assert (cancelled.status, cancelled.ordered) == ("CANCELLED", None)
    assert [one.status for one in await scene.known()] == ["CANCELLED", "ACTIVE"]
    assert [outcome for _, outcome in scene.results.sent] == ["ACCEPTED"]
