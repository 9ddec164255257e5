"""The connection to the Redis or Valkey server, for everything but the group commit.

Whatever goes wrong on the way becomes `StoreUnavailable`; no caller of the store sees an error of
the client library.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import NoScriptError, RedisError

from gateway.store.change import Value
from gateway.store.errors import StoreUnavailable
from gateway.store.scripts import Script

_REPLY_TIMEOUT = 5.0
_CONNECT_TIMEOUT = 2.0
_MAX_CONNECTIONS = 64


def location(url: str) -> str:
    """Where a URL points, without user, password and query: what may be logged."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path}"


@contextlib.asynccontextmanager
async def unavailable_when_failing() -> AsyncIterator[None]:
    """Turn the client library's errors into StoreUnavailable, and keep cancellations alive.

    redis-py sends through `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that
    comes just when the inner wait is over; a task that loops would then never end.
    """
    task = asyncio.current_task()
    cancellations = task.cancelling() if task else 0
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
    if task is not None and task.cancelling() > cancellations:
        raise asyncio.CancelledError


def connect_pool(url: str) -> BlockingConnectionPool:
    """A pool of bounded size whose every wait is bounded."""
    return BlockingConnectionPool.from_url(
        url,
        decode_responses=False,
        socket_timeout=_REPLY_TIMEOUT,
        socket_connect_timeout=_CONNECT_TIMEOUT,
        max_connections=_MAX_CONNECTIONS,
        timeout=_REPLY_TIMEOUT,
        # else each connection reads the package's metadata, to tell the server our library's name
        driver_info=None,
        # once more, because after a restart of the server every pooled connection is stale;
        # but not after a timeout, which has taken long enough
        retry=Retry(ConstantBackoff(0.02), 1, supported_errors=(ConnectionLost,)),
    )


def unopened_connection(redis: Redis) -> AbstractConnection:
    """A description of where and how to connect."""
    connection = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # bare
    return cast(AbstractConnection, connection)


class Server:
    """Single commands and scripts, awaited one by one."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        # redis-py leaves this one method without types
        self._execute: Callable[..., Awaitable[Any]] = redis.execute_command

    async def command(self, *arguments: Value) -> Any:
        """One command; raises StoreUnavailable."""
        async with unavailable_when_failing():
            return await self._execute(*arguments)

    async def pipeline(self, commands: Iterable[Sequence[Value]]) -> list[Any]:
        """Several commands in one round trip, not atomic; raises StoreUnavailable."""
        async with unavailable_when_failing(), self.redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return await pipe.execute()

    async def script(self, script: Script, keys: Sequence[str], *arguments: Value) -> Any:
        """Run a script, loading it first if the server has lost it."""
        call: tuple[Value, ...] = ("EVALSHA", script.digest, len(keys), *keys, *arguments)
        async with unavailable_when_failing():
            try:
                return await self._execute(*call)
            except NoScriptError:
                # nothing has run, so sending it again cannot apply it twice
                await self._execute("SCRIPT LOAD", script.source)
                return await self._execute(*call)
