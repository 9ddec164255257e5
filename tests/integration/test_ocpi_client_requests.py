"""OCPI requests against real partners' servers: headers, envelopes, errors, pages."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.commands import CommandOutcome
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.tokens import AuthMethod, AuthorizationStatus, TokenType
from gateway.ocpi.outgoing.client import OcpiClient, Refused, Routing, Unauthorized, Unreachable
from gateway.ocpi.outgoing.command_results import CommandResultSender
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.quirks import object_url
from gateway.ocpi.tokens.token_authorizer import ALLOWED, RealTimeAuthorizer
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.ports import ReplyTo

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
OUR_PARTY = Party("NL", "CPO")
EMSP = Party("DE", "MSP")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Platform:
    """A partner's server; `handler` answers, `requests` remembers what came."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = ""
        self.handler: Handler = self.succeed

    async def succeed(self, request: web.Request) -> web.StreamResponse:
        return envelope(1000)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.raw_path, headers, await request.read()))
        return await self.handler(request)

    def answers(self, response: Callable[[], web.StreamResponse]) -> None:
        async def handler(request: web.Request) -> web.StreamResponse:
            return response()

        self.handler = handler

    def partner(self, **changes: Any) -> Partner:
        fields: dict[str, Any] = {
            "id": "p1",
            "name": "eMSP",
            "state": PartnerState.REGISTERED,
            "created_at": NOW,
            "outbound_token": "tökên",
            "version": "2.2.1",
            "roles": (PartnerRole("EMSP", EMSP, "eMSP"),),
            "endpoints": (Endpoint("tokens", "SENDER", f"{self.url}/tokens/"),),
        }
        return Partner(**fields | changes)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield platform
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[OcpiClient]:
    http = SafeHttp(allow_private_hosts=True)
    yield OcpiClient(http, now=lambda: NOW)
    await http.close()


def envelope(code: int, data: Any = None, *, http: int = 200, **headers: str) -> web.Response:
    body: dict[str, Any] = {"status_code": code, "timestamp": "2026-11-22T08:00:00Z"}
    if data is not None:
        body["data"] = data
    return web.json_response(
        body, status=http, headers={name.replace("_", "-"): text for name, text in headers.items()}
    )


async def get(client: OcpiClient, platform: Platform) -> Any:
    return await client.request("GET", f"{platform.url}/x", token="t")


# --- requests ---------------------------------------------------------------------------------


async def test_the_token_is_sent_in_base64(client: OcpiClient, platform: Platform) -> None:
    """ocpi-rules 1."""
    await client.request("GET", platform.url, token="tökên")
    encoded = base64.b64encode("tökên".encode()).decode()
    assert platform.requests[0][2]["authorization"] == f"Token {encoded}"


async def test_a_partner_that_does_not_decode_gets_the_token_as_it_is(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 1."""
    partner = platform.partner(outbound_token="plain", quirks=frozenset({"raw_token"}))
    await client.request_partner(partner, "GET", platform.url)
    assert platform.requests[0][2]["authorization"] == "Token plain"


async def test_a_211_partner_gets_the_token_as_it_is_unless_it_wants_base64(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 1 (2.1.1 transport_and_format)."""
    sample = "IpbJOXxkxOAuKR92z0nEcmVF3Qw09VG7I7d/WCg0koM="
    partner = platform.partner(outbound_token=sample, version="2.1.1")
    await client.request_partner(partner, "GET", platform.url)
    await client.request_partner(
        replace(partner, quirks=frozenset({"base64_token"})), "GET", platform.url
    )
    encoded = base64.b64encode(sample.encode()).decode()
    sent = [headers["authorization"] for _, _, headers, _ in platform.requests]
    assert sent == [f"Token {sample}", f"Token {encoded}"]


@pytest.mark.parametrize(
    "changes", [{"version": "2.1.1"}, {"quirks": frozenset({"no_routing_headers"})}]
)
async def test_routing_headers_are_not_sent_where_they_mean_nothing(
    client: OcpiClient, platform: Platform, changes: dict[str, Any]
) -> None:
    """ocpi-rules 25: 2.1.1 has none."""
    await client.request_partner(
        platform.partner(outbound_token="t", **changes),
        "GET",
        platform.url,
        routing=Routing(OUR_PARTY, EMSP),
    )
    assert not any(name.startswith("ocpi-") for name in platform.requests[0][2])


async def test_every_request_has_its_own_request_id_and_keeps_the_correlation_id(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 25."""
    for _ in range(2):
        await client.request("GET", platform.url, token="t", correlation_id="chain-1")
    first, second = (headers for _, _, headers, _ in platform.requests)
    assert first["x-request-id"] != second["x-request-id"]
    assert first["x-correlation-id"] == second["x-correlation-id"] == "chain-1"


async def test_routing_headers_are_sent_only_where_given(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 25: not on versions and credentials."""
    await client.request("GET", platform.url, token="t", routing=Routing(OUR_PARTY, EMSP))
    await client.request("GET", platform.url, token="t")
    routed, plain = (headers for _, _, headers, _ in platform.requests)
    assert {name: text for name, text in routed.items() if name.startswith("ocpi-")} == {
        "ocpi-from-country-code": "NL",
        "ocpi-from-party-id": "CPO",
        "ocpi-to-country-code": "DE",
        "ocpi-to-party-id": "MSP",
    }
    assert not [name for name in plain if name.startswith("ocpi-")]


async def test_money_and_energy_are_sent_digit_for_digit(
    client: OcpiClient, platform: Platform
) -> None:
    await client.request("PUT", platform.url, token="t", body={"kwh": Decimal("10.0001")})
    assert platform.requests[0][3] == b'{"kwh":10.0001}'


@pytest.mark.parametrize("endpoint", ["https://p.example/ocpi/loc", "https://p.example/ocpi/loc/"])
def test_ids_are_percent_encoded_behind_endpoints_with_or_without_a_slash(endpoint: str) -> None:
    """ocpi-rules: URL joining."""
    url = object_url(Platform().partner(), endpoint, "NL", "A/B c?#%é")
    assert url == "https://p.example/ocpi/loc/NL/A%2FB%20c%3F%23%25%C3%A9"


# --- answers ----------------------------------------------------------------------------------


async def test_data_may_be_absent(client: OcpiClient, platform: Platform) -> None:
    """ocpi-rules: data cardinality."""
    assert (await get(client, platform)).data is None


async def test_a_single_object_in_an_array_is_unwrapped(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules: data cardinality; ocpi-rules: array habit."""
    platform.answers(lambda: envelope(1000, [{"a": 1}]))
    assert (await get(client, platform)).one() == {"a": 1}


async def test_a_success_without_a_body_is_a_success(
    client: OcpiClient, platform: Platform
) -> None:
    platform.answers(lambda: web.Response(status=204))
    assert (await get(client, platform)).http_status == 204


async def test_an_ocpi_error_inside_http_200_is_a_refusal(
    client: OcpiClient, platform: Platform
) -> None:
    platform.answers(lambda: envelope(2001))
    with pytest.raises(Refused) as refused:
        await get(client, platform)
    assert (refused.value.http_status, refused.value.status_code) == (200, 2001)


async def test_an_http_error_without_an_envelope_is_a_refusal(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules: envelope habit."""
    platform.answers(lambda: web.Response(status=404, text="<html>not here</html>"))
    with pytest.raises(Refused) as refused:
        await get(client, platform)
    assert (refused.value.status_code, refused.value.unknown_object) == (None, True)


async def test_401_is_unauthorized(client: OcpiClient, platform: Platform) -> None:
    platform.answers(lambda: web.Response(status=401))
    with pytest.raises(Unauthorized):
        await get(client, platform)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b'{"status_code": 10',
        b"[]",
        b"null",
        b'"1000"',
        b"{}",
        b'{"status_code": true}',
        b'{"status_code": null}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_http_200_without_an_envelope_is_no_verdict(
    client: OcpiClient, platform: Platform, body: bytes
) -> None:
    """Fault R12: HTML and truncated JSON."""
    platform.answers(lambda: web.Response(body=body))
    with pytest.raises(Unreachable):
        await get(client, platform)


@pytest.mark.parametrize(
    ("status", "header", "expected"),
    [
        (429, "120", 120.0),
        (503, "Sun, 22 Nov 2026 08:00:30 GMT", 30.0),
        (429, "never", None),
        (500, "120", None),
    ],
)
async def test_retry_after_is_taken_from_429_and_503(
    client: OcpiClient, platform: Platform, status: int, header: str, expected: float | None
) -> None:
    """Fault R12."""
    platform.answers(lambda: web.Response(status=status, headers={"Retry-After": header}))
    with pytest.raises(Unreachable) as unreachable:
        await get(client, platform)
    assert unreachable.value.retry_after == expected


async def test_an_answer_that_breaks_off_is_no_verdict(
    client: OcpiClient, platform: Platform
) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status_code": 1000,')
        assert request.transport is not None
        request.transport.abort()
        return response

    platform.handler = break_off
    with pytest.raises(Unreachable):
        await get(client, platform)


# --- pages ------------------------------------------------------------------------------------


async def collect(client: OcpiClient, platform: Platform, **options: Any) -> list[dict[str, Any]]:
    pages = client.pages(f"{platform.url}/tokens", token="t", params={"limit": "2"}, **options)
    return [item async for item in pages]


async def test_pages_are_followed_to_the_end(client: OcpiClient, platform: Platform) -> None:
    async def page(request: web.Request) -> web.StreamResponse:
        offset = int(request.query.get("offset", 0))
        following = f'<{platform.url}/tokens?limit=2&offset={offset + 2}>; rel="next"'
        link = {"Link": following} if offset < 4 else {}
        return envelope(1000, [{"n": offset}, {"n": offset + 1}], **link)

    platform.handler = page
    assert [item["n"] for item in await collect(client, platform)] == [0, 1, 2, 3, 4, 5]
    assert [path for _, path, _, _ in platform.requests] == [
        "/tokens?limit=2",
        "/tokens?limit=2&offset=2",
        "/tokens?limit=2&offset=4",
    ]


async def test_a_page_with_one_bad_object_keeps_the_rest(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules: unknown fields."""
    platform.answers(lambda: envelope(1000, [{"n": 1}, "oops", None, {"n": 2}]))
    assert await collect(client, platform) == [{"n": 1}, {"n": 2}]


async def test_a_next_page_at_another_origin_is_not_asked_for(
    client: OcpiClient, platform: Platform
) -> None:
    """security S15: same-origin Link only."""
    link = '<http://127.0.0.1:1/tokens>; rel="next"'
    platform.answers(lambda: envelope(1000, [{"n": 1}], Link=link))
    with pytest.raises(Unreachable, match="another origin"):
        await collect(client, platform)


async def test_a_page_that_follows_itself_ends_the_list(
    client: OcpiClient, platform: Platform
) -> None:
    """security S15: endless pages."""
    link = f'<{platform.url}/tokens?again>; rel="next"'
    platform.answers(lambda: envelope(1000, [{"n": 1}], Link=link))
    with pytest.raises(Unreachable, match="do not come to an end"):
        await collect(client, platform)


async def test_ever_new_pages_end_at_the_bound(client: OcpiClient, platform: Platform) -> None:
    """security S15: endless pages."""

    async def page(request: web.Request) -> web.StreamResponse:
        link = f'</tokens?n={len(platform.requests)}>; rel="next"'
        return envelope(1000, [{"n": 1}], Link=link)

    platform.handler = page
    with pytest.raises(Unreachable, match="do not come to an end"):
        await collect(client, platform, max_pages=5)
    assert len(platform.requests) == 5


# --- real-time authorization ------------------------------------------------------------------

TOKEN = {
    "country_code": "DE",
    "party_id": "MSP",
    "uid": "0123AB",
    "type": "RFID",
    "contract_id": "DE-MSP-C1",
    "group_id": "G1",
}


async def ask(
    client: OcpiClient, platform: Platform, *, evse: str | None = "E1", seconds: float = 5.0
) -> Any:
    authorizer = RealTimeAuthorizer(client, seconds=seconds)
    partner = platform.partner()
    return await authorizer.authorize(
        partner, OUR_PARTY, "01 23/AB", TokenType.RFID, ("LOC1", evse)
    )


async def test_the_question_names_the_token_its_type_and_the_place(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 18: the key is uid and type."""
    platform.answers(lambda: envelope(1000, {"allowed": "ALLOWED", "token": TOKEN}))
    await ask(client, platform)
    method, path, headers, body = platform.requests[0]
    assert (method, path) == ("POST", "/tokens/01%2023%2FAB/authorize?type=RFID")
    assert json.loads(body) == {"location_id": "LOC1", "evse_uids": ["E1"]}
    assert headers["ocpi-to-party-id"] == "MSP"


async def test_an_allowed_token_is_accepted_for_its_owner(
    client: OcpiClient, platform: Platform
) -> None:
    data = {"allowed": "ALLOWED", "token": TOKEN, "authorization_reference": "R1"}
    platform.answers(lambda: envelope(1000, data))
    answer = await ask(client, platform)
    assert answer.accepted
    assert (answer.method, answer.reference) == (AuthMethod.AUTH_REQUEST, "R1")
    assert answer.group_id == "G1"
    assert answer.holder.contract_id == "DE-MSP-C1"
    assert answer.holder.partner_id == "p1"
    assert (answer.holder.country_code, answer.holder.party_id) == ("DE", "MSP")


@pytest.mark.parametrize("allowed", list(ALLOWED))
async def test_every_allowed_type_has_its_status(
    client: OcpiClient, platform: Platform, allowed: str
) -> None:
    platform.answers(lambda: envelope(1000, {"allowed": allowed, "token": TOKEN}))
    assert (await ask(client, platform)).status is ALLOWED[allowed]


@pytest.mark.parametrize(
    "answer",
    [
        lambda: envelope(2004, http=404),
        lambda: envelope(2004),
        lambda: web.Response(status=404, text="not found"),
    ],
)
async def test_a_token_that_its_owner_does_not_know_is_invalid(
    client: OcpiClient, platform: Platform, answer: Callable[[], web.Response]
) -> None:
    """ocpi-rules 11: HTTP 404 with 2004."""
    platform.answers(answer)
    assert (await ask(client, platform)).status is AuthorizationStatus.INVALID


@pytest.mark.parametrize(
    "answer",
    [
        lambda: envelope(2002),
        lambda: envelope(3000),
        lambda: web.Response(status=500),
        lambda: web.Response(status=401),
        lambda: web.Response(text="<html>"),
        lambda: envelope(1000),
        lambda: envelope(1000, {"allowed": "PERHAPS", "token": TOKEN}),
    ],
)
async def test_an_answer_that_decides_nothing_is_none(
    client: OcpiClient, platform: Platform, answer: Callable[[], web.Response]
) -> None:
    platform.answers(answer)
    assert await ask(client, platform) is None


async def test_a_token_of_a_party_that_the_partner_is_not_is_not_accepted(
    client: OcpiClient, platform: Platform
) -> None:
    """security S10."""
    stranger = TOKEN | {"party_id": "XXX"}
    platform.answers(lambda: envelope(1000, {"allowed": "ALLOWED", "token": stranger}))
    assert await ask(client, platform) is None


async def test_an_evse_that_the_answer_leaves_out_is_not_allowed(
    client: OcpiClient, platform: Platform
) -> None:
    location = {"location_id": "LOC1", "evse_uids": ["E2"]}
    data = {"allowed": "ALLOWED", "token": TOKEN, "location": location}
    platform.answers(lambda: envelope(1000, data))
    assert (await ask(client, platform)).status is AuthorizationStatus.NOT_ALLOWED_AT_LOCATION


async def test_the_evses_of_the_answer_and_the_language_are_handed_on(
    client: OcpiClient, platform: Platform
) -> None:
    """mod_tokens 12.3.1: "Only the EVSEs the EV driver is allowed to charge at are returned"."""
    location = {"location_id": "LOC1", "evse_uids": ["E1", "E2"]}
    token = TOKEN | {"language": "nl"}
    data = {"allowed": "ALLOWED", "token": token, "location": location}
    platform.answers(lambda: envelope(1000, data))
    answer = await ask(client, platform, evse=None)
    assert (answer.status, answer.evse_uids) == (AuthorizationStatus.ACCEPTED, ("E1", "E2"))
    assert answer.language == "nl"


async def test_a_partner_that_does_not_answer_in_time_gives_none(
    client: OcpiClient, platform: Platform
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    platform.handler = trickle
    assert await ask(client, platform, seconds=0.2) is None


async def test_a_partner_without_a_tokens_interface_gives_none(client: OcpiClient) -> None:
    authorizer = RealTimeAuthorizer(client)
    partner = Platform().partner(endpoints=())
    assert await authorizer.authorize(partner, OUR_PARTY, "U", TokenType.RFID, None) is None


# --- answers without an envelope --------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"detail": "kwh: field required"}', '{"detail": "kwh: field required"}'),
        (b"<html><title>Bad\x00 Gate\nway</title><b>nginx</b></html>", "Bad Gate way nginx"),
        (b"\x1b[31mred\x07 \xff", "[31mred \ufffd"),
        (b"x y " * 10_000, ("x y " * 50).strip()),
        (b" ", "no reason given"),
    ],
)
async def test_what_a_refusal_without_an_envelope_says_is_kept(
    client: OcpiClient, platform: Platform, body: bytes, told: str
) -> None:
    """ocpi-rules: 4xx without an envelope; short, printable."""
    platform.answers(lambda: web.Response(status=422, body=body))
    with pytest.raises(Refused) as refused:
        await client.request("GET", f"{platform.url}/x", token="t1")
    assert str(refused.value) == f"HTTP 422: {told}"


@pytest.mark.parametrize("status", [200, 422, 502])
async def test_what_is_kept_of_an_answer_has_no_token(
    client: OcpiClient, platform: Platform, status: int
) -> None:
    """S9: some frameworks repeat the request, headers and all."""
    new = "pZ8d3yUo1_-aQ4vXw7RtK2mB6nHc5Jf9LgEsTiYz0oCqDxWu"

    async def repeat(request: web.Request) -> web.StreamResponse:
        said = f"{request.headers['Authorization']} {await request.text()} their-token wrong"
        return web.Response(status=status, text=said)

    platform.handler = repeat
    with pytest.raises((Refused, Unreachable)) as raised:
        await client.request("POST", f"{platform.url}/x", token="their-token", body={"token": new})
    assert str(raised.value).endswith("wrong")
    for secret in ("their-token", base64.b64encode(b"their-token").decode(), new, new[:24]):
        assert secret not in str(raised.value)


# --- command results --------------------------------------------------------------------------


async def result(client: OcpiClient, platform: Platform, url: str, outcome: CommandOutcome) -> bool:
    to = ReplyTo(platform.partner(), OUR_PARTY, url)
    return await CommandResultSender(client).send(to, outcome)


@pytest.mark.parametrize("outcome", list(CommandOutcome))
async def test_every_outcome_is_a_command_result_type(
    client: OcpiClient, platform: Platform, outcome: CommandOutcome
) -> None:
    """ocpi-rules 16: CommandResult has an enum of its own."""
    assert await result(client, platform, f"{platform.url}/r", outcome)
    words = BY_NUMBER["2.2.1"].commands.results
    assert json.loads(platform.requests[0][3]) == {"result": words[outcome]}


async def test_a_result_goes_to_the_response_url_as_it_was_given(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules: URL joining."""
    url = f"{platform.url}/ocpi//results/a%2Fb?id=7&x=%20"
    await result(client, platform, url, CommandOutcome.FAILED)
    method, path, _, body = platform.requests[0]
    assert (method, path) == ("POST", "/ocpi//results/a%2Fb?id=7&x=%20")
    assert json.loads(body) == {"result": "FAILED"}


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500])
async def test_a_result_that_is_not_taken_is_not_sent_again(
    client: OcpiClient, platform: Platform, status: int
) -> None:
    """ocpi-rules 15: no retry of a CommandResult."""
    platform.answers(lambda: web.Response(status=status, headers={"Location": "/elsewhere"}))
    assert not await result(client, platform, f"{platform.url}/r", CommandOutcome.ACCEPTED)
    assert len(platform.requests) == 1


async def test_a_result_whose_answer_is_lost_is_not_sent_again(
    client: OcpiClient, platform: Platform
) -> None:
    """ocpi-rules 15, also over a connection that dies."""

    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    url = f"{platform.url}/r"
    assert await result(client, platform, url, CommandOutcome.ACCEPTED)
    platform.handler = hang_up
    assert not await result(client, platform, url, CommandOutcome.ACCEPTED)
    assert len(platform.requests) == 2
