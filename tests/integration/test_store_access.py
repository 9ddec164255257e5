"""Reaching the server with a password, in another database, over TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from gateway.domain.party import Party
from gateway.store import Store, StoreUnavailable
from gateway.store.embedded import EmbeddedServer

SECRET_KEY = bytes(range(32))


@pytest.fixture
async def protected_url(server: EmbeddedServer) -> AsyncIterator[str]:
    """The server asks for a password: canary-password."""
    path = urlsplit(server.url).path
    async with Redis.from_url(server.url) as client:
        await client.config_set("requirepass", "canary-password")
        yield f"unix://:canary-password@{path}?db=0"
        await client.config_set("requirepass", "")


async def use(store: Store) -> None:
    """One commit, one read, one message."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    store.bus.subscribe("t", heard.put_nowait)
    party = store.party(Party("NL", "ABC"))
    change = party.change()
    party.stations.put(change, "CP1", "n", 1)
    change.publish("t", 1)
    await store.commit(change)
    assert await party.stations.load("CP1") == {"n": 1}
    async with asyncio.timeout(5):
        assert await heard.get() == 1


async def test_a_password_is_used_and_never_logged(protected_url: str) -> None:
    """security-and-faults rule 7."""
    with capture_logs() as logs:
        store = await Store.open(protected_url, secret_key=SECRET_KEY, node_id="n")
        await use(store)
        await store.close()

    assert logs
    assert "canary" not in str(logs)


async def test_a_wrong_password_is_unavailable_and_the_error_does_not_show_it(
    protected_url: str,
) -> None:
    wrong = protected_url.replace("canary-password", "canary-wrong")

    with pytest.raises(StoreUnavailable) as caught:
        await Store.open(wrong, secret_key=SECRET_KEY, node_id="n")

    assert "canary" not in str(caught.value)


async def test_another_database_is_another_store(server: EmbeddedServer) -> None:
    store = await Store.open(server.url.replace("db=0", "db=7"), secret_key=SECRET_KEY, node_id="n")
    await use(store)
    await store.close()

    async with Redis.from_url(server.url) as client:
        assert await client.dbsize() == 0


@pytest.fixture
async def tls_url(server: EmbeddedServer, certificate: Path) -> AsyncIterator[str]:
    """A TLS front before the server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_unix_connection(urlsplit(server.url).path)
        await asyncio.gather(pump(reader, back_writer), pump(back_reader, writer))

    front = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    port = front.sockets[0].getsockname()[1]
    yield f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate}"
    front.close()
    await front.wait_closed()


async def test_tls_is_checked_on_every_path(tls_url: str) -> None:
    store = await Store.open(tls_url, secret_key=SECRET_KEY, node_id="n")
    await use(store)
    await store.close()

    with pytest.raises(StoreUnavailable, match="certificate"):
        await Store.open(tls_url.partition("?")[0], secret_key=SECRET_KEY, node_id="n")
