"""What every test may use: a real store server, one per run, emptied for each test.

By default the server is the embedded one. `--store-server PATH` starts another redis-server or
valkey-server instead; `--redis-url URL` (or GATEWAY_TEST_REDIS_URL) uses one that runs already.
That one is emptied, so never point it at data that somebody needs.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

SECRET_KEY = bytes(range(32))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--redis-url",
        default=os.environ.get("GATEWAY_TEST_REDIS_URL"),
        help="a running server to use for all tests; IT IS EMPTIED",
    )
    parser.addoption(
        "--store-server",
        default=os.environ.get("GATEWAY_TEST_STORE_SERVER"),
        help="the redis-server or valkey-server to start instead of the embedded one",
    )


def pytest_configure() -> None:
    # else a run that is ended by `timeout` or CI would leave its server behind
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", returncode=143))


@pytest.fixture(scope="session")
def store_server_binary(pytestconfig: pytest.Config) -> Path | None:
    """The server program to start, None for the embedded one."""
    path = pytestconfig.getoption("--store-server")
    return Path(path) if path else None


@pytest.fixture(scope="session")
def redis_server_url(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    store_server_binary: Path | None,
) -> Iterator[str]:
    """The one server of this run. It does not belong to any event loop."""
    given = pytestconfig.getoption("--redis-url")
    if given:
        yield given
        return
    data_dir = tmp_path_factory.mktemp("redis")
    server = asyncio.run(EmbeddedServer.start(data_dir, store_server_binary))
    yield server.url
    asyncio.run(server.stop())


@pytest.fixture
async def redis_url(redis_server_url: str) -> str:
    """The server's URL, with nothing stored in it."""
    async with Redis.from_url(redis_server_url) as client:
        await client.flushall()
    return redis_server_url


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """An open store of node "node-1", empty."""
    opened = await Store.open(redis_url, secret_key=SECRET_KEY, node_id="node-1")
    yield opened
    await opened.close()
