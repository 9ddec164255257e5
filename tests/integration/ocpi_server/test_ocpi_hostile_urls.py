"""URLs and answers of partners that mean harm (security S11 and S15), through the whole way.

The canary listens where no partner may send us; not one connection may reach it.
"""

import asyncio
import gzip
import re
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

import gateway.ocpi
from gateway.domain.delivery import ObjectKind, ObjectRef, VerdictKind
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.outgoing.client import OcpiClient, Unreachable
from gateway.ocpi.outgoing.safe_http import MAX_BODY_BYTES, SafeHttp
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.services.roaming.partners import RegistrationFailed

ABC, EMS = Party("NL", "ABC"), Party("DE", "EMS")

# {port} is the canary's
NOTATIONS = [
    "https://127.0.0.1:{port}/x",
    "https://localhost:{port}/x",
    "https://2130706433:{port}/x",
    "https://0x7f.1:{port}/x",
    "https://0177.0.0.1:{port}/x",
    "https://0.0.0.0:{port}/x",
    "https://[::1]:{port}/x",
    "https://[::ffff:127.0.0.1]:{port}/x",
    "https://[::ffff:7f00:1]:{port}/x",
    "https://[64:ff9b::7f00:1]:{port}/x",
    "https://public.example@127.0.0.1:{port}/x",
    "https://127.0.0.1:{port}#@public.example/x",
    "https://10.0.0.1:{port}/x",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fe80::1%25lo]:{port}/x",
    "http://127.0.0.1:{port}/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/x",
]


class Canary:
    def __init__(self):
        self.connections = 0
        self.port = 0

    def connected(self, _reader, writer):
        self.connections += 1
        writer.close()


@pytest.fixture
async def canary():
    canary = Canary()
    server = await asyncio.start_server(canary.connected, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    yield canary
    server.close()
    await server.wait_closed()


@pytest.fixture
async def strict_client():
    http = SafeHttp()
    yield OcpiClient(http)
    await http.close()


@pytest.fixture
async def lab_client():
    http = SafeHttp(allow_private_hosts=True)
    yield OcpiClient(http)
    await http.close()


def a_partner(gateway, url, **changes):
    modules = (("locations", "RECEIVER"), ("tokens", "SENDER"), ("cdrs", "RECEIVER"))
    fields = {
        "id": "p1",
        "name": "p",
        "state": PartnerState.REGISTERED,
        "created_at": gateway.clock,
        "outbound_token": "t",
        "version": "2.2.1",
        "roles": (PartnerRole("EMSP", EMS, "p"),),
        "endpoints": tuple(Endpoint(name, role, url) for name, role in modules),
    }
    return Partner(**fields | changes)


# --- S11 ---------------------------------------------------------------------------------------


async def test_no_versions_url_of_a_partner_reaches_us(strict_gateway, canary):
    """S11: POST and PUT credentials, and a register call of an operator, in every notation."""
    gateway = strict_gateway
    invited, token_a = await gateway.directory.invite("p")
    registered, token_c = await gateway.directory.invite("q")
    registered = replace(registered, state=PartnerState.REGISTERED, version="2.2.1")
    await gateway.directory.save(registered)
    role = {"role": "EMSP", "party_id": "EMS", "country_code": "DE", "business_details": {}}

    for notation in NOTATIONS:
        url = notation.format(port=canary.port)
        body = {"token": "b", "url": url, "roles": [role]}
        posted = await gateway.ask("POST", "/2.2.1/credentials", token_a, body)
        put = await gateway.ask("PUT", "/2.2.1/credentials", token_c, body)
        with pytest.raises(RegistrationFailed):
            await gateway.registration.register(None, url, "a", "p")

        assert posted.code in (2001, 3001), notation
        assert put.code in (2001, 3001), notation
        assert gateway.directory.get(invited.id) == invited, notation
        assert gateway.directory.get(registered.id) == registered, notation
        assert canary.connections == 0, notation


async def test_no_endpoint_of_a_partner_reaches_us(strict_gateway, strict_client, canary, location):
    """S11: pushes and pulls, in every notation."""
    gateway = strict_gateway
    await gateway.locations.put(ABC, location())
    sender = ObjectSender(strict_client, gateway.store, gateway.locations)

    for notation in NOTATIONS:
        url = notation.format(port=canary.port)
        partner = a_partner(gateway, url)
        await gateway.directory.save(partner)
        verdict = await sender.deliver(partner, ABC, ObjectRef(ObjectKind.LOCATION, "LOC1"))
        with pytest.raises(Unreachable):
            _ = [token async for token in strict_client.pages_of(partner, url)]

        assert verdict.kind is VerdictKind.UNREACHABLE, notation
        assert canary.connections == 0, notation


async def test_no_response_url_reaches_us(strict_gateway, strict_client, canary):
    """S11: what a command's result is posted to, in every notation."""
    partner = a_partner(strict_gateway, "https://p.example")

    for notation in NOTATIONS:
        url = notation.format(port=canary.port)
        with pytest.raises(Unreachable):
            await strict_client.request_partner(partner, "POST", url, body={}, fresh=True)

        assert canary.connections == 0, notation


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:{port}/versions",
        "http://127.0.0.1:{port}/versions/",
        "//127.0.0.1:{port}/versions/",
        "http://169.254.169.254/versions/",
    ],
)
async def test_no_redirect_leads_elsewhere(gateway, new_peer, canary, elsewhere):
    """S11: only the same URL with a slash is asked again; nothing else is followed.

    ocpi-rules: URL joining.
    """
    peer = await new_peer(accepts={"a"})
    peer.routes["/versions"] = redirect_to(elsewhere.format(port=canary.port))

    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(None, peer.versions_url, "a", "p")

    assert canary.connections == 0


async def test_a_redirect_to_the_slash_is_tried_once(gateway, new_peer):
    """S11: a partner that redirects for ever is not followed for ever."""
    peer = await new_peer(accepts={"a"})

    async def on_and_on(request):
        return web.Response(status=307, headers={"Location": f"{request.path}/"})

    peer.routes["/versions"] = on_and_on

    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(None, peer.versions_url, "a", "p")

    assert peer.asked == ["/versions", "/versions/"]


def redirect_to(url):
    async def redirect(_request):
        return web.Response(status=301, headers={"Location": url})

    return redirect


@pytest.mark.parametrize("place", ["details", "credentials"])
async def test_even_in_a_lab_metadata_services_are_not_called(gateway, new_peer, place):
    """S11: what a platform's versions and details name is checked like what it gave first."""
    peer = await new_peer(accepts={"a"})
    target = "http://169.254.169.254/latest/"

    async def versions(_request):
        return peer.answer([{"version": "2.2.1", "url": target}])

    async def details(_request):
        one = {"identifier": "credentials", "role": "SENDER", "url": target}
        return peer.answer({"version": "2.3.0", "endpoints": [one]})

    peer.routes = {"/versions": versions} if place == "details" else {"/2.3.0": details}

    with pytest.raises(RegistrationFailed, match="not one that partners may have"):
        await gateway.registration.register(None, peer.versions_url, "a", "p")


def test_partners_are_called_through_one_client():
    """S11: whoever else opened a session would go past the checks."""
    package = Path(gateway.ocpi.__file__).parent
    opens = re.compile(r"ClientSession\(|import (httpx|requests|urllib\.request)\b|open_connection")
    found = [path.name for path in package.rglob("*.py") if opens.search(path.read_text())]

    assert found == ["safe_http.py"]


# --- S15 ---------------------------------------------------------------------------------------


def bomb(mebibytes):
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()


async def test_a_200_mib_gzip_bomb_costs_the_cap_and_no_more(gateway, new_peer):
    """S15: "capped (10 MiB decompressed)"."""
    peer, content = await new_peer(accepts={"a"}), bomb(200)

    async def explode(_request):
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        return web.Response(body=content, headers=headers)

    peer.routes["/versions"] = explode
    tracemalloc.start()
    with pytest.raises(RegistrationFailed, match="unpacks to over"):
        await gateway.registration.register(None, peer.versions_url, "a", "p")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert MAX_BODY_BYTES == 10 * 1024 * 1024
    assert peak < 4 * MAX_BODY_BYTES


async def test_endless_chunks_end_at_the_cap(gateway, new_peer):
    """S15: endless chunks."""
    peer = await new_peer(accepts={"a"})

    async def endless(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1_000_000))

    peer.routes["/versions"] = endless

    with pytest.raises(RegistrationFailed, match="longer than"):
        await gateway.registration.register(None, peer.versions_url, "a", "p")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 5_000_000,
        b'{"data":' * 1_000_000,
        b'{"data": 1' + b"0" * 5_000_000 + b', "status_code": 1000}',
        b'{"data": NaN, "status_code": 1000}',
        gzip.compress(b'{"status_code": 1000}')[:-4],
        b"<html>not here</html>",
        b'{"data": [], "status_c',
        b"\xff\xfe\x00",
    ],
    ids=["deep list", "deep object", "huge number", "NaN", "cut off", "HTML", "half", "no UTF-8"],
)
async def test_an_answer_that_is_no_envelope_is_3001(gateway, new_peer, content):
    """S15, R12: whatever comes back, the registration fails cleanly."""
    peer = await new_peer(accepts={"b"})
    _, token_a = await gateway.directory.invite("p")

    async def nonsense(_request):
        packed = {"Content-Encoding": "gzip"} if content[:2] == b"\x1f\x8b" else {}
        return web.Response(body=content, headers=packed)

    peer.routes["/versions"] = nonsense
    body = peer.credentials("b", "2.2.1")

    answer = await peer.ask(gateway, "2.2.1", "POST", "/credentials", token_a, body)

    assert (answer.status, answer.code) in ((200, 3001), (200, 3002))


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{port}/2.2.1/tokens?offset=2",
        "https://127.0.0.1:{own}/2.2.1/tokens?offset=2",
        "http://localhost:{own}/2.2.1/tokens?offset=2",
        "//127.0.0.1:{port}/2.2.1/tokens",
        "file:///etc/passwd",
    ],
)
async def test_the_next_page_is_at_the_same_origin_or_not_asked_for(
    gateway, lab_client, new_peer, canary, link
):
    """S15: same-origin Link only."""
    peer = await new_peer(accepts={"t"})
    own = peer.url.rpartition(":")[2]
    target = link.format(port=canary.port, own=own)

    async def page(_request):
        return peer.answer([{"n": 1}], Link=f'<{target}>; rel="next"')

    peer.routes["/2.2.1/tokens"] = page
    partner = a_partner(gateway, peer.url)
    pages = lab_client.pages_of(partner, f"{peer.url}/2.2.1/tokens")

    with pytest.raises(Unreachable, match=r"another origin|not a URL"):
        _ = [token async for token in pages]

    assert peer.asked == ["/2.2.1/tokens"]
    assert canary.connections == 0


async def test_endless_pages_end(gateway, lab_client, new_peer):
    """S15: endless pages; an incomplete list is not a list."""
    peer = await new_peer(accepts={"t"})

    async def page(request):
        offset = int(request.query.get("offset", 0)) + 1
        return peer.answer([{"n": offset}], Link=f'</2.2.1/tokens?offset={offset}>; rel="next"')

    peer.routes["/2.2.1/tokens"] = page
    partner = a_partner(gateway, peer.url)
    pages = lab_client.pages_of(partner, f"{peer.url}/2.2.1/tokens", max_pages=20)

    with pytest.raises(Unreachable, match="do not come to an end"):
        _ = [token async for token in pages]

    assert len(peer.asked) == 20


async def test_details_of_a_million_endpoints_are_cut(gateway, new_peer):
    """S15: what is kept of a partner is bounded."""
    peer = await new_peer(accepts={"a"})

    async def details(_request):
        modules = [("credentials", "SENDER")] + [(f"m{n}", "SENDER") for n in range(20_000)]
        listed = [
            {"identifier": name, "role": role, "url": f"{peer.url}/2.3.0/{name}"}
            for name, role in modules
        ]
        return peer.answer({"version": "2.3.0", "endpoints": listed})

    peer.routes["/2.3.0"] = details

    partner = await gateway.registration.register(None, peer.versions_url, "a", "p")

    assert len(partner.endpoints) == 200
