"""Messages between nodes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.store import BusRefused, BusTimeout, Store

SECRET_KEY = bytes(range(32))


@pytest.fixture
async def other(store: Store, redis_url: str) -> AsyncIterator[Store]:
    """A second node."""
    opened = await Store.open(redis_url, secret_key=SECRET_KEY, node_id="node-2")
    yield opened
    await opened.close()


async def test_a_message_reaches_every_node_until_unsubscribed(store: Store, other: Store) -> None:
    here: asyncio.Queue[Any] = asyncio.Queue()
    there: asyncio.Queue[Any] = asyncio.Queue()
    stop = store.bus.subscribe("topic", here.put_nowait)
    other.bus.subscribe("topic", there.put_nowait)

    await store.bus.publish("topic", {"n": 1})
    async with asyncio.timeout(5):
        assert (await here.get(), await there.get()) == ({"n": 1}, {"n": 1})
    stop()
    stop()
    await store.bus.publish("topic", {"n": 2})
    async with asyncio.timeout(5):
        assert await there.get() == {"n": 2}
    assert here.empty()


async def test_a_failing_callback_does_not_keep_others_from_hearing(store: Store) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    def fail(_: Any) -> None:
        raise ValueError("oh")

    store.bus.subscribe("topic", fail)
    store.bus.subscribe("topic", heard.put_nowait)
    await store.redis.publish("gw:bus:topic", b"no json")
    await store.bus.publish("topic", 1)

    async with asyncio.timeout(5):
        assert await heard.get() == 1


async def test_a_request_is_answered_by_the_node_addressed(store: Store, other: Store) -> None:
    async def handler(message: Any) -> Any:
        return {"got": message}

    other.bus.serve("call", handler)

    assert await store.bus.request("node-2", "call", [1], timeout=5) == {"got": [1]}


async def test_a_request_to_nobody_or_to_a_silent_node_times_out(
    store: Store, other: Store
) -> None:
    async def handler(_: Any) -> Any:
        await asyncio.Event().wait()

    other.bus.serve("call", handler)

    with pytest.raises(BusTimeout, match="listening"):
        await store.bus.request("node-3", "call", None, timeout=5)
    with pytest.raises(BusTimeout, match="did not answer"):
        await store.bus.request("node-2", "call", None, timeout=0.05)


async def test_a_failing_handler_is_told(store: Store, other: Store) -> None:
    async def handler(_: Any) -> Any:
        raise ValueError("oh")

    other.bus.serve("call", handler)

    with pytest.raises(BusRefused, match="ValueError: oh"):
        await store.bus.request("node-2", "call", None, timeout=5)
    with pytest.raises(BusRefused, match="does not serve"):
        await store.bus.request("node-2", "other", None, timeout=5)


async def test_the_bus_comes_back_and_says_so(store: Store) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    resumed = asyncio.Event()
    store.bus.subscribe("topic", heard.put_nowait)
    store.bus.on_resumed(resumed.set)

    await store.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    async with asyncio.timeout(5):
        await resumed.wait()
        await store.bus.publish("topic", 1)
        assert await heard.get() == 1


async def test_a_lease_has_one_holder_until_released_or_expired(store: Store, other: Store) -> None:
    lease = await store.bus.lease("partner:{p1}", 60)
    assert lease is not None

    assert await other.bus.lease("partner:{p1}", 60) is None
    assert await lease.renew()
    await lease.release()
    assert not await lease.renew()
    taken = await other.bus.lease("partner:{p1}", 0.05)
    assert taken is not None
    async with asyncio.timeout(5):
        # the server's clock decides
        while (again := await store.bus.lease("partner:{p1}", 60)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await taken.release()
    assert await again.renew()


async def test_a_closing_bus_ends_the_requests_that_wait(store: Store, other: Store) -> None:
    asked = asyncio.Event()

    async def handler(_: Any) -> Any:
        asked.set()
        await asyncio.Event().wait()

    other.bus.serve("call", handler)
    request = asyncio.create_task(store.bus.request("node-2", "call", None, timeout=60))
    async with asyncio.timeout(5):
        await asked.wait()
        await store.bus.close()
        with pytest.raises(BusTimeout, match="closed"):
            await request


async def test_a_node_that_was_killed_takes_its_own_lease_over(
    store: Store, redis_url: str
) -> None:
    lease = await store.bus.lease("partner:p1", 60)
    assert lease is not None
    again = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-1")
    taken = await again.bus.lease("partner:p1", 60)
    assert taken is not None
    assert not await lease.renew()
    await again.close()
