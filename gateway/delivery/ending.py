"""Ending tasks for good."""

import asyncio
from collections.abc import Iterable

_PATIENCE = 0.1


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel and await them.

    A cancellation that meets `asyncio.wait_for` in Python 3.11 just when its inner wait is over is
    swallowed (python/cpython#86296, and the Redis client waits so for every command): ask again
    until the task has heard.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_PATIENCE)
