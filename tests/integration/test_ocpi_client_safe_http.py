"""Requests to addresses that partners gave us, against real sockets (security S11 and S15)."""

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.ocpi.outgoing.safe_http import (
    BodyTooLarge,
    ForbiddenTarget,
    HttpAnswer,
    HttpFailure,
    SafeHttp,
    is_lab,
    is_public,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class NamesOf(AbstractResolver):
    """A DNS of the test's own: every name has these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.become(*addresses)

    def become(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        pass


class Canary:
    """A plain TCP listener that counts whoever connects."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    canary = Canary()
    server = await asyncio.start_server(canary.connected, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    yield canary
    server.close()
    await server.wait_closed()


@pytest.fixture
async def lab_http() -> AsyncIterator[SafeHttp]:
    http = SafeHttp(allow_private_hosts=True, max_body_bytes=1_000_000)
    yield http
    await http.close()


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        return f"http://127.0.0.1:{port}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def get(http: SafeHttp, url: str, timeout: float = 5.0) -> HttpAnswer:
    return await http.request("GET", url, headers={}, timeout=timeout)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:53aa:64c::1",
        "2001:db8::1",
        "fd00:ec2::254",
    ],
)
def test_an_address_that_is_not_on_the_public_internet_is_recognized(address: str) -> None:
    """security S11."""
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e"]
)
def test_a_public_address_is_recognized(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "::ffff:169.254.1.1",
        "fd00:ec2::254",
        "100.100.100.200",
    ],
)
def test_link_local_and_metadata_addresses_stay_shut_even_in_a_lab(address: str) -> None:
    assert not is_lab(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://partner.example/ocpi",
        "file:///etc/passwd",
        "ftp://partner.example/",
        "gopher://partner.example/",
        "unix:///tmp/socket",
        "https://user@partner.example/",
        "https://user:secret@partner.example/",
        "https:///path",
        "//partner.example/",
        "partner.example/ocpi",
        "",
        "https://partner.example/a b",
        "https://partner.example/a\r\nX-Evil: 1",
        "https://partner.example\\@127.0.0.1/",
        "https://partner.example:99999/",
        "https://[::1/",
    ],
)
async def test_a_url_that_is_wrong_on_its_face_is_refused(url: str) -> None:
    """security S11: https only, no credentials, no other schemes."""
    http = SafeHttp()
    with pytest.raises(ForbiddenTarget):
        await get(http, url)
    await http.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "localhost",
    ],
)
async def test_no_notation_of_a_loopback_address_reaches_it(canary: Canary, host: str) -> None:
    """security S11: 0 packets reach a canary listener."""
    http = SafeHttp()
    with pytest.raises(HttpFailure):
        await get(http, f"https://{host}:{canary.port}/")
    await http.close()
    assert canary.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("::ffff:127.0.0.1",), ("169.254.169.254",), ("::1", "127.0.0.1")],
)
async def test_a_name_that_resolves_to_a_private_address_is_refused_when_connecting(
    canary: Canary, addresses: tuple[str, ...]
) -> None:
    """security S11: DNS rebinding."""
    http = SafeHttp(resolver=NamesOf(*addresses))
    with pytest.raises(ForbiddenTarget):
        await get(http, f"https://partner.example:{canary.port}/")
    await http.close()
    assert canary.connections == 0


async def test_a_name_is_judged_again_each_time_it_is_resolved(
    serve: Callable[[Handler], Awaitable[str]],
) -> None:
    """security S11: DNS rebinding; what was allowed once opens no door for the next answer."""
    names = NamesOf("127.0.0.1")
    http = SafeHttp(allow_private_hosts=True, resolver=names)
    url = (await serve(answers(b"hello"))).replace("127.0.0.1", "partner.example")
    assert (await get(http, url)).body == b"hello"
    names.become("169.254.169.254")
    with pytest.raises(ForbiddenTarget):
        await http.request("GET", url, headers={}, timeout=5.0, fresh=True)
    await http.close()


async def test_a_lab_may_call_loopback_over_http(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    url = await serve(answers(b"hello"))
    assert (await get(lab_http, url)).body == b"hello"


async def test_a_url_goes_out_as_it_was_written(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """A response_url is used verbatim. ocpi-rules: URL joining."""
    paths: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        paths.append(request.raw_path)
        return web.Response()

    url = await serve(note)
    await get(lab_http, f"{url}/a%2Fb/%7Ec//d/?x=%20+y&z=1;2")
    assert paths == ["/a%2Fb/%7Ec//d/?x=%20+y&z=1;2"]


async def test_a_redirect_is_not_followed(
    lab_http: SafeHttp, canary: Canary, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """security S11: redirects not followed. ocpi-rules: URL joining."""

    async def redirect(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{canary.port}/"})

    answer = await get(lab_http, await serve(redirect))
    assert answer.status == 302
    assert canary.connections == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_unpacked(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]], encoding: str
) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    url = await serve(answers(pack(b'{"a": 1}'), encoding))
    assert (await get(lab_http, url)).body == b'{"a": 1}'


async def test_a_gzip_bomb_stops_at_the_cap(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """security S15: capped after decompression."""
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1024 * 1024)
    bomb = b"".join(packer.compress(zeros) for _ in range(200)) + packer.flush()
    url = await serve(answers(bomb, "gzip"))
    with pytest.raises(BodyTooLarge):
        await get(lab_http, url)


async def test_an_endless_answer_stops_at_the_cap(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """security S15: endless chunks."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100_000))

    with pytest.raises(BodyTooLarge):
        await get(lab_http, await serve(endless))


async def test_a_cut_off_gzip_answer_is_a_failure(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    cut = gzip.compress(b"x" * 1000)[:-12]
    url = await serve(answers(cut, "gzip"))
    with pytest.raises(HttpFailure):
        await get(lab_http, url)


async def test_an_encoding_that_was_not_asked_for_is_a_failure(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    url = await serve(answers(b"x", "br"))
    with pytest.raises(HttpFailure):
        await get(lab_http, url)


async def test_an_answer_that_trickles_is_given_up_in_time(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    """Fault R13: a partner at one byte a second."""

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02)

    with pytest.raises(HttpFailure, match="in time"):
        await get(lab_http, await serve(trickle), timeout=0.3)


async def test_a_port_where_nobody_listens_is_a_failure(lab_http: SafeHttp, canary: Canary) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(HttpFailure):
        await get(lab_http, f"http://127.0.0.1:{port}/")


async def test_a_certificate_of_nobody_is_refused(canary: Canary) -> None:
    http = SafeHttp(allow_private_hosts=True, ssl_context=ssl.create_default_context())
    with pytest.raises(HttpFailure):
        await get(http, f"https://127.0.0.1:{canary.port}/")
    await http.close()


async def test_one_partner_holds_only_its_own_few_connections(
    lab_http: SafeHttp, serve: Callable[[Handler], Awaitable[str]]
) -> None:
    release = asyncio.Event()
    full = asyncio.Event()
    inside = 0

    async def hold(request: web.Request) -> web.StreamResponse:
        nonlocal inside
        inside += 1
        if inside == 8:
            full.set()
        await release.wait()
        return web.Response()

    slow = await serve(hold)
    healthy = await serve(answers(b"hello"))
    calls = [asyncio.create_task(get(lab_http, slow)) for _ in range(50)]
    async with asyncio.timeout(5):
        await full.wait()
        assert (await get(lab_http, healthy)).body == b"hello"
    assert inside == 8
    release.set()
    await asyncio.gather(*calls)


def answers(body: bytes, encoding: str | None = None) -> Handler:
    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Encoding": encoding} if encoding else {}
        return web.Response(body=body, headers=headers)

    return answer
