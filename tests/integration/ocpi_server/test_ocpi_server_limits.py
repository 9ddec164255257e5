"""Clients that send slowly, or half, or never (S16)."""

import asyncio
import base64

import pytest

from gateway.ocpi.incoming import pipeline
from gateway.ocpi.incoming.server import OcpiServer, create_app


@pytest.fixture
async def impatient(gateway, stack):
    """The same application behind a listener that waits a tenth of a second for headers."""
    server = OcpiServer(create_app(gateway.services), header_seconds=0.1)
    stack.push_async_callback(server.close)
    return await server.start("127.0.0.1", 0)


async def closed(reader):
    """Everything until the server closes; the test's own timeout is the bound."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.fixture
def connect(stack):
    """A connection that is closed in the end."""

    async def open_one(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        return reader, writer

    return open_one


def port_of(gateway):
    return int(gateway.url.rpartition(":")[2])


async def test_half_sent_headers_are_cut_off_and_others_are_served(gateway, impatient, connect):
    """S16."""
    halves = [await connect(impatient) for _ in range(100)]
    for _, writer in halves:
        writer.write(b"GET /ocpi/versions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    _, token = await gateway.directory.invite("p")

    answer = await gateway.ask("GET", f"http://127.0.0.1:{impatient}/ocpi/versions", token)

    assert answer.code == 1000
    for reader, _ in halves:
        assert await closed(reader) == b""


async def test_a_connection_that_says_nothing_is_closed(impatient, connect):
    """S16."""
    reader, _ = await connect(impatient)

    assert await closed(reader) == b""


async def test_a_body_that_does_not_come_is_400(gateway, partner, monkeypatch, connect):
    """S16: the wait for a body is bounded as well."""
    monkeypatch.setattr(pipeline, "_BODY_SECONDS", 0.1)
    _, token = await gateway.registered(partner)
    reader, writer = await connect(port_of(gateway))
    encoded = base64.b64encode(token.encode())
    writer.write(
        b"PUT /ocpi/2.2.1/tokens/DE/EMS/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
        b"Authorization: Token " + encoded + b"\r\n\r\n{"
    )

    answer = await closed(reader)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"status_code":2001' in answer


async def test_a_body_without_credentials_is_not_read(gateway, connect):
    """The token is judged first."""
    reader, writer = await connect(port_of(gateway))
    writer.write(
        b"PUT /ocpi/2.2.1/tokens/DE/EMS/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    )

    async with asyncio.timeout(5):
        status = await reader.readline()

    assert status.startswith(b"HTTP/1.1 401 ")
