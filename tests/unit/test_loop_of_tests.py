"""What the event loop of the tests still finds, though it notes no stacks."""

import asyncio

import pytest


async def test_a_call_from_another_thread_is_an_error() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
        await asyncio.to_thread(loop.call_soon, print)


async def test_a_coroutine_is_no_callback() -> None:
    async def coroutine() -> None: ...

    with pytest.raises(TypeError, match="coroutines cannot be used"):
        asyncio.get_running_loop().call_soon(coroutine)


async def test_libraries_are_told_of_the_debug_mode() -> None:
    assert asyncio.get_running_loop().get_debug()
