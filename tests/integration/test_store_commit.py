"""A change is applied as a whole, by the connection that holds the epoch, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.store import (
    Conflict,
    Fence,
    Fenced,
    PartyStore,
    SchemaMismatch,
    Store,
    StoreError,
    StoreUnavailable,
)

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def party(store: Store) -> PartyStore:
    return store.party(Party("NL", "ABC"))


async def connect(party: PartyStore, identity: str) -> Fence:
    epoch, _ = await party.stations.connect(
        identity, node_id="node-1", protocol="ocpp1.6", remote="192.0.2.1", at=NOW
    )
    return Fence(identity, epoch)


@asynccontextmanager
async def server_config(store: Store, name: str, value: str) -> AsyncIterator[None]:
    before = (await store.redis.config_get(name))[name]
    await store.redis.config_set(name, value)
    try:
        yield
    finally:
        await store.redis.config_set(name, before)


async def test_a_stale_epoch_is_refused_and_nothing_is_written(
    store: Store, party: PartyStore
) -> None:
    """security-and-faults R25."""
    old = await connect(party, "CP1")
    new = await connect(party, "CP1")
    change = party.change(old)
    party.stations.put(change, "CP1", "boot", {"vendor": "old"})
    party.sessions.put(change, "S1", {"id": "S1"}, updated=NOW)
    party.owed.mark(change, ["p1"], ObjectRef(ObjectKind.SESSION, "S1"))

    with pytest.raises(Fenced) as caught:
        await store.commit(change)

    assert caught.value.current == new.epoch > old.epoch
    assert await party.stations.load("CP1") == {}
    assert await party.sessions.get("S1") is None
    assert await party.owed.count("p1") == 0


async def test_a_forgotten_station_fences_its_last_connection(
    store: Store, party: PartyStore
) -> None:
    fence = await connect(party, "CP1")
    newer = await connect(party, "CP1")
    forgetting = party.change(newer)
    await party.stations.forget(forgetting, "CP1")
    await store.commit(forgetting)
    change = party.change(fence)
    party.stations.put(change, "CP1", "boot", {})

    with pytest.raises(Fenced) as caught:
        await store.commit(change)

    assert caught.value.current == newer.epoch


async def test_an_epoch_is_never_given_out_again_when_the_server_comes_back_empty(
    store: Store, party: PartyStore
) -> None:
    """security-and-faults R5."""
    before = await connect(party, "CP1")
    await store.redis.flushall()

    assert (await connect(party, "CP1")).epoch > before.epoch


async def test_a_change_whose_expectation_fails_writes_nothing(
    store: Store, party: PartyStore
) -> None:
    first = party.change()
    party.transactions.claim_start(first, "CP1", "1|tag|noon", "7")
    await store.commit(first)
    second = party.change()
    party.stations.put(second, "CP1", "boot", {})
    party.transactions.claim_start(second, "CP1", "1|tag|noon", "8")

    with pytest.raises(Conflict) as caught:
        await store.commit(second)

    assert caught.value.current == b"7"
    assert caught.value.field == "1|tag|noon"
    assert await party.stations.load("CP1") == {}
    assert await party.transactions.started_as("CP1", "1|tag|noon") == "7"


async def test_the_same_start_on_ten_connections_at_once_is_claimed_once(
    store: Store, party: PartyStore
) -> None:
    """security-and-faults R16."""

    async def start(transaction_id: str) -> bytes | None:
        change = party.change()
        party.transactions.claim_start(change, "CP1", "key", transaction_id)
        try:
            await store.commit(change)
        except Conflict as conflict:
            return conflict.current
        return transaction_id.encode()

    answers = await asyncio.gather(*(start(str(number)) for number in range(10)))

    assert len(set(answers)) == 1


async def test_an_expected_value_must_hold(store: Store, party: PartyStore) -> None:
    key = party.change().party_keys.evses
    change = party.change()
    change.hset(key, "a", "1")
    await store.commit(change)
    change = party.change()
    change.expect(key, "a", b"2")
    change.hset(key, "a", "3")

    with pytest.raises(Conflict) as caught:
        await store.commit(change)

    assert caught.value.current == b"1"


async def test_an_empty_change_is_nothing(store: Store, party: PartyStore) -> None:
    await store.commit(party.change())

    assert await store.redis.keys("gw:{NL*ABC}:*") == []


async def test_many_callers_each_get_their_own_result(store: Store, party: PartyStore) -> None:
    stale = await connect(party, "CP1")
    await connect(party, "CP1")

    async def write(number: int) -> str:
        change = party.change(stale if number % 10 == 0 else None)
        party.stations.put(change, f"CP{number}", "n", number)
        try:
            await store.commit(change)
        except Fenced:
            return "fenced"
        return "written"

    results = await asyncio.gather(*(write(number) for number in range(1_000)))

    assert results.count("fenced") == 100
    assert await party.stations.load("CP999") == {"n": 999}
    assert await party.stations.load("CP990") == {}


async def test_a_cancelled_caller_neither_stops_nor_poisons_the_others(
    store: Store, party: PartyStore
) -> None:
    def write(number: int) -> asyncio.Task[None]:
        change = party.change()
        party.stations.put(change, f"CP{number}", "n", number)
        return asyncio.create_task(store.commit(change))

    tasks = [write(number) for number in range(300)]
    await asyncio.sleep(0)  # all are pending, none is sent
    for task in tasks[0:300:3]:
        task.cancel()
    await asyncio.sleep(0)  # the writer has sent a batch
    for task in tasks[1:300:3]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    assert all(task.exception() is None for task in tasks[2:300:3])
    for number in range(2, 300, 3):
        assert await party.stations.load(f"CP{number}") == {"n": number}


async def test_a_change_that_cannot_be_packed_fails_its_own_caller_only(
    store: Store, party: PartyStore
) -> None:
    bad, good = party.change(), party.change()
    bad.hset(bad.party_keys.evses, "a", object())  # type: ignore[arg-type]  # the point
    party.stations.put(good, "CP1", "n", 1)

    results = await asyncio.gather(store.commit(bad), store.commit(good), return_exceptions=True)

    assert isinstance(results[0], TypeError)
    assert results[1] is None


async def test_a_server_that_has_lost_the_scripts_gets_them_again(
    store: Store, party: PartyStore
) -> None:
    await store.redis.script_flush()
    fence = await connect(party, "CP1")
    await store.redis.script_flush()

    async def write(number: int) -> None:
        change = party.change(fence)
        change.rpush(change.party_keys.kept("CP1", "s"), str(number))
        await store.commit(change)

    await asyncio.gather(*(write(number) for number in range(50)))

    assert sorted(await party.stations.kept("CP1", "s", 100)) == list(range(50))


async def test_out_of_memory_is_refused_as_a_whole_and_passes(
    store: Store, party: PartyStore
) -> None:
    """security-and-faults R7: the order of the writes matters, the first one needs no memory."""
    change = party.change()
    party.tariffs.put(change, "T1", {"id": "T1"}, updated=NOW)
    await store.commit(change)
    change = party.change()
    party.tariffs.remove(change, "T1")
    party.tariffs.put(change, "T2", {"id": "T2"}, updated=NOW)

    async with server_config(store, "maxmemory", "1"):
        with pytest.raises(StoreUnavailable, match="OOM"):
            await store.commit(change)
        assert await party.tariffs.get("T1") == {"id": "T1"}
    await store.commit(change)

    assert await party.tariffs.get("T1") is None


async def test_what_frees_memory_works_without_memory(store: Store, party: PartyStore) -> None:
    ref = ObjectRef(ObjectKind.TARIFF, "T1")
    change = party.change()
    party.owed.mark(change, ["p1"], ref)
    await store.commit(change)

    async with server_config(store, "maxmemory", "1"):
        assert await party.owed.settle("p1", ref, 1)


async def test_a_primary_without_its_replicas_refuses(store: Store, party: PartyStore) -> None:
    change = party.change()
    party.stations.put(change, "CP1", "n", 1)

    async with server_config(store, "min-replicas-to-write", "1"):
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            await store.commit(change)

    assert await party.stations.load("CP1") == {}


async def test_a_server_that_may_evict_is_refused(store: Store, redis_url: str) -> None:
    """security-and-faults R7."""
    async with server_config(store, "maxmemory-policy", "allkeys-lru"):
        with pytest.raises(StoreError, match="noeviction"):
            await Store.open(redis_url, secret_key=b"k" * 32, node_id="node-2")


async def test_data_of_another_schema_version_is_refused(store: Store, redis_url: str) -> None:
    """security-and-faults R27."""
    await store.redis.set("gw:schema", "3")

    with pytest.raises(SchemaMismatch, match="'3'"):
        await Store.open(redis_url, secret_key=b"k" * 32, node_id="node-2")


@pytest.mark.parametrize(
    ("version", "schema"), [(None, b"1"), ("2.2.1", b"1"), ("2.1.1", b"2"), ("2.3.0", b"2")]
)
async def test_a_partner_that_the_first_release_could_not_serve_locks_it_out(
    store: Store, redis_url: str, version: str | None, schema: bytes
) -> None:
    """security-and-faults R27: that release starts on schema version 1 alone."""
    partner = Partner("P", "P", PartnerState.INVITED, NOW, inbound_token_hash="00")
    await store.partners.put(partner)
    await store.partners.update("P", lambda known: replace(known, version=version))

    assert await store.redis.get("gw:schema") == schema
    again = await Store.open(redis_url, secret_key=b"k" * 32, node_id="node-2")
    await again.close()


async def test_the_schema_version_is_written_once(store: Store) -> None:
    assert await store.redis.get("gw:schema") == b"1"


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        await Store.open("redis://127.0.0.1:1/0", secret_key=b"k" * 32, node_id="node-1")


async def test_a_closed_store_refuses_commits(store: Store, party: PartyStore) -> None:
    change = party.change()
    party.stations.put(change, "CP1", "n", 1)
    await store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.commit(change)
