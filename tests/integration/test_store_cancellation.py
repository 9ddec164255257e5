"""A task that works on the store in a loop ends when it is told to."""

import asyncio

import pytest

from gateway.store import Store


@pytest.mark.parametrize("yields", range(12))
async def test_a_cancellation_is_never_lost_inside_a_store_call(store: Store, yields: int) -> None:
    async def loop() -> None:
        while True:
            await store.tokens.find("TOKEN")

    task = asyncio.create_task(loop())
    await asyncio.sleep(0.01)
    for _ in range(yields):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
