"""What every test may use: a real store server, one per run, emptied for each test.

By default the server is the embedded one. `--store-server PATH` starts another redis-server or
valkey-server instead; `--redis-url URL` (or GATEWAY_TEST_REDIS_URL) uses one that runs already.
That one is emptied, so never point it at data that somebody needs.
"""

import asyncio
import asyncio.constants
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

SECRET_KEY = bytes(range(32))
MEMORY = Path("/dev/shm")  # where Linux has it
ENOUGH = 1 << 30  # bytes, of which a run needs some hundredth
ORIGINS_NOTED = bool(os.environ.get("PYTHONASYNCIODEBUG"))


class WatchfulLoop(asyncio.SelectorEventLoop):
    """asyncio in debug mode, without a note of the stack at every future and handle.

    Every check stays, asyncio's and those of libraries that ask for the mode: a call from another
    thread, a callback that is none, a response that nobody closed. The notes only say where
    something was made, and would be half of a run's CPU time. PYTHONASYNCIODEBUG=1 brings them
    back when they are needed.
    """

    def get_debug(self) -> bool:
        """True, but for asyncio's own objects, which would note the stack."""
        asker = sys._getframe(1).f_globals["__name__"]
        return super().get_debug() and not asker.startswith("asyncio.")


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
    if not ORIGINS_NOTED:
        # where a coroutine was made that nobody awaited: the line will do, the stack is dear
        asyncio.constants.DEBUG_STACK_DEPTH = 1


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of every test."""
    return {"asyncio": asyncio.SelectorEventLoop if ORIGINS_NOTED else WatchfulLoop}


@pytest.fixture(scope="session")
def store_server_binary(pytestconfig: pytest.Config) -> Path | None:
    """The server program to start, None for the embedded one."""
    path = pytestconfig.getoption("--store-server")
    return Path(path) if path else None


@contextlib.contextmanager
def server_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """In memory where there is plenty: it syncs every write, and nobody ever reads them again.

    A server that a test starts for itself has its files on a disk.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        with tempfile.TemporaryDirectory(prefix="gateway-tests-", dir=MEMORY) as directory:
            yield Path(directory)
    else:
        yield tmp_path_factory.mktemp("redis")


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
    with server_directory(tmp_path_factory) as data_dir:
        server = asyncio.run(EmbeddedServer.start(data_dir, store_server_binary))
        yield server.url
        asyncio.run(server.stop())


@pytest.fixture
async def redis_url(redis_server_url: str) -> str:
    """The server's URL, with nothing stored in it."""
    async with Redis.from_url(redis_server_url, driver_info=None) as client:
        await client.flushall()
    return redis_server_url


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """An open store of node "node-1", empty."""
    opened = await Store.open(redis_url, secret_key=SECRET_KEY, node_id="node-1")
    yield opened
    await opened.close()
