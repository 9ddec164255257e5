"""What the store does while its server dies, freezes or comes back."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.domain.party import Party
from gateway.store import Store, StoreUnavailable
from gateway.store.embedded import EmbeddedServer
from gateway.store.group_commit import LOAD_SCRIPT, GroupCommit
from gateway.store.server import connect_pool
from gateway.store.wire import Wire, connect

NL_ABC = Party("NL", "ABC")
SECRET_KEY = bytes(range(32))


@pytest.fixture
async def own_store(server: EmbeddedServer) -> AsyncIterator[Store]:
    opened = await Store.open(server.url, secret_key=SECRET_KEY, node_id="node-1")
    yield opened
    await opened.close()


@pytest.fixture
async def wires(server: EmbeddedServer) -> AsyncIterator[Callable[[], Awaitable[Wire]]]:
    """Opens connections as the store does."""
    pool = connect_pool(server.url)

    async def open_wire() -> Wire:
        return await connect(pool.make_connection(), [LOAD_SCRIPT])

    yield open_wire
    await pool.disconnect()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.02)


async def write(store: Store, identity: str, number: int) -> None:
    party = store.party(NL_ABC)
    change = party.change()
    party.stations.put(change, identity, f"n{number}", number)
    await store.commit(change)


def signal_server(server: EmbeddedServer, number: signal.Signals) -> None:
    assert server.pid is not None
    os.kill(server.pid, number)


async def kill_and_wait_until_back(server: EmbeddedServer, store: Store) -> None:
    """The server is started again by its supervisor, the store reconnects by itself."""
    killed = server.pid
    signal_server(server, signal.SIGKILL)
    await until(lambda: _has(server.pid not in {None, killed}))
    await until(store.ping)


async def test_no_acknowledged_commit_is_lost_when_the_server_is_killed_under_load(
    server: EmbeddedServer, own_store: Store
) -> None:
    """security-and-faults R4: no answer without a commit; the store recovers by itself."""
    acknowledged: dict[str, int] = {}
    unavailable = 0
    stop = asyncio.Event()

    async def charger(identity: str) -> None:
        nonlocal unavailable
        number = 0
        while not stop.is_set():
            try:
                await write(own_store, identity, number)
            except StoreUnavailable:
                unavailable += 1
                await asyncio.sleep(0.01)
                continue
            acknowledged[identity] = number
            number += 1

    chargers = [asyncio.create_task(charger(f"CP{one}")) for one in range(40)]
    for _ in range(2):
        before = sum(acknowledged.values())
        await until(lambda before=before: _has(sum(acknowledged.values()) > before + 200))
        await kill_and_wait_until_back(server, own_store)
    stop.set()
    await asyncio.gather(*chargers)

    assert unavailable > 0
    for identity, last in acknowledged.items():
        stored = await own_store.party(NL_ABC).stations.load(identity)
        assert {f"n{number}" for number in range(last + 1)} <= stored.keys()


async def _has(result: bool) -> bool:
    return result


async def test_while_the_server_is_frozen_callers_are_told_in_bounded_time(
    server: EmbeddedServer, wires: Callable[[], Awaitable[Wire]], own_store: Store
) -> None:
    """security-and-faults R6."""
    writer = GroupCommit(wires, batch_deadline=0.1, connect_deadline=0.1, max_back_off=0.1)
    await writer.start()
    party = own_store.party(NL_ABC)

    async def commit(identity: str) -> None:
        change = party.change()
        party.stations.put(change, identity, "n", 1)
        await writer.commit(change)

    signal_server(server, signal.SIGSTOP)
    try:
        results = await asyncio.gather(
            *(commit(f"CP{number}") for number in range(20)), return_exceptions=True
        )
        assert all(isinstance(result, StoreUnavailable) for result in results)
        await until(lambda: _has(not writer.connected))
        with pytest.raises(StoreUnavailable, match="no connection"):
            await commit("CP1")
    finally:
        signal_server(server, signal.SIGCONT)
    await until(lambda: _has(writer.connected))
    await commit("CP99")
    await writer.close()

    assert await party.stations.load("CP99") == {"n": 1}


async def test_more_pending_changes_than_allowed_are_refused_at_once(
    server: EmbeddedServer, wires: Callable[[], Awaitable[Wire]], own_store: Store
) -> None:
    writer = GroupCommit(wires, max_pending=10)
    await writer.start()
    party = own_store.party(NL_ABC)

    async def commit(identity: str) -> None:
        change = party.change()
        party.stations.put(change, identity, "n", 1)
        await writer.commit(change)

    results = await asyncio.gather(
        *(commit(f"CP{number}") for number in range(15)), return_exceptions=True
    )
    await writer.close()

    assert [type(result) for result in results].count(StoreUnavailable) == 5
    assert results.count(None) == 10


async def test_a_connection_lost_while_nothing_is_in_flight_costs_no_commit(
    server: EmbeddedServer, own_store: Store
) -> None:
    await write(own_store, "CP1", 1)
    await own_store.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await asyncio.sleep(0.05)  # so that its end is known; either way the commit must succeed
    await write(own_store, "CP1", 2)

    assert await own_store.party(NL_ABC).stations.load("CP1") == {"n1": 1, "n2": 2}


async def test_reads_go_on_after_a_restart_of_the_server(
    server: EmbeddedServer, own_store: Store
) -> None:
    await write(own_store, "CP1", 1)
    party = own_store.party(NL_ABC)
    await asyncio.gather(*(party.stations.load("CP1") for _ in range(10)))
    await kill_and_wait_until_back(server, own_store)

    loaded = await asyncio.gather(*(party.stations.load("CP1") for _ in range(10)))

    assert loaded == [{"n1": 1}] * 10


async def test_a_store_whose_server_is_gone_says_so_and_closes(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    store = await Store.open(server.url, secret_key=SECRET_KEY, node_id="node-1")
    await server.stop()
    await until(lambda: _has(not store.connected))

    assert not await store.ping()
    with pytest.raises(StoreUnavailable):
        await store.party(NL_ABC).stations.load("CP1")
    with pytest.raises(StoreUnavailable):
        await write(store, "CP1", 1)
    await store.close()


async def test_a_server_that_comes_back_empty_is_not_written_to(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    """security-and-faults R5."""
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    store = await Store.open(server.url, secret_key=SECRET_KEY, node_id="node-1")
    await server.stop()
    shutil.rmtree(tmp_path / "store" / "appendonlydir")
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    try:
        await until(lambda: _has(not store.connected))
        with pytest.raises(StoreUnavailable):
            await write(store, "CP1", 1)
        assert not await store.ping()
        assert await store.redis.keys("*") == []
    finally:
        await store.close()
        await server.stop()
