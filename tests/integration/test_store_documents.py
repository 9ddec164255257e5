"""Documents of a party: order, paging, dates."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.party import Party
from gateway.store import PageQuery, PartyStore, Store

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def party(store: Store) -> PartyStore:
    return store.party(Party("NL", "ABC"))


async def put(
    store: Store, party: PartyStore, id_: str, updated: datetime, partner_id: str | None = None
) -> None:
    change = party.change()
    party.sessions.put(change, id_, {"id": id_}, updated=updated, partner_id=partner_id)
    await store.commit(change)


async def ids(party: PartyStore, query: PageQuery) -> tuple[list[str], int]:
    page = await party.sessions.page(query)
    return [item["id"] for item in page.items], page.total


async def test_a_document_comes_back_digit_for_digit_whatever_the_case_of_its_id(
    store: Store, party: PartyStore
) -> None:
    change = party.change()
    document = {"id": "AbC", "kwh": Decimal("0.10"), "name": "é\n"}
    party.sessions.put(change, "AbC", document, updated=NOON)
    await store.commit(change)

    assert await party.sessions.get("aBc") == document
    assert str((await party.sessions.get_many(["x", "ABC"]))[1]["kwh"]) == "0.10"  # type: ignore[index]
    assert await party.sessions.get_many([]) == []


async def test_a_list_is_in_the_order_of_creation_whatever_is_updated_later(
    store: Store, party: PartyStore
) -> None:
    """OCPI transport and format: oldest first, so that pages do not shift."""
    for id_ in ["c", "a", "b"]:
        await put(store, party, id_, NOON)
    await put(store, party, "c", NOON + timedelta(hours=1))

    assert await ids(party, PageQuery()) == (["c", "a", "b"], 3)
    assert await ids(party, PageQuery(offset=1, limit=1)) == (["a"], 3)
    assert await ids(party, PageQuery(offset=9, limit=1)) == ([], 3)
    assert await ids(party, PageQuery(limit=0)) == ([], 3)


async def test_date_from_is_inclusive_and_date_to_exclusive(
    store: Store, party: PartyStore
) -> None:
    for minute in range(4):
        await put(store, party, f"s{minute}", NOON + timedelta(minutes=minute))
    query = PageQuery(date_from=NOON + timedelta(minutes=1), date_to=NOON + timedelta(minutes=3))

    assert await ids(party, query) == (["s1", "s2"], 2)


async def test_the_total_counts_what_matches_not_what_is_shown(
    store: Store, party: PartyStore
) -> None:
    for number in range(30):
        await put(store, party, f"s{number:02}", NOON + timedelta(minutes=number))

    many = PageQuery(date_from=NOON + timedelta(minutes=5), offset=2, limit=3)
    few = PageQuery(date_from=NOON + timedelta(minutes=25), offset=2, limit=2)

    assert await ids(party, many) == (["s07", "s08", "s09"], 25)
    assert await ids(party, few) == (["s27", "s28"], 5)


async def test_dates_finer_than_a_millisecond_miss_nothing(store: Store, party: PartyStore) -> None:
    await put(store, party, "s", NOON + timedelta(microseconds=1_500))

    before = PageQuery(date_to=NOON + timedelta(microseconds=1_000))
    at = PageQuery(date_from=NOON + timedelta(milliseconds=1))

    assert await ids(party, before) == ([], 0)
    assert await ids(party, at) == (["s"], 1)


async def test_last_updated_never_goes_back(store: Store, party: PartyStore) -> None:
    """security-and-faults R20."""
    await put(store, party, "s", NOON)
    await put(store, party, "s", NOON - timedelta(days=1))

    assert await party.sessions.updated(["S", "x"]) == [NOON, None]


async def test_a_touch_lifts_last_updated_only(store: Store, party: PartyStore) -> None:
    await put(store, party, "s", NOON)
    change = party.change()
    party.sessions.touch(change, "s", NOON + timedelta(seconds=1))
    await store.commit(change)

    assert await party.sessions.updated(["s"]) == [NOON + timedelta(seconds=1)]
    assert await party.sessions.get("s") == {"id": "s"}


async def test_a_partner_sees_its_own_documents_only(store: Store, party: PartyStore) -> None:
    """security-and-faults S8."""
    await put(store, party, "a", NOON, "p1")
    await put(store, party, "b", NOON, "p2")
    await put(store, party, "c", NOON)

    assert await ids(party, PageQuery(partner_id="p1")) == (["a"], 1)
    assert await ids(party, PageQuery(partner_id="p2", date_from=NOON)) == (["b"], 1)
    assert await ids(party, PageQuery(partner_id="p3")) == ([], 0)
    assert await ids(party, PageQuery()) == (["a", "b", "c"], 3)


async def test_a_removed_document_leaves_every_list(store: Store, party: PartyStore) -> None:
    await put(store, party, "a", NOON, "p1")
    change = party.change()
    party.sessions.hide(change, "A", "p1")
    party.sessions.remove(change, "A")
    await store.commit(change)

    assert await party.sessions.get("a") is None
    assert await ids(party, PageQuery()) == ([], 0)
    assert await ids(party, PageQuery(partner_id="p1", date_from=NOON)) == ([], 0)


async def test_a_hidden_document_stays_in_the_other_lists(store: Store, party: PartyStore) -> None:
    await put(store, party, "a", NOON, "p1")
    change = party.change()
    party.sessions.hide(change, "A", "p1")
    await store.commit(change)

    assert await ids(party, PageQuery(partner_id="p1")) == ([], 0)
    assert await ids(party, PageQuery()) == (["a"], 1)


async def test_parties_do_not_share_documents(store: Store, party: PartyStore) -> None:
    await put(store, party, "a", NOON)

    assert await store.party(Party("DE", "ABC")).sessions.get("a") is None
    assert store.party(Party("nl", "abc")) is party


async def test_walking_all_pages_with_dates_meets_each_of_many_documents_once(
    store: Store, party: PartyStore
) -> None:
    """More documents than one reading of the index takes."""
    for first in range(0, 12_000, 1_000):
        change = party.change()
        for number in range(first, first + 1_000):
            updated = NOON + timedelta(seconds=number % 7)
            party.cdrs.put(change, f"c{number:05}", {"id": f"c{number:05}"}, updated=updated)
        await store.commit(change)
    query = {"date_from": NOON, "date_to": NOON + timedelta(seconds=6), "limit": 4_000}

    met: list[str] = []
    for offset in range(0, 12_000, 4_000):
        page = await party.cdrs.page(PageQuery(offset=offset, **query))  # type: ignore[arg-type]
        met += [item["id"] for item in page.items]

    assert met == [f"c{number:05}" for number in range(12_000) if number % 7 < 6]
    assert page.total == len(met)
