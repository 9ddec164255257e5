"""Ending tasks for good."""

import asyncio
import contextlib

from gateway.delivery.ending import end


async def forget(times: int) -> None:
    """A task in which so many cancellations get lost on the way."""
    for _ in range(times):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
    await asyncio.sleep(3600)


async def test_a_task_that_hears_is_ended() -> None:
    task = asyncio.create_task(forget(0))
    await asyncio.sleep(0)
    await end([task])
    assert task.cancelled()


async def test_a_task_in_which_cancellations_get_lost_is_asked_again() -> None:
    task = asyncio.create_task(forget(2))
    await asyncio.sleep(0)
    await end([task])
    assert task.cancelled()


async def test_a_task_that_ended_long_ago_is_no_trouble() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    await end([task, task])
