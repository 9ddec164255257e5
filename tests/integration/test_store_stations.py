"""Charge points: live state, routes, transactions, promises."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.party import Party
from gateway.store import EvseLive, Fence, PartyStore, Route, Store

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
HOSTILE = ["*", "CP:1", "{NL*XYZ}", "a\nb", "a\r\nFLUSHALL\r\n", "CP1:x", "..", "%", "é", "CP 1"]


@pytest.fixture
def party(store: Store) -> PartyStore:
    return store.party(Party("NL", "ABC"))


async def connect(party: PartyStore, identity: str, node_id: str = "node-1") -> Fence:
    epoch, _ = await party.stations.connect(
        identity, node_id=node_id, protocol="ocpp2.0.1", remote="192.0.2.1", at=NOW
    )
    return Fence(identity, epoch)


async def test_the_newest_connection_has_the_route_and_finds_the_state(
    store: Store, party: PartyStore
) -> None:
    first = await connect(party, "CP1")
    change = party.change(first)
    party.stations.put(change, "CP1", "boot", {"vendor": "V"})
    await store.commit(change)

    epoch, fields = await party.stations.connect(
        "CP1", node_id="node-2", protocol="ocpp1.6", remote="192.0.2.1", at=NOW
    )

    assert fields == {"boot": {"vendor": "V"}} == await party.stations.load("CP1")
    assert await party.stations.route("CP1") == Route("node-2", epoch, "ocpp1.6", NOW)


async def test_the_end_of_an_old_connection_leaves_the_new_route(party: PartyStore) -> None:
    """security-and-faults S3."""
    old = await connect(party, "CP1")
    new = await connect(party, "CP1", "node-2")

    assert not await party.stations.disconnect(old, NOW)
    assert await party.stations.route("CP1") is not None
    assert await party.stations.disconnect(new, NOW)
    assert await party.stations.route("CP1") is None


async def test_hostile_identities_keep_to_themselves(store: Store, party: PartyStore) -> None:
    """security-and-faults S22."""
    for identity in [*HOSTILE, "CP1"]:
        fence = await connect(party, identity)
        change = party.change(fence)
        party.stations.put(change, identity, "me", identity)
        party.stations.keep(change, identity, "Notify*", identity, cap=5)
        party.transactions.put(change, identity, "t:1", {"of": identity}, is_open=True, started=NOW)
        party.transactions.add_readings(change, identity, "t:1", [identity])
        await store.commit(change)

    for identity in [*HOSTILE, "CP1"]:
        assert await party.stations.load(identity) == {"me": identity}
        assert await party.stations.kept(identity, "Notify*", 9) == [identity]
        assert await party.transactions.open(identity) == [{"of": identity}]
        assert await party.transactions.readings(identity, "t:1") == [identity]
    for identity in HOSTILE:
        forgetting = party.change()
        await party.stations.forget(forgetting, identity)
        await store.commit(forgetting)
    assert await party.stations.load("CP1") == {"me": "CP1"}
    assert await party.stations.kept("CP1", "Notify*", 9) == ["CP1"]
    assert await party.stations.kept(HOSTILE[0], "Notify*", 9) == []


async def test_kept_reports_are_the_last_ones(store: Store, party: PartyStore) -> None:
    change = party.change()
    for number in range(10):
        party.stations.keep(change, "CP1", "NotifyEvent", number, cap=4)
    await store.commit(change)

    assert await party.stations.kept("CP1", "NotifyEvent", 100) == [6, 7, 8, 9]
    assert await party.stations.kept("CP1", "NotifyEvent", 2) == [8, 9]
    assert await party.stations.kept("CP1", "NotifyEvent", 0) == []


async def test_an_evse_has_its_status_whatever_the_case(store: Store, party: PartyStore) -> None:
    change = party.change()
    party.evses.put(change, "LOC1", "EV/1", "CHARGING", NOW)
    await store.commit(change)

    assert await party.evses.get_many([("loc1", "ev/1"), ("loc1/ev", "1")]) == [
        EvseLive("CHARGING", NOW),
        None,
    ]
    assert await party.evses.get_many([]) == []


async def put_transaction(
    store: Store, party: PartyStore, identity: str, id_: str, minute: int, *, is_open: bool
) -> None:
    change = party.change()
    started = NOW + timedelta(minutes=minute)
    party.transactions.put(change, identity, id_, {"id": id_}, is_open=is_open, started=started)
    await store.commit(change)


async def test_transactions_are_listed_newest_first(store: Store, party: PartyStore) -> None:
    for id_, minute, is_open in [("10", 1, True), ("9", 2, True), ("11", 3, False)]:
        await put_transaction(store, party, "CP1", id_, minute, is_open=is_open)
    await put_transaction(store, party, "CP2", "9", 4, is_open=True)
    transactions = party.transactions

    assert [one["id"] for one in await transactions.list("CP1")] == ["11", "9", "10"]
    assert [one["id"] for one in await transactions.list("CP1", open_only=True)] == ["9", "10"]
    assert [one["id"] for one in await transactions.list("CP1", limit=1, offset=1)] == ["9"]
    assert [one["id"] for one in await transactions.open("CP1")] == ["10", "9"]
    page, total = await transactions.page(offset=0, limit=2)
    assert ([one["id"] for one in page], total) == (["9", "11"], 4)


async def test_an_ended_transaction_leaves_the_open_ones(store: Store, party: PartyStore) -> None:
    await put_transaction(store, party, "CP1", "1", 0, is_open=True)
    await put_transaction(store, party, "CP1", "1", 0, is_open=False)

    assert await party.transactions.open("CP1") == []
    assert await party.transactions.get("CP1", "1") == {"id": "1"}
    assert await party.transactions.get("CP2", "1") is None


async def test_readings_are_appended_in_order(store: Store, party: PartyStore) -> None:
    for first in (0, 2):
        change = party.change()
        party.transactions.add_readings(change, "CP1", "1", [{"n": first}, {"n": first + 1}])
        party.transactions.add_readings(change, "CP1", "1", [])
        await store.commit(change)

    assert [one["n"] for one in await party.transactions.readings("CP1", "1")] == [0, 1, 2, 3]


async def test_a_promise_expires_by_itself(store: Store, party: PartyStore) -> None:
    await party.remote_starts.put("CP1", "short", {"n": 1}, ttl=0.05)
    await party.remote_starts.put("CP1", "long", {"n": 2}, ttl=60)

    async with asyncio.timeout(5):
        # the server's clock decides
        while len(await party.remote_starts.list("CP1")) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    assert await party.remote_starts.list("CP1") == [("long", {"n": 2})]
    await party.remote_starts.put("CP1", "other", {}, ttl=1)
    assert await store.redis.hlen("gw:{NL*ABC}:remote-starts:CP1") == 2
    assert await store.redis.pttl("gw:{NL*ABC}:remote-starts:CP1") > 50_000


async def test_a_promise_is_used_up_within_a_change(store: Store, party: PartyStore) -> None:
    await party.remote_starts.put("CP1", "k", {"n": 1}, ttl=60)
    change = party.change()
    party.remote_starts.take(change, "CP1", "k")
    await store.commit(change)

    assert await party.remote_starts.list("CP1") == []


async def test_progress_overlays_a_transaction_until_its_next_full_version(
    store: Store, party: PartyStore
) -> None:
    await put_transaction(store, party, "CP:1", "t/1", 0, is_open=True)
    change = party.change()
    party.transactions.update(change, "CP:1", "t/1", {"id": "t/1", "energy": 1, "state": "A"})
    party.transactions.progress(change, "CP:1", "t/1", {"energy": 2})
    await store.commit(change)
    seen = {"id": "t/1", "energy": 2, "state": "A"}
    assert await party.transactions.get("CP:1", "t/1") == seen
    assert await party.transactions.open("CP:1") == [seen]

    change = party.change()
    party.transactions.update(change, "CP:1", "t/1", {"id": "t/1", "energy": 3, "state": "B"})
    await store.commit(change)
    assert await party.transactions.get("CP:1", "t/1") == {"id": "t/1", "energy": 3, "state": "B"}


async def test_a_transaction_keeps_its_place_its_site_and_its_session(
    store: Store, party: PartyStore
) -> None:
    await put_transaction(store, party, "CP:1", "t/1", 0, is_open=True)
    change = party.change()
    party.transactions.update(change, "CP:1", "t/1", {"id": "t/1", "state": "CHARGING"})
    party.transactions.put_snapshot(change, "CP:1", "t/1", {"currency": "EUR"})
    party.transactions.put_session(change, "Session-1", "CP:1", "t/1")
    await store.commit(change)

    assert await party.transactions.open("CP:1") == [{"id": "t/1", "state": "CHARGING"}]
    assert await party.transactions.snapshot("CP:1", "t/1") == {"currency": "EUR"}
    assert await party.transactions.snapshot("CP:1", "t") is None
    assert await party.transactions.of_session("session-1") == ("CP:1", "t/1")
    assert await party.transactions.of_session("session-2") is None
