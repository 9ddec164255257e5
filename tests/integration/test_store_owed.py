"""What is owed to partners: dirty keys with versions."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.store import PartyStore, Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
SESSION = ObjectRef(ObjectKind.SESSION, "S1")
EVSE = ObjectRef(ObjectKind.EVSE, "LOC1", "EV/1")


@pytest.fixture
def party(store: Store) -> PartyStore:
    return store.party(Party("NL", "ABC"))


async def mark(store: Store, party: PartyStore, *refs: ObjectRef) -> None:
    change = party.change()
    for ref in refs:
        party.owed.mark(change, ["p1"], ref)
    await store.commit(change)


async def test_an_object_marked_again_is_owed_once_and_goes_to_the_end(
    store: Store, party: PartyStore
) -> None:
    await mark(store, party, SESSION, EVSE)
    await mark(store, party, SESSION)

    assert await party.owed.due("p1", 10) == [(EVSE, 2), (SESSION, 3)]
    assert await party.owed.due("p1", 1) == [(EVSE, 2)]
    assert await party.owed.due("p1", 0) == []
    assert await party.owed.due("p2", 10) == []


async def test_an_object_marked_again_in_flight_stays_owed(store: Store, party: PartyStore) -> None:
    await mark(store, party, SESSION)
    [(ref, version)] = await party.owed.due("p1", 10)
    await mark(store, party, SESSION)

    assert not await party.owed.settle("p1", ref, version)
    assert await party.owed.count("p1") == 1
    assert await party.owed.settle("p1", ref, version + 1)
    assert await party.owed.count("p1") == 0
    assert not await party.owed.settle("p1", ref, version + 1)


async def test_marking_wakes_the_partner_on_every_node(store: Store, party: PartyStore) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    store.bus.subscribe("owed", heard.put_nowait)
    await mark(store, party, SESSION, EVSE)

    async with asyncio.timeout(5):
        assert await heard.get() == {"partner": "p1", "party": "NL*ABC"}
    assert heard.empty()


async def test_a_refused_object_is_kept_for_the_operator_and_no_longer_owed(
    store: Store, party: PartyStore
) -> None:
    await mark(store, party, SESSION, EVSE)
    await party.owed.refuse("p1", SESSION, 1, "2001: unknown token", NOW)
    await party.owed.refuse("p1", EVSE, 1, "an old version", NOW)

    assert await party.owed.due("p1", 10) == [(EVSE, 2)]
    newest = (await party.owed.refused("p1"))[0]
    assert newest["reason"] == "an old version"
    assert (await party.owed.refused("p1", limit=0)) == []
    assert len(await party.owed.refused("p1")) == 2


async def test_what_a_partner_acknowledged_is_remembered_until_forgotten(
    store: Store, party: PartyStore
) -> None:
    await party.owed.set_known("p1", SESSION, "3")

    assert await party.owed.known("p1", SESSION) == "3"
    assert await party.owed.known("p2", SESSION) is None
    await party.owed.set_known("p1", SESSION, None)
    assert await party.owed.known("p1", SESSION) is None


async def test_a_dropped_partner_is_owed_nothing(store: Store, party: PartyStore) -> None:
    await mark(store, party, SESSION)
    await party.owed.set_known("p1", SESSION, "3")
    await party.owed.drop_partner("p1")

    assert await party.owed.count("p1") == 0
    assert await party.owed.known("p1", SESSION) is None
