"""Who may charge, on a real store: groups, several places at once, master passes, caches."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.charge_points import ChargePointRecord, EvseBinding, SecurityProfile
from gateway.domain.events import (
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.tokens import (
    VISIT,
    AuthMethod,
    Authorization,
    AuthorizationStatus,
    TokenRef,
)
from gateway.services.access.authorization import AuthorizationPolicy, AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.service import TransactionService
from gateway.store import Fence, Store

PARTY = Party("NL", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CARD = TokenRef("CARD")
CONCURRENT_TX = AuthorizationStatus.CONCURRENT_TX


def now() -> datetime:
    return T0


@dataclass
class Owner:
    """The token owner's real-time authorization."""

    answer: Authorization | None = None
    asked: list[str] = field(default_factory=list)

    async def authorize(
        self, partner: Any, party: Any, uid: str, type: Any, location: Any, owner: Any = None
    ) -> Any:
        self.asked.append(uid)
        return self.answer


class House:
    """Authorization and transactions, as the composition root wires them."""

    def __init__(self, store: Store, partners: PartnerDirectory, **policy: Any) -> None:
        self.store = store
        self.owner = Owner()
        self.authorization = AuthorizationService(
            store, partners, self.owner, now, AuthorizationPolicy(**policy)
        )
        billing = Billing(store, "EUR", now)
        publisher = EvsePublisher(store, partners, now)
        self.transactions = TransactionService(
            store, self.authorization, billing, publisher, now=now, completion_wait=0
        )

    async def connect(self, identity: str = "CP1") -> StationState:
        record = ChargePointRecord(identity, PARTY, SecurityProfile.UNSECURED)
        epoch, _ = await self.store.party(PARTY).stations.connect(
            identity, node_id="node-1", protocol="ocpp1.6", remote="-", at=T0
        )
        state = StationState(record, Fence(identity, epoch), "ocpp1.6", T0, T0)
        state.bindings = {1: EvseBinding("LOC", "E1"), 2: EvseBinding("LOC", "E2")}
        return state

    async def own(self, uid: str = "CARD", **fields: Any) -> None:
        token = {"status": "Accepted", "expires_at": None, "group_id": None} | fields
        await self.store.tokens.put_own("RFID", uid, token)

    async def pushed(self, whitelist: str, **fields: Any) -> None:
        token = {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "CARD",
            "type": "RFID",
            "contract_id": "C1",
            "issuer": "EMS",
            "valid": True,
            "whitelist": whitelist,
            "last_updated": "2026-03-01T09:00:00Z",
        }
        await self.store.tokens.put("ems", token | fields)

    async def start(
        self, state: StationState, evse_id: int = 1, at: datetime = T0, uid: TokenRef = CARD
    ) -> tuple[str, Authorization]:
        event = TransactionStarted(evse_id, uid, at, Decimal(0))
        answer = await self.transactions.started(state, event)
        return answer.transaction_id, answer.authorization

    async def stop(self, state: StationState, id_: str, uid: TokenRef | None = None) -> Any:
        event = TransactionStopped(id_, T0 + timedelta(hours=1), Decimal(1000), token=uid)
        return await self.transactions.stopped(state, event)


@pytest.fixture
async def partners(store: Store) -> AsyncIterator[PartnerDirectory]:
    directory = PartnerDirectory(store, now)
    await directory.load()
    await directory.save(Partner("ems", "EMS", PartnerState.REGISTERED, T0))
    yield directory
    await directory.close()


# --- several places at once ---------------------------------------------------------------


async def test_a_token_may_charge_at_several_places_unless_the_operator_forbids_it(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners)
    await house.own()
    await house.start(await house.connect("CP1"))
    _, second = await house.start(await house.connect("CP2"))
    assert second.accepted


async def test_a_token_that_charges_elsewhere_is_concurrent_when_that_is_forbidden(
    store: Store, partners: PartnerDirectory
) -> None:
    """1.6 7.2: "already involved in another transaction and multiple ... are not allowed"."""
    house = House(store, partners, concurrent=False)
    await house.own()
    first = await house.connect("CP1")
    id_, _ = await house.start(first)
    other = await house.connect("CP2")
    _, refused = await house.start(other)
    assert refused.status is CONCURRENT_TX
    assert refused.expires_at is None
    # "Only relevant for a StartTransaction.req"
    assert (await house.authorization.authorize(other, CARD)).accepted
    await house.stop(first, id_)
    _, afterwards = await house.start(other, at=T0 + timedelta(hours=2))
    assert afterwards.accepted


async def test_it_holds_between_nodes_and_for_partners_tokens(
    store: Store, partners: PartnerDirectory, redis_url: str
) -> None:
    other_store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    here, there = (House(one, partners, concurrent=False) for one in (store, other_store))
    await here.pushed("ALWAYS")
    await here.start(await here.connect("CP1"))
    _, refused = await there.start(await there.connect("CP2"))
    assert refused.status is CONCURRENT_TX
    await other_store.close()


async def test_a_transaction_that_a_new_start_takes_over_does_not_count(
    store: Store, partners: PartnerDirectory
) -> None:
    """Its stop was lost; else the driver could never charge there again."""
    house = House(store, partners, concurrent=False)
    await house.own()
    state = await house.connect()
    await house.start(state)
    _, again = await house.start(state, at=T0 + timedelta(hours=1))
    assert again.accepted
    _, elsewhere = await house.start(state, evse_id=2, at=T0 + timedelta(hours=2))
    assert elsewhere.status is CONCURRENT_TX


async def test_a_refused_start_keeps_nobody_from_charging(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners, concurrent=False)
    await house.own(status="Blocked")
    await house.start(await house.connect("CP1"))
    await house.own()
    _, second = await house.start(await house.connect("CP2"))
    assert second.accepted


@pytest.mark.parametrize(("policy", "token"), [(False, True), (True, False)])
async def test_an_own_token_may_say_otherwise(
    store: Store, partners: PartnerDirectory, policy: bool, token: bool
) -> None:
    house = House(store, partners, concurrent=policy)
    await house.own(concurrent=token)
    await house.start(await house.connect("CP1"))
    _, second = await house.start(await house.connect("CP2"))
    assert second.accepted is token


# --- groups and master passes -------------------------------------------------------------


async def test_every_answer_about_a_token_names_its_group(
    store: Store, partners: PartnerDirectory
) -> None:
    """ocpp-rules 16; TC_C_39_CSMS: also what is told again, or of the one who stops."""
    house = House(store, partners)
    await house.own("CARD", group_id="FAMILY")
    await house.own("OTHER", group_id="FAMILY")
    state = await house.connect()
    asked = await house.authorization.authorize(state, CARD)
    id_, started = await house.start(state)
    _, again = await house.start(state)
    stopped = await house.stop(state, id_, TokenRef("OTHER"))
    assert [one.group for one in (asked, started, again, stopped)] == ["FAMILY"] * 4
    assert stopped.accepted


async def test_a_master_pass_stops_and_does_not_start(
    store: Store, partners: PartnerDirectory
) -> None:
    """TC_C_47_CSMS: Authorize and the stop are answered with the master's group."""
    house = House(store, partners, master_pass_group="POLICE")
    await house.own("CARD")
    await house.own("BADGE", group_id="Police")
    state = await house.connect()
    badge = TokenRef("BADGE")
    asked = await house.authorization.authorize(state, badge)
    assert (asked.status, asked.group) == (AuthorizationStatus.ACCEPTED, "Police")
    await house.transactions.reported(state, event(TransactionPhase.STARTED, 0, "Authorized", CARD))
    ended = await house.transactions.reported(
        state, event(TransactionPhase.ENDED, 1, "StopAuthorized", badge)
    )
    assert ended.authorization is not None
    assert (ended.authorization.accepted, ended.authorization.group) == (True, "Police")
    _, refused = await house.start(state, uid=badge)
    assert refused.status is AuthorizationStatus.INVALID


async def test_a_partners_group_of_that_name_is_no_master_pass(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners, master_pass_group="POLICE")
    await house.pushed("ALWAYS", group_id="POLICE")
    _, answer = await house.start(await house.connect())
    assert answer.accepted


def event(
    phase: TransactionPhase, seq_no: int, trigger: str, token: TokenRef | None
) -> TransactionReported:
    at = T0 + timedelta(minutes=seq_no)
    return TransactionReported(phase, "TX", seq_no, at, trigger, evse_id=1, token=token)


# --- how long a station may hold on to it --------------------------------------------------


@pytest.mark.parametrize(
    ("whitelist", "asked", "held"),
    [
        ("ALWAYS", False, DAY),
        ("ALLOWED", False, DAY),
        ("ALLOWED_OFFLINE", True, DAY),  # while it is online, each start is asked about anyway
        ("NEVER", True, VISIT),
    ],
)
async def test_the_whitelist_type_says_how_long_a_station_may_hold_a_token(
    store: Store, partners: PartnerDirectory, whitelist: str, asked: bool, held: timedelta
) -> None:
    house = House(store, partners, cache=DAY)
    house.owner.answer = Authorization(AuthorizationStatus.ACCEPTED, method=AuthMethod.AUTH_REQUEST)
    await house.pushed(whitelist)
    state = await house.connect()
    first = await house.authorization.authorize(state, CARD)
    assert bool(house.owner.asked) is asked
    assert first.expires_at == T0 + held
    id_, started = await house.start(state)
    _, again = await house.start(state)
    assert {one.expires_at for one in (started, again)} == {T0 + held}
    # from the stop on, which may be told again much later and is answered the same
    stopped = await house.stop(state, id_, CARD)
    assert stopped.expires_at == T0 + timedelta(hours=1) + held


async def test_an_own_token_is_held_until_its_end_at_most(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners, cache=DAY)
    state = await house.connect()
    await house.own(expires_at="2026-03-01T12:00:00Z")
    assert (await house.authorization.authorize(state, CARD)).expires_at == T0.replace(hour=12)
    await house.own(expires_at="2027-01-01T00:00:00Z")
    assert (await house.authorization.authorize(state, CARD)).expires_at == T0 + DAY
    await house.own(expires_at="2026-02-01T00:00:00Z")
    expired = await house.authorization.authorize(state, CARD)
    assert expired.status is AuthorizationStatus.EXPIRED


async def test_what_a_remote_start_was_promised_is_no_card_for_tomorrow(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners, cache=DAY)
    await house.pushed("ALWAYS")
    [token] = await store.tokens.find("CARD")
    promise = {
        "remote_start_id": 1,
        "id_token": "CARD",
        "evse_id": 1,
        "token": token.document,
        "partner_id": "ems",
        "authorization_reference": None,
    }
    await store.party(PARTY).remote_starts.put("CP1", "1", promise, 60)
    answer = await house.authorization.authorize(await house.connect(), CARD)
    assert (answer.method, answer.expires_at) == (AuthMethod.COMMAND, T0 + VISIT)


async def promised(house: House, key: str, **fields: Any) -> None:
    """A promise for a card of that uid; several partners may have one."""
    promise = {
        "remote_start_id": None,
        "id_token": "CARD",
        "evse_id": 1,
        "token": {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "CARD",
            "type": "RFID",
            "contract_id": "C1",
        },
        "partner_id": "ems",
        "authorization_reference": None,
    }
    await house.store.party(PARTY).remote_starts.put("CP1", key, promise | fields, 60)


async def test_the_number_of_a_start_says_who_has_asked_for_it(
    store: Store, partners: PartnerDirectory
) -> None:
    """Two partners may have a card of the same uid: each pays for its own start."""
    house = House(store, partners)
    state = await house.connect()
    for number in range(1, 9):
        await promised(house, str(number), remote_start_id=number, partner_id=f"ems-{number}")

    for number in range(1, 9):
        told = await house.authorization.for_start(state, CARD, 1, number)
        assert told.holder is not None
        assert told.holder.partner_id == f"ems-{number}"


async def test_the_last_reference_given_counts(store: Store, partners: PartnerDirectory) -> None:
    """Mod_sessions 9.3.1: "the last given value SHALL be used here"; a start before a reservation.

    A charge point of 1.6 does not say which of two starts it has carried out.
    """
    house = House(store, partners)
    state = await house.connect()
    await promised(house, "reservation:1", reservation_id=1, authorization_reference="reserved")
    for number in range(1, 9):
        reference = f"start {number}"
        await promised(
            house, str(number), remote_start_id=number, authorization_reference=reference
        )
        await asyncio.sleep(0.002)  # a promise is as old as its milliseconds

    told = await house.authorization.for_start(state, CARD, 1)

    assert told.reference == "start 8"


@pytest.mark.parametrize(
    ("status", "expected"), [("RESERVATION", "S1"), ("COMPLETED", None), (None, "S1")]
)
async def test_a_session_that_was_completed_is_not_taken_up_again(
    store: Store, partners: PartnerDirectory, status: str | None, expected: str | None
) -> None:
    """2.2.1 mod_sessions 9.4.2, COMPLETED: "no more modifications".

    The reservation is over before the driver whom a command has started plugs in.
    """
    house = House(store, partners)
    state = await house.connect()
    await promised(house, "1", remote_start_id=1, session_id="S1")
    if status is not None:
        books = store.party(PARTY)
        change = books.change()
        books.sessions.put(change, "S1", {"id": "S1", "status": status}, updated=T0)
        await store.commit(change)

    told = await house.authorization.for_start(state, CARD, 1, 1)

    assert (told.accepted, told.session_id) == (True, expected)


# --- only some EVSEs ----------------------------------------------------------------------


async def allowed_at(house: House, *uids: str) -> StationState:
    """The owner says where its token may charge."""
    house.owner.answer = Authorization(
        AuthorizationStatus.ACCEPTED, method=AuthMethod.AUTH_REQUEST, evse_uids=uids
    )
    await house.pushed("NEVER")
    return await house.connect()


async def test_the_owners_evses_are_told_in_the_stations_numbers(
    store: Store, partners: PartnerDirectory
) -> None:
    """ocpp-rules 25: per-EVSE rights."""
    house = House(store, partners)
    state = await allowed_at(house, "e2", "elsewhere")
    answer = await house.authorization.authorize(state, CARD)
    assert (answer.accepted, answer.evse_ids) == (True, (2,))
    _, wrong = await house.start(state, evse_id=1)
    assert wrong.status is AuthorizationStatus.NOT_ALLOWED_AT_LOCATION
    await house.authorization.authorize(state, CARD)
    _, right = await house.start(state, evse_id=2)
    assert right.accepted


async def test_all_evses_are_no_restriction_and_none_is_a_refusal(
    store: Store, partners: PartnerDirectory
) -> None:
    house = House(store, partners)
    state = await allowed_at(house, "E1", "E2")
    assert (await house.authorization.authorize(state, CARD)).evse_ids == ()
    state = await allowed_at(house, "E9")
    answer = await house.authorization.authorize(state, CARD)
    assert answer.status is AuthorizationStatus.NOT_ALLOWED_AT_LOCATION


# --- verified although the station has decided already --------------------------------------


async def test_a_blocked_token_that_started_offline_is_recorded_and_answered_blocked(
    store: Store, partners: PartnerDirectory
) -> None:
    """security-and-faults row 21 (1.6 4.8; E01.FR.11, E02.FR.04, E05.FR.01)."""
    house = House(store, partners)
    await house.own(status="Blocked")
    state = await house.connect()
    id_, answer = await house.start(state, at=T0 - timedelta(hours=3))
    assert answer.status is AuthorizationStatus.BLOCKED
    [kept] = await store.party(PARTY).transactions.list("CP1")
    assert (kept["id"], kept["authorization"]) == (id_, "Blocked")
    told = await house.transactions.reported(
        state,
        TransactionReported(
            TransactionPhase.STARTED,
            "TX2",
            0,
            T0 - timedelta(hours=2),
            "Authorized",
            evse_id=2,
            token=CARD,
            offline=True,
        ),
    )
    assert told.authorization is not None
    assert told.authorization.status is AuthorizationStatus.BLOCKED
    assert len(await store.party(PARTY).transactions.list("CP1")) == 2
