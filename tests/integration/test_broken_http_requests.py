"""What is no HTTP, and may hold a secret all the same, is not quoted in the log."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from aiohttp import web

from gateway import telemetry

CANARY = b"canary-credentials-token"


@pytest.fixture
def hidden() -> Iterator[None]:
    telemetry.hide_broken_requests()
    yield
    logging.getLogger("aiohttp.server").removeFilter(telemetry.without_what_was_sent)


async def answer_to(request: bytes) -> bytes:
    """What a listener that reads bodies sends until it closes."""

    async def read_body(arrived: web.Request) -> web.Response:
        try:
            return web.Response(body=await arrived.read())
        except web.RequestPayloadError:
            return web.Response(status=400)

    application = web.Application()
    application.router.add_route("*", "/", read_body)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    await runner.cleanup()
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Token " + CANARY + b"\0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n"
        + CANARY,
    ],
    ids=["header", "compressed body"],
)
async def test_a_broken_request_is_logged_without_its_text(
    hidden: None, caplog: pytest.LogCaptureFixture, request_: bytes
) -> None:
    """security-and-faults 7: never in logs; tracebacks are for mistakes of ours."""
    answer = await answer_to(request_)

    assert answer.startswith(b"HTTP/1.0 400") or answer.startswith(b"HTTP/1.1 400")
    [record] = [one for one in caplog.records if one.name == "aiohttp.server"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert CANARY.decode() not in caplog.text
