"""Several parties on one platform: added, known to every node, removed when nothing is left."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.parties import PartyBook, PartyInfo, PartyInUse

FIRST, SECOND = Party("NL", "ABC"), Party("BE", "DEF")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def books(store):
    """The parties as two nodes know them."""
    opened = [PartyBook(PartyInfo(FIRST, "Set"), store=store, reread_seconds=60) for _ in "12"]
    for book in opened:
        await book.load()
    yield opened
    for book in opened:
        await book.close()


async def eventually(holds):
    async with asyncio.timeout(5):
        while True:
            if holds():
                return
            await asyncio.sleep(0.01)


def names(book):
    return [(str(info.party), info.business_name) for info in book.all()]


async def test_a_party_added_on_one_node_is_known_on_the_other(books):
    """Its details too, and the first stays the first."""
    here, there = books
    details = {"website": "https://b.example"}

    assert await here.put(PartyInfo(SECOND, "Second", details)) is True

    assert names(here) == [("NL*ABC", "Set"), ("BE*DEF", "Second")]
    await eventually(lambda: there.knows(SECOND))
    assert there.get(SECOND).business_details == {"name": "Second", **details}
    assert there.default == FIRST


async def test_parties_stay_in_the_order_in_which_they_came(books):
    here, _ = books
    for name in ("ZZZ", "AAA", "MMM"):
        await here.put(PartyInfo(Party("NL", name), name))
    assert await here.put(PartyInfo(Party("NL", "ZZZ"), "changed")) is False

    assert [name for _, name in names(here)] == ["Set", "changed", "AAA", "MMM"]


async def test_what_the_operator_says_of_the_first_party_replaces_its_setting(books):
    here, there = books

    await here.put(PartyInfo(FIRST, "Told"))

    await eventually(lambda: names(there) == [("NL*ABC", "Told")])


async def test_a_removed_party_is_gone_on_every_node(books):
    here, there = books
    await here.put(PartyInfo(SECOND, "Second"))
    await eventually(lambda: there.knows(SECOND))

    await here.remove(SECOND)

    assert not here.knows(SECOND)
    await eventually(lambda: not there.knows(SECOND))


async def test_the_first_party_is_never_removed(books):
    with pytest.raises(PartyInUse):
        await books[0].remove(FIRST)
    assert books[0].knows(FIRST)


async def _charge_point(store):
    record = ChargePointRecord("CP1", SECOND, SecurityProfile.UNSECURED)
    await store.charge_points.put(record)


async def _document(store, kind, **members):
    books = store.party(SECOND)
    change = books.change()
    getattr(books, kind).put(change, "1", {"id": "1", **members}, updated=NOW)
    await store.commit(change)


IN_USE = {
    "charge points": _charge_point,
    "locations": lambda store: _document(store, "locations", evses=[{"uid": "1"}]),
    "tariffs": lambda store: _document(store, "tariffs"),
    "open sessions": lambda store: _document(store, "sessions", status="ACTIVE"),
}


@pytest.mark.parametrize("what", IN_USE)
async def test_a_party_that_still_has_something_stays(books, store, what):
    await books[0].put(PartyInfo(SECOND, "Second"))
    await IN_USE[what](store)

    with pytest.raises(PartyInUse) as refused:
        await books[0].remove(SECOND)

    assert refused.value.reasons == [f"1 {what}"]
    assert books[0].knows(SECOND)


async def test_what_is_over_does_not_hold_a_party(books, store):
    """A location is never deleted (ocpi-rules 13): its EVSEs become REMOVED."""
    await books[0].put(PartyInfo(SECOND, "Second"))
    await _document(store, "locations", evses=[{"uid": "1", "status": "REMOVED"}])
    await _document(store, "sessions", status="COMPLETED")
    await _document(store, "cdrs")

    await books[0].remove(SECOND)

    assert not books[0].knows(SECOND)


@pytest.mark.parametrize("parties", [None, frozenset(), frozenset({FIRST, SECOND})])
async def test_what_a_partner_may_see_is_kept(store, parties):
    """None is all of them, and nothing is nothing: not the same after a restart."""
    partner = Partner(
        id="p",
        name="p",
        state=PartnerState.REGISTERED,
        created_at=NOW,
        parties=parties,
        told=parties,
        hub_party=SECOND,
    )

    await store.partners.put(partner)

    assert await store.partners.get("p") == partner
    assert partner.sees(FIRST) is (parties is None or FIRST in parties)


def test_a_party_is_seen_only_when_it_is_allowed_and_was_told():
    """A partner refuses objects of a party that is none of our roles (credentials 7.3.1)."""
    partner = Partner("p", "p", PartnerState.REGISTERED, NOW, told=frozenset({FIRST}))

    assert partner.sees(FIRST)
    assert partner.may_see(SECOND)
    assert not partner.sees(SECOND)
    assert not replace(partner, parties=frozenset({SECOND})).sees(FIRST)
