"""The simulated partner against small CPO platforms, over real sockets."""

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulators.partner import Authorization, CallFailed, Fault, SimulatedPartner
from simulators.partner.control import Control

NOW = "2026-01-01T10:00:00Z"


def encoded(token: str) -> str:
    return "Token " + base64.b64encode(token.encode()).decode()


class Cpo:
    """A CPO platform of a few lines; what it does wrong is up to the test."""

    def __init__(self, party_id: str) -> None:
        self.party_id = party_id
        self.token_a = f"token-a-{party_id}"
        self.token_c = f"token-c-{party_id}"
        self.credentials: Any = None
        self.endpoints: dict[str, str] = {}
        self.received: list[tuple[str, str, Any]] = []
        self.lists: dict[str, list[Any]] = {}
        self.page = 2
        self.link_to: str | None = None
        self.keep_filters = True
        self.miscount = 0
        self.command_result: str | None = "ACCEPTED"
        self.command_response: dict[str, Any] = {"result": "ACCEPTED", "timeout": 10}
        self.call_back_in_post = True
        self.answer_headers: dict[str, str] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.url = ""
        self._registering: Any = None

    async def __aenter__(self) -> "Cpo":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self.tasks)
        await self.session.close()
        await self._runner.cleanup()

    # -- as a server

    async def _serve(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text else None
        path = "/" + request.match_info["path"]
        self.received.append((request.method, request.path_qs, body))
        token = request.headers.get("Authorization")
        known = [encoded(self.token_a), encoded(self.token_c)]
        if token not in known:
            return self._answer(request, None, 401, 2000)
        return await self._route(request, path, body)

    async def _route(self, request: web.Request, path: str, body: Any) -> web.Response:
        if path == "/versions":
            data: Any = [
                {"version": "2.1.1", "url": f"{self.url}/2.1.1"},
                {"version": "2.2.1", "url": f"{self.url}/2.2.1"},
            ]
        elif path == "/2.2.1":
            data = {"version": "2.2.1", "endpoints": self._endpoints()}
        elif path == "/credentials":
            return await self._credentials(request, body)
        elif path.startswith("/commands/"):
            data = self.command_response
            if self.command_result is not None:
                result = {"result": self.command_result}
                url = body["response_url"]
                self.tasks.append(asyncio.create_task(self._later("POST", url, result)))
        elif path[1:] in self.lists and request.method == "GET":
            return self._page(request, path[1:])
        else:
            data = None
        return self._answer(request, data)

    def _endpoints(self) -> list[dict[str, str]]:
        modules = [(name, "SENDER") for name in ("locations", "sessions", "cdrs", "tariffs")]
        modules += [("tokens", "RECEIVER"), ("commands", "RECEIVER"), ("credentials", "SENDER")]
        return [
            {"identifier": name, "role": role, "url": f"{self.url}/{name}"}
            for name, role in modules
        ]

    async def _credentials(self, request: web.Request, body: Any) -> web.Response:
        if request.method == "DELETE":
            self.credentials = None
            return self._answer(request, None)
        self._registering = body
        if self.call_back_in_post:
            self.endpoints = await self._discover(body["url"], body["token"])
        self.credentials = body
        self.token_c = f"token-{uuid.uuid4()}"
        return self._answer(request, self.own_credentials(self.token_c))

    def own_credentials(self, token: str) -> dict[str, Any]:
        role = {
            "role": "CPO",
            "party_id": self.party_id,
            "country_code": "NL",
            "business_details": {"name": self.party_id},
        }
        return {"token": token, "url": f"{self.url}/versions", "roles": [role]}

    def _page(self, request: web.Request, module: str) -> web.Response:
        offset = int(request.query.get("offset", "0"))
        limit = min(int(request.query.get("limit", "1000")), self.page)
        objects = self.lists[module]
        headers = {"X-Total-Count": str(len(objects) + self.miscount), "X-Limit": str(self.page)}
        if offset + limit < len(objects):
            filters = "".join(
                f"&{name}={request.query[name]}"
                for name in ("date_from", "date_to")
                if name in request.query and self.keep_filters
            )
            base = self.link_to or f"{self.url}/{module}"
            headers["Link"] = f'<{base}?offset={offset + limit}&limit={limit}{filters}>; rel="next"'
        return self._answer(request, objects[offset : offset + limit], headers=headers)

    def _answer(
        self,
        request: web.Request,
        data: Any,
        status: int = 200,
        status_code: int = 1000,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        swapped = {
            f"OCPI-{there}-{name}": request.headers[f"OCPI-{here}-{name}"]
            for here, there in (("from", "to"), ("to", "from"))
            for name in ("country-code", "party-id")
            if f"OCPI-{here}-{name}" in request.headers
        }
        ids = {name: request.headers[name] for name in ("X-Request-ID", "X-Correlation-ID")}
        content = {"status_code": status_code, "timestamp": NOW}
        if data is not None:
            content["data"] = data
        response = web.json_response(content, status=status)
        response.headers.update({**ids, **swapped, **(headers or {}), **self.answer_headers})
        return response

    # -- as a client

    async def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        routed: bool = True,
        headers: Mapping[str, str | None] | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        sent: dict[str, str | None] = {
            "Authorization": encoded(token or self.credentials["token"]),
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
        }
        if routed:
            sent |= {
                "OCPI-from-country-code": "NL",
                "OCPI-from-party-id": self.party_id,
                "OCPI-to-country-code": "DE",
                "OCPI-to-party-id": "EMS",
            }
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update(headers or {})
        data = body if isinstance(body, str | None) else json.dumps(body)
        final = {name: value for name, value in sent.items() if value is not None}
        async with self.session.request(method, url, data=data, headers=final) as response:
            text = await response.text()
            answer = json.loads(text) if text.startswith("{") else text
            return response.status, answer, dict(response.headers)

    async def push(self, method: str, module: str, path: str, body: Any = None) -> Any:
        url = self.endpoints[module] + path
        return await self.call(method, url, body)

    async def _later(self, method: str, url: str, body: Any) -> None:
        await self.call(method, url, body)

    async def _discover(self, versions_url: str, token: str) -> dict[str, str]:
        _, versions, _ = await self.call("GET", versions_url, token=token, routed=False)
        url = next(one["url"] for one in versions["data"] if one["version"] == "2.2.1")
        _, details, _ = await self.call("GET", url, token=token, routed=False)
        return {one["identifier"]: one["url"] for one in details["data"]["endpoints"]}

    async def register_with(self, partner: SimulatedPartner, token_a: str) -> tuple[int, Any]:
        """The handshake begun by the CPO."""
        self.endpoints = await self._discover(partner.versions_url, token_a)
        status, answer, _ = await self.call(
            "POST",
            self.endpoints["credentials"],
            self.own_credentials(self.token_c),
            token=token_a,
            routed=False,
        )
        self.credentials = answer.get("data")
        return status, answer


# -- objects


def location(location_id: str = "LOC1", minute: int = 0) -> dict[str, Any]:
    updated = f"2026-01-01T10:{minute:02}:00Z"
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "last_updated": updated,
    }
    evse = {
        "uid": f"{location_id}-1",
        "status": "AVAILABLE",
        "connectors": [connector],
        "last_updated": updated,
    }
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": location_id,
        "publish": True,
        "address": "Street 1",
        "city": "Town",
        "country": "NLD",
        "coordinates": {"latitude": "52.12345", "longitude": "4.12345"},
        "evses": [evse],
        "time_zone": "Europe/Amsterdam",
        "last_updated": updated,
    }


def cdr_token(uid: str = "EMS00000001") -> dict[str, str]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": uid,
        "type": "RFID",
        "contract_id": f"DEEMSC{uid}",
    }


def session(minute: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "S1",
        "start_date_time": NOW,
        "kwh": 0,
        "cdr_token": cdr_token(),
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "LOC1-1",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": f"2026-01-01T10:{minute:02}:00Z",
        **fields,
    }


# as text, because the digits matter
CDR = """{
  "country_code": "NL", "party_id": "ABC", "id": "C1", "start_date_time": "2026-01-01T10:00:00Z",
  "end_date_time": "2026-01-01T10:30:00Z", "session_id": "S1",
  "cdr_token": {"country_code": "DE", "party_id": "EMS", "uid": "EMS00000001", "type": "RFID",
                "contract_id": "DEEMSCEMS00000001"},
  "auth_method": "WHITELIST",
  "cdr_location": {"id": "LOC1", "address": "Street 1", "city": "Town", "country": "NLD",
    "coordinates": {"latitude": "52.12345", "longitude": "4.12345"}, "evse_uid": "LOC1-1",
    "evse_id": "NL*ABC*E1", "connector_id": "1", "connector_standard": "IEC_62196_T2",
    "connector_format": "SOCKET", "connector_power_type": "AC_3_PHASE"},
  "currency": "EUR",
  "charging_periods": [{"start_date_time": "2026-01-01T10:00:00Z",
                        "dimensions": [{"type": "ENERGY", "volume": 7.10}]}],
  "total_cost": {"excl_vat": 1.780, "incl_vat": 2.15}, "total_energy": 7.10, "total_time": 0.5,
  "last_updated": "2026-01-01T10:31:00Z"
}"""


def tariff(tariff_id: str) -> dict[str, Any]:
    price = {"type": "ENERGY", "price": 0.25, "step_size": 1}
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": tariff_id,
        "currency": "EUR",
        "elements": [{"price_components": [price]}],
        "last_updated": NOW,
    }


# -- fixtures


@pytest.fixture
async def partner() -> AsyncIterator[SimulatedPartner]:
    partner = SimulatedPartner(country_code="DE", party_id="EMS")
    partner.add_routes(Control(partner).routes())
    partner.issue_token("EMS00000001")
    await partner.start()
    yield partner
    await partner.close()


@pytest.fixture
async def cpo() -> AsyncIterator[Cpo]:
    async with Cpo("ABC") as cpo:
        yield cpo


@pytest.fixture
async def pair(partner: SimulatedPartner, cpo: Cpo) -> tuple[SimulatedPartner, Cpo]:
    """Registered with each other."""
    await partner.register(f"{cpo.url}/versions", cpo.token_a)
    cpo.received.clear()
    return partner, cpo


Pair = tuple[SimulatedPartner, Cpo]


# -- registration


async def test_it_registers_by_the_real_handshake(partner: SimulatedPartner, cpo: Cpo) -> None:
    """ocpi-rules 1, 3: A, then B in the POST, then C."""
    peer = await partner.register(f"{cpo.url}/versions", cpo.token_a)
    assert [(method, path) for method, path, _ in cpo.received] == [
        ("GET", "/versions"),
        ("GET", "/2.2.1"),
        ("POST", "/credentials"),
    ]
    assert cpo.credentials["url"] == partner.versions_url
    assert peer.token == cpo.token_c
    assert partner.violations == []


async def test_a_failed_handshake_registers_nobody(partner: SimulatedPartner, cpo: Cpo) -> None:
    with pytest.raises(CallFailed):
        await partner.register(f"{cpo.url}/versions", "wrong")
    assert not partner.registered
    assert partner.site.registry.peers == {}


async def test_a_cpo_registers_with_it(partner: SimulatedPartner, cpo: Cpo) -> None:
    token_a = partner.hand_out_token()
    status, answer = await cpo.register_with(partner, token_a)
    assert (status, answer["status_code"]) == (200, 1000)
    assert partner.registered
    assert (await cpo.push("PUT", "locations", "/NL/ABC/LOC1", location()))[0] == 201
    status, _, _ = await cpo.call("GET", partner.versions_url, token=token_a, routed=False)
    assert status == 401
    assert partner.violations == []


async def test_an_unreachable_client_is_answered_with_3001(
    partner: SimulatedPartner, cpo: Cpo
) -> None:
    """ocpi-rules 3."""
    token_a = partner.hand_out_token()
    cpo.token_c = "changed"
    credentials = cpo.own_credentials("not accepted by the cpo".replace(" ", "-"))
    url = partner.versions_url.replace("/versions", "/2.2.1/credentials")
    status, answer, _ = await cpo.call("POST", url, credentials, token=token_a, routed=False)
    assert (status, answer["status_code"]) == (200, 3001)
    assert not partner.registered


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_put_and_delete_before_registration_are_405(
    partner: SimulatedPartner, cpo: Cpo, method: str
) -> None:
    """ocpi-rules 4."""
    token_a = partner.hand_out_token()
    url = partner.versions_url.replace("/versions", "/2.2.1/credentials")
    body = cpo.own_credentials("x") if method == "PUT" else None
    status, _, _ = await cpo.call(method, url, body, token=token_a, routed=False)
    assert status == 405


async def test_a_second_post_is_405(pair: Pair) -> None:
    """ocpi-rules 4."""
    _, cpo = pair
    body = cpo.own_credentials(cpo.token_c)
    status, _, _ = await cpo.call("POST", cpo.endpoints["credentials"], body, routed=False)
    assert status == 405


async def test_it_rotates_both_tokens(pair: Pair) -> None:
    """ocpi-rules 3."""
    partner, cpo = pair
    old_b, old_c = cpo.credentials["token"], cpo.token_c
    await partner.rotate()
    assert cpo.credentials["token"] != old_b
    assert partner.peers[0].token == cpo.token_c != old_c
    assert (await cpo.call("GET", partner.versions_url, token=old_b, routed=False))[0] == 401
    assert (await cpo.push("PUT", "locations", "/NL/ABC/LOC1", location()))[0] == 201


async def test_the_cpo_rotates_both_tokens(pair: Pair) -> None:
    partner, cpo = pair
    old_b = cpo.credentials["token"]
    cpo.token_c = "brand-new"
    body = cpo.own_credentials(cpo.token_c)
    _, answer, _ = await cpo.call("PUT", cpo.endpoints["credentials"], body, routed=False)
    cpo.credentials = answer["data"]
    assert cpo.credentials["token"] != old_b
    assert partner.peers[0].token == "brand-new"
    assert (await cpo.push("PUT", "locations", "/NL/ABC/LOC1", location()))[0] == 201


async def test_after_unregistering_the_cpo_is_a_stranger(pair: Pair) -> None:
    partner, cpo = pair
    token = cpo.credentials["token"]
    await partner.unregister()
    assert cpo.credentials is None
    assert (await cpo.call("GET", partner.versions_url, token=token, routed=False))[0] == 401


async def test_two_platforms_at_once(pair: Pair) -> None:
    partner, cpo = pair
    async with Cpo("XYZ") as other:
        await partner.register(f"{other.url}/versions", other.token_a)
        await cpo.push("PUT", "locations", "/NL/ABC/LOC1", location())
        theirs = location("LOC2") | {"party_id": "XYZ"}
        await other.push("PUT", "locations", "/NL/XYZ/LOC2", theirs)
        status, _, _ = await other.push("PUT", "locations", "/NL/ABC/LOC1", location("LOC1", 1))
    assert status == 404
    assert [one["id"] for one in partner.locations] == ["LOC1", "LOC2"]


# -- the gate


@pytest.mark.parametrize(
    ("headers", "status", "status_code"),
    [
        ({"Authorization": None}, 401, 2000),
        ({"Authorization": encoded("stranger")}, 401, 2000),
        ({"Authorization": "Bearer x"}, 401, 2000),
        ({"X-Request-ID": None}, 200, 2001),
        ({"X-Correlation-ID": None}, 200, 2001),
        ({"OCPI-from-party-id": None}, 200, 2001),
        ({"OCPI-from-party-id": "XYZ"}, 200, 2001),
        ({"OCPI-to-party-id": "XYZ"}, 200, 2001),
    ],
)
async def test_headers_are_held_against_the_standard(
    pair: Pair, headers: dict[str, str | None], status: int, status_code: int
) -> None:
    """ocpi-rules 2, 25."""
    partner, cpo = pair
    url = cpo.endpoints["locations"] + "/NL/ABC/LOC1"
    got, answer, _ = await cpo.call("PUT", url, location(), headers=headers)
    assert (got, answer["status_code"]) == (status, status_code)
    assert partner.locations == []


async def test_routing_headers_may_be_left_out_between_two_single_parties(cpo: Cpo) -> None:
    """transport_and_format, Message Routing Headers: the "only exception"."""
    lenient = SimulatedPartner(country_code="DE", party_id="EMS", demand_routing=False)
    async with lenient:
        await lenient.register(f"{cpo.url}/versions", cpo.token_a)
        url = cpo.endpoints["locations"] + "/NL/ABC/LOC1"
        status, _, _ = await cpo.call("PUT", url, location(), routed=False)
    assert status == 201
    assert lenient.violations == []
    assert "routing headers" in lenient.advice[0]["what"]


async def test_a_token_that_is_not_base64_is_refused_and_reported(pair: Pair) -> None:
    """ocpi-rules 1."""
    partner, cpo = pair
    plain = {"Authorization": f"Token {cpo.credentials['token']}"}
    url = cpo.endpoints["locations"] + "/NL/ABC/LOC1"
    assert (await cpo.call("PUT", url, location(), headers=plain))[0] == 401
    assert "Base64" in partner.violations[0]["what"]


async def test_a_token_with_the_newline_of_the_standards_example_is_accepted(pair: Pair) -> None:
    """ocpi-rules 1."""
    partner, cpo = pair
    header = {"Authorization": encoded(cpo.credentials["token"] + "\n")}
    status, _, _ = await cpo.call("GET", partner.versions_url, routed=False, headers=header)
    assert status == 200


async def test_a_token_a_is_worth_nothing_on_functional_modules(pair: Pair, cpo: Cpo) -> None:
    """ocpi-rules 2."""
    partner, _ = pair
    token_a = partner.hand_out_token()
    url = cpo.endpoints["locations"] + "/NL/ABC/LOC1"
    assert (await cpo.call("PUT", url, location(), token=token_a))[0] == 401


async def test_the_answer_repeats_the_ids_and_swaps_the_route(pair: Pair) -> None:
    """ocpi-rules 25."""
    _, cpo = pair
    ids = {"X-Request-ID": "r-1", "X-Correlation-ID": "c-1"}
    url = cpo.endpoints["locations"] + "/NL/ABC/LOC1"
    _, _, got = await cpo.call("PUT", url, location(), headers=ids)
    assert (got["X-Request-ID"], got["X-Correlation-ID"]) == ("r-1", "c-1")
    assert (got["OCPI-to-party-id"], got["OCPI-from-party-id"]) == ("ABC", "EMS")
    assert (got["OCPI-to-country-code"], got["OCPI-from-country-code"]) == ("NL", "DE")


async def test_routing_headers_on_credentials_are_a_violation(pair: Pair) -> None:
    partner, cpo = pair
    assert (await cpo.call("GET", cpo.endpoints["credentials"]))[0] == 200
    assert len(partner.violations) == 4


async def test_a_body_that_is_no_json_is_http_400(pair: Pair) -> None:
    """ocpi-rules 11."""
    _, cpo = pair
    status, answer, _ = await cpo.push("PUT", "locations", "/NL/ABC/LOC1", '{"id": ')
    assert status == 400
    assert answer["status_code"] == 2000


async def test_a_broken_object_is_2001_and_says_where(pair: Pair) -> None:
    """ocpi-rules 11: no HTTP error once the request is valid JSON."""
    partner, cpo = pair
    body = location()
    del body["evses"][0]["connectors"][0]["standard"]
    status, answer, _ = await cpo.push("PUT", "locations", "/NL/ABC/LOC1", body)
    assert (status, answer["status_code"]) == (200, 2001)
    assert answer["data"][0]["where"] == "evses.0.connectors.0.standard"
    assert partner.violations[0]["where"].endswith("evses.0.connectors.0.standard")
    assert partner.locations == []


async def test_a_path_that_was_not_advertised_is_404_in_an_envelope(pair: Pair) -> None:
    _, cpo = pair
    status, answer, _ = await cpo.push("PUT", "locations", "/LOC1", location())
    assert status == 404
    assert answer["status_code"] == 2000


# -- pushes


async def test_a_location_is_put_patched_and_read_on_all_levels(pair: Pair) -> None:
    partner, cpo = pair
    patch = {"status": "CHARGING", "last_updated": "2026-01-01T10:01:00Z"}
    tariffs = {"tariff_ids": ["T1"], "last_updated": "2026-01-01T10:02:00Z"}
    assert (await cpo.push("PUT", "locations", "/NL/ABC/LOC1", location()))[0] == 201
    assert (await cpo.push("PATCH", "locations", "/NL/ABC/LOC1/LOC1-1", patch))[0] == 200
    assert (await cpo.push("PATCH", "locations", "/NL/ABC/LOC1/LOC1-1/1", tariffs))[0] == 200
    _, answer, _ = await cpo.push("GET", "locations", "/NL/ABC/LOC1/LOC1-1")
    assert answer["data"]["status"] == "CHARGING"
    assert answer["data"]["connectors"][0]["tariff_ids"] == ["T1"]
    assert partner.locations[0]["last_updated"] == "2026-01-01T10:02:00Z"
    assert partner.violations == []


async def test_an_evse_of_an_unknown_location_is_404_with_2003(pair: Pair) -> None:
    _, cpo = pair
    patch = {"status": "CHARGING", "last_updated": NOW}
    status, answer, _ = await cpo.push("PATCH", "locations", "/NL/ABC/LOC1/E1", patch)
    assert (status, answer["status_code"]) == (404, 2003)


async def test_a_charging_session_arrives_and_is_billed(pair: Pair) -> None:
    """Session by PUT and PATCH, CDR by POST with its Location, and every digit kept."""
    partner, cpo = pair
    assert (await cpo.push("PUT", "sessions", "/NL/ABC/S1", session()))[0] == 201
    end = (
        '{"kwh": 7.10, "status": "COMPLETED", "end_date_time": "2026-01-01T10:30:00Z",'
        ' "last_updated": "2026-01-01T10:30:00Z"}'
    )
    assert (await cpo.push("PATCH", "sessions", "/NL/ABC/S1", end))[0] == 200
    status, _, headers = await cpo.push("POST", "cdrs", "", CDR)
    assert status == 201
    _, answer, _ = await cpo.call("GET", headers["Location"])
    assert answer["data"]["id"] == "C1"
    told = next(event for event in partner.events if event["event"] == "cdr_received")
    assert (told["id"], told["session_id"], told["kwh"]) == ("C1", "S1", "7.10")
    assert told["total_cost"] == {"excl_vat": "1.780", "incl_vat": "2.15"}
    assert partner.violations == []


async def test_a_changed_cdr_is_refused(pair: Pair) -> None:
    """ocpi-rules 19."""
    partner, cpo = pair
    await cpo.push("POST", "cdrs", "", CDR)
    status, answer, _ = await cpo.push("POST", "cdrs", "", CDR.replace("7.10", "8.10"))
    assert (status, answer["status_code"]) == (200, 2001)
    assert (await cpo.push("POST", "cdrs", "", CDR))[0] == 200
    assert len(partner.cdrs) == 1


async def test_a_tariff_is_put_and_deleted(pair: Pair) -> None:
    partner, cpo = pair
    assert (await cpo.push("PUT", "tariffs", "/NL/ABC/T1", tariff("T1")))[0] == 201
    assert partner.tariffs[0]["id"] == "T1"
    assert (await cpo.push("DELETE", "tariffs", "/NL/ABC/T1"))[0] == 200
    assert (await cpo.push("GET", "tariffs", "/NL/ABC/T1"))[0] == 404


# -- tokens and authorization


async def test_it_pushes_tokens_by_put_and_patch(pair: Pair) -> None:
    partner, cpo = pair
    await partner.push_token("EMS00000001")
    await partner.patch_token("EMS00000001", valid=False)
    (put, put_url, token), (patch, patch_url, change) = cpo.received
    assert (put, patch) == ("PUT", "PATCH")
    assert put_url == patch_url == "/tokens/DE/EMS/EMS00000001?type=RFID"
    assert token["contract_id"] == "DEEMSCEMS00000001"
    assert sorted(change) == ["last_updated", "valid"]
    assert change["last_updated"] > token["last_updated"]


async def test_its_token_list_is_paged(pair: Pair) -> None:
    """ocpi-rules 6."""
    partner, cpo = pair
    partner.page_limit = 2
    for number in range(2, 6):
        partner.issue_token(f"EMS0000000{number}")
    url = cpo.endpoints["tokens"] + "?date_from=2020-01-01T00:00:00Z"
    seen: list[str] = []
    pages = 0
    while url:
        _, answer, headers = await cpo.call("GET", url)
        assert (headers["X-Total-Count"], headers["X-Limit"]) == ("5", "2")
        seen += [token["uid"] for token in answer["data"]]
        pages += 1
        link = headers.get("Link", "")
        assert not link or "date_from=2020" in link
        url = link.partition("<")[2].partition(">")[0]
    assert (pages, seen) == (3, [f"EMS0000000{number}" for number in range(1, 6)])


async def test_date_to_is_exclusive_and_bad_dates_are_2001(pair: Pair) -> None:
    """ocpi-rules 7."""
    partner, cpo = pair
    updated = partner.tokens[0]["last_updated"]
    _, answer, _ = await cpo.call("GET", f"{cpo.endpoints['tokens']}?date_to={updated}")
    assert answer["data"] == []
    _, answer, _ = await cpo.call("GET", f"{cpo.endpoints['tokens']}?date_from={updated}")
    assert len(answer["data"]) == 1
    _, answer, _ = await cpo.call("GET", f"{cpo.endpoints['tokens']}?date_from=yesterday")
    assert answer["status_code"] == 2001


@pytest.mark.parametrize("allowed", ["ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"])
async def test_it_authorizes_as_it_is_told(pair: Pair, allowed: str) -> None:
    partner, cpo = pair
    partner.set_authorization(Authorization(allowed, "ref-1"), "EMS00000001")
    place = {"location_id": "LOC1", "evse_uids": ["LOC1-1"]}
    _, answer, _ = await cpo.push("POST", "tokens", "/EMS00000001/authorize?type=RFID", place)
    granted = allowed == "ALLOWED"
    assert answer["data"]["allowed"] == allowed
    assert answer["data"]["token"]["uid"] == "EMS00000001"
    assert answer["data"].get("authorization_reference") == ("ref-1" if granted else None)
    assert answer["data"].get("location") == (place if granted else None)


async def test_an_unknown_token_is_http_404_with_2004(pair: Pair) -> None:
    """ocpi-rules 11."""
    _, cpo = pair
    status, answer, _ = await cpo.push("POST", "tokens", "/STRANGER/authorize")
    assert (status, answer["status_code"]) == (404, 2004)
    assert "data" not in answer


async def test_too_little_information_is_2002(pair: Pair) -> None:
    partner, cpo = pair
    partner.set_authorization(Authorization(location_required=True))
    _, answer, _ = await cpo.push("POST", "tokens", "/EMS00000001/authorize")
    assert answer["status_code"] == 2002


async def test_a_reference_that_was_given_has_to_come_back_in_the_session(pair: Pair) -> None:
    _, cpo = pair
    _, answer, _ = await cpo.push("POST", "tokens", "/EMS00000001/authorize")
    reference = answer["data"]["authorization_reference"]
    told = session(auth_method="AUTH_REQUEST")
    _, answer, _ = await cpo.push("PUT", "sessions", "/NL/ABC/S1", told)
    assert answer["status_code"] == 2001
    told["authorization_reference"] = reference
    assert (await cpo.push("PUT", "sessions", "/NL/ABC/S1", told))[0] == 201


# -- commands


async def test_a_command_brings_response_and_result(pair: Pair) -> None:
    """ocpi-rules 16."""
    partner, cpo = pair
    command = await partner.start_session(
        "LOC1", "LOC1-1", "EMS00000001", authorization_reference="ref-9"
    )
    assert command.response == {"result": "ACCEPTED", "timeout": 10}
    assert command.result == {"result": "ACCEPTED"}
    _, path, body = cpo.received[0]
    assert path == "/commands/START_SESSION"
    assert body["token"]["uid"] == "EMS00000001"
    assert body["authorization_reference"] == "ref-9"
    assert partner.violations == []


async def test_a_rejected_command_waits_for_nothing(pair: Pair) -> None:
    partner, cpo = pair
    cpo.command_response = {"result": "UNKNOWN_SESSION", "timeout": 0}
    cpo.command_result = None
    command = await partner.stop_session("S1")
    assert command.response == {"result": "UNKNOWN_SESSION", "timeout": 0}
    assert command.result is None


async def test_a_result_that_never_comes_ends_the_wait(pair: Pair) -> None:
    partner, cpo = pair
    cpo.command_result = None
    command = await partner.stop_session("S1", wait=0.05)
    assert command.result is None
    assert partner.events[-1]["event"] == "command_timeout"


async def test_a_second_result_is_a_violation(pair: Pair) -> None:
    partner, cpo = pair
    command = await partner.stop_session("S1")
    await cpo.call("POST", command.body["response_url"], {"result": "FAILED"})
    assert [found["what"] for found in partner.violations] == [
        "a second CommandResult for one command"
    ]


async def test_a_command_response_of_the_result_enum_is_a_violation(pair: Pair) -> None:
    """ocpi-rules 16: two different enums."""
    partner, cpo = pair
    cpo.command_response = {"result": "EVSE_OCCUPIED", "timeout": 10}
    with pytest.raises(CallFailed):
        await partner.stop_session("S1")
    assert partner.violations[0]["clause"] == "2.2.1 mod_commands, CommandResponse object"


async def test_asking_about_a_token_that_came_in_a_command_is_a_violation(pair: Pair) -> None:
    """ocpi-rules 17."""
    partner, cpo = pair
    await partner.start_session("LOC1", "LOC1-1", "EMS00000001")
    elsewhere = {"location_id": "LOC2"}
    await cpo.push("POST", "tokens", "/EMS00000001/authorize", elsewhere)
    assert partner.violations == []
    here = {"location_id": "LOC1", "evse_uids": ["LOC1-1"]}
    _, answer, _ = await cpo.push("POST", "tokens", "/EMS00000001/authorize", here)
    assert answer["data"]["allowed"] == "ALLOWED"
    assert "came in a command" in partner.violations[0]["what"]


# -- pull


async def test_it_pulls_every_page_and_keeps_what_is_right(pair: Pair) -> None:
    partner, cpo = pair
    cpo.lists["locations"] = [location(f"LOC{number}") for number in range(5)]
    del cpo.lists["locations"][3]["city"]
    summary = await partner.pull("locations")
    assert (summary["pages"], summary["objects"], summary["accepted"]) == (3, 5, 4)
    assert [one["id"] for one in partner.locations] == ["LOC0", "LOC1", "LOC2", "LOC4"]
    assert [found["where"] for found in partner.violations] == [f"GET {cpo.url}/locations: city"]


async def test_sessions_are_always_pulled_with_date_from(pair: Pair) -> None:
    """ocpi-rules 7."""
    partner, cpo = pair
    cpo.lists["sessions"] = [session()]
    await partner.pull("sessions")
    assert cpo.received[0][1] == "/sessions?date_from=2000-01-01T00%3A00%3A00.000Z"
    assert [one["id"] for one in partner.sessions] == ["S1"]


async def test_a_pulled_cdr_that_was_pushed_is_the_same_cdr(pair: Pair) -> None:
    partner, cpo = pair
    await cpo.push("POST", "cdrs", "", CDR)
    cpo.lists["cdrs"] = [json.loads(CDR)]
    summary = await partner.pull("cdrs")
    assert summary["findings"] == []
    assert len(partner.cdrs) == 1


async def test_a_link_to_another_origin_is_not_followed(pair: Pair) -> None:
    """Our token goes only where the endpoint is."""
    partner, cpo = pair
    async with Cpo("XYZ") as other:
        cpo.lists["tariffs"] = [tariff(f"T{number}") for number in range(4)]
        cpo.link_to = f"{other.url}/tariffs"
        summary = await partner.pull("tariffs")
    assert other.received == []
    assert (summary["pages"], summary["objects"]) == (1, 2)
    assert any("another origin" in found["what"] for found in partner.violations)


async def test_an_object_at_date_to_is_a_violation(pair: Pair) -> None:
    """ocpi-rules 7."""
    partner, cpo = pair
    cpo.lists["tariffs"] = [tariff(f"T{number}") for number in range(3)]
    await partner.pull("tariffs", date_to=datetime(2026, 1, 1, 10, tzinfo=UTC))
    assert {found["what"] for found in partner.violations} == {"date_to is exclusive"}


async def test_a_filter_lost_in_the_link_is_a_violation(pair: Pair) -> None:
    """ocpi-rules 6."""
    partner, cpo = pair
    cpo.keep_filters = False
    cpo.lists["tariffs"] = [tariff(f"T{number}") for number in range(3)]
    await partner.pull("tariffs", date_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert [found["what"] for found in partner.violations] == [
        "the Link should contain any filters of the original request"
    ]


async def test_a_total_count_that_is_not_the_total_is_a_violation(pair: Pair) -> None:
    """ocpi-rules 6."""
    partner, cpo = pair
    cpo.miscount = -1
    cpo.lists["tariffs"] = [tariff(f"T{number}") for number in range(3)]
    await partner.pull("tariffs")
    assert [found["evidence"] for found in partner.violations] == ["2 != 3"]


async def test_an_answer_with_foreign_ids_is_a_violation(pair: Pair) -> None:
    partner, cpo = pair
    cpo.answer_headers = {"X-Request-ID": "mine", "OCPI-to-party-id": "ABC"}
    await partner.push_token("EMS00000001")
    assert [found["where"].rpartition(": ")[2] for found in partner.violations] == [
        "X-Request-ID",
        "OCPI-to-party-id",
    ]


# -- faults


async def put_location(cpo: Cpo, minute: int = 0) -> tuple[int, Any, dict[str, str]]:
    answer: tuple[int, Any, dict[str, str]] = await cpo.push(
        "PUT", "locations", "/NL/ABC/LOC1", location("LOC1", minute)
    )
    return answer


async def test_a_fault_lasts_for_as_many_requests_as_it_was_given(pair: Pair) -> None:
    partner, cpo = pair
    partner.add_fault(Fault("status", times=2, status=429, retry_after=7))
    for _ in range(2):
        status, _, headers = await put_location(cpo)
        assert (status, headers["Retry-After"]) == (429, "7")
    assert (await put_location(cpo))[0] == 201


async def test_a_fault_on_one_path_spares_the_others(pair: Pair) -> None:
    partner, cpo = pair
    partner.add_fault(Fault("ocpi", path_prefix="/ocpi/emsp/2.2.1/sessions", status_code=3000))
    _, answer, _ = await cpo.push("PUT", "sessions", "/NL/ABC/S1", session())
    assert answer["status_code"] == 3000
    assert (await put_location(cpo))[0] == 201
    partner.lift_faults()
    assert (await cpo.push("PUT", "sessions", "/NL/ABC/S1", session()))[0] == 201


async def test_html_comes_instead_of_an_answer(pair: Pair) -> None:
    partner, cpo = pair
    partner.add_fault(Fault("html"))
    status, answer, _ = await put_location(cpo)
    assert (status, answer[:6]) == (200, "<html>")
    assert partner.locations == []


async def test_truncated_json_comes_after_the_work_is_done(pair: Pair) -> None:
    partner, cpo = pair
    partner.add_fault(Fault("truncated"))
    with pytest.raises(json.JSONDecodeError):
        await put_location(cpo)
    assert len(partner.locations) == 1


@pytest.mark.parametrize(("kind", "held"), [("disconnect", 0), ("lose_answer", 1)])
async def test_a_connection_breaks_before_or_after_the_work(
    pair: Pair, kind: Any, held: int
) -> None:
    partner, cpo = pair
    partner.add_fault(Fault(kind))
    with pytest.raises(aiohttp.ClientError):
        await put_location(cpo)
    assert len(partner.locations) == held


@pytest.mark.parametrize("kind", ["delay", "slow"])
async def test_a_late_or_slow_answer_is_still_the_answer(pair: Pair, kind: Any) -> None:
    partner, cpo = pair
    partner.add_fault(Fault(kind, seconds=0.1))
    status, answer, _ = await put_location(cpo)
    assert (status, answer["status_code"]) == (201, 1000)


async def test_it_goes_down_and_comes_back_on_the_same_port(pair: Pair) -> None:
    partner, cpo = pair
    await partner.refuse_connections()
    with pytest.raises(aiohttp.ClientConnectionError):
        await put_location(cpo)
    await partner.accept_connections()
    assert (await put_location(cpo))[0] == 201


async def test_every_request_is_logged(pair: Pair) -> None:
    partner, cpo = pair
    await put_location(cpo)
    last = partner.requests[-1]
    assert (last["method"], last["path"]) == ("PUT", "/ocpi/emsp/2.2.1/locations/NL/ABC/LOC1")
    assert (last["status"], last["status_code"]) == (201, 1000)


# -- waiting and the control API


async def test_until_returns_as_soon_as_something_arrives(pair: Pair) -> None:
    partner, cpo = pair
    task = asyncio.create_task(put_location(cpo))
    await partner.until(lambda: len(partner.locations) == 1, timeout=10)
    await task


async def test_until_gives_up(partner: SimulatedPartner) -> None:
    with pytest.raises(TimeoutError):
        await partner.until(lambda: False, timeout=0.05)


Controlled = Callable[..., Any]


@pytest.fixture
async def control(partner: SimulatedPartner) -> AsyncIterator[Controlled]:
    async with aiohttp.ClientSession() as session:

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            url = f"{partner.url}/control/{path}"
            async with session.request(method, url, json=body) as response:
                return response.status, await response.json()

        yield call


async def test_control_registers_commands_and_reports(control: Controlled, cpo: Cpo) -> None:
    body = {"versions_url": f"{cpo.url}/versions", "token": cpo.token_a}
    assert (await control("POST", "register", body))[0] == 200
    await put_location(cpo)
    status, token = await control("POST", "tokens", {"uid": "NEW1", "whitelist": "NEVER"})
    assert (status, token["whitelist"]) == (200, "NEVER")
    start = {"location_id": "LOC1", "evse_uid": "LOC1-1", "token": "NEW1"}
    _, outcome = await control("POST", "commands/START_SESSION", start)
    assert outcome["response"]["result"] == outcome["result"]["result"] == "ACCEPTED"
    _, state = await control("GET", "state")
    assert (state["registered"], state["counts"]["locations"]) == (True, 1)
    assert state["violations"] == []
    _, requests = await control("GET", "requests")
    assert any(one["method"] == "PUT" and one["status"] == 201 for one in requests)
    assert (await control("POST", "rotate"))[0] == 200
    assert (await control("POST", "unregister"))[1] == {"registered": False}


async def test_control_invites_a_cpo(
    control: Controlled, partner: SimulatedPartner, cpo: Cpo
) -> None:
    _, invitation = await control("POST", "invite")
    await cpo.register_with(partner, invitation["token"])
    assert partner.registered


async def test_control_sets_faults_and_authorizations(control: Controlled, pair: Pair) -> None:
    _, cpo = pair
    _, fault = await control("POST", "faults", {"kind": "status", "status": 500, "times": 1})
    assert (await put_location(cpo))[0] == 500
    assert (await control("DELETE", f"faults/{fault['id']}")) == (200, [])
    await control("POST", "authorization", {"allowed": "NO_CREDIT"})
    _, answer, _ = await cpo.push("POST", "tokens", "/EMS00000001/authorize")
    assert answer["data"]["allowed"] == "NO_CREDIT"


async def test_control_pulls(control: Controlled, pair: Pair) -> None:
    _, cpo = pair
    cpo.lists["locations"] = [location(f"LOC{number}") for number in range(3)]
    status, summary = await control("POST", "pull/locations", {"limit": 1})
    assert (status, summary["pages"], summary["accepted"]) == (200, 3, 3)
    _, locations = await control("GET", "locations")
    assert len(locations) == 3


async def test_control_lets_it_refuse_connections_for_a_while(
    control: Controlled, partner: SimulatedPartner, pair: Pair
) -> None:
    _, cpo = pair
    await control("POST", "faults", {"kind": "refuse", "seconds": 0.2})

    async def answered() -> bool:
        try:
            return bool((await put_location(cpo))[0] == 201)
        except aiohttp.ClientError:
            return False

    refused = False
    async with asyncio.timeout(10):
        while not (refused and await answered()):
            refused = refused or not await answered()
            await asyncio.sleep(0.01)
    assert refused


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "register", {}, 404),
        ("POST", "register", {"versions_url": "http://127.0.0.1:1/", "token": "x"}, 502),
        ("POST", "rotate", {}, 404),
        ("POST", "tokens", {"uid": "x" * 40, "push": False}, 422),
        ("POST", "authorization", {"allowed": "MAYBE"}, 422),
        ("POST", "faults", {"kind": "earthquake"}, 422),
        ("POST", "faults", {"kind": "status", "colour": 1}, 422),
        ("POST", "pull/locations", {"date_from": "yesterday"}, 422),
        ("GET", "nothing", None, 404),
    ],
)
async def test_control_says_what_is_wrong(
    control: Controlled, method: str, path: str, body: Any, status: int
) -> None:
    assert (await control(method, path, body))[0] == status
