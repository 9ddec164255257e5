"""`gateway partner check` at platforms that do one thing as others in the field do it."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.party import Party
from gateway.ocpi.conformance import Report, Verdict, check
from gateway.ocpi.outgoing.safe_http import SafeHttp

TOKEN = "token+of/the=platform"
ONE_DAY = "2026-01-01T00:00:00Z"


def _location(location_id: str = "LOC1", **changes: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": location_id,
        "publish": True,
        "address": "Harbour Street 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
        "time_zone": "Europe/Amsterdam",
        "last_updated": ONE_DAY,
        **changes,
    }


class Platform:
    """A platform with one list of Locations that keeps every rule, until told otherwise."""

    def __init__(self) -> None:
        self.url = ""
        self.version = "2.2.1"
        self.takes = base64.b64encode(TOKEN.encode()).decode()
        self.module = "locations"
        self.objects: list[dict[str, Any]] = [_location("LOC1"), _location("LOC2")]
        self.headers: dict[str, str] = {}
        self.content_type = "application/json"
        self.slash = False
        self.wraps = False
        self.filters = True
        self.roles: list[dict[str, Any]] = [
            {
                "role": "CPO",
                "country_code": "NL",
                "party_id": "ABC",
                "business_details": {"name": "CPO"},
            }
        ]
        self.asked: list[web.BaseRequest] = []

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """One answer."""
        self.asked.append(request)
        path, slash = request.path.rstrip("/"), request.path.endswith("/")
        if self.slash and not slash:
            raise web.HTTPTemporaryRedirect(f"{path}/?{request.query_string}")
        if request.headers.get("Authorization") != f"Token {self.takes}":
            return self._respond(request, 401, None)
        if path == f"/v/{self.module}":
            return self._list(request)
        return self._respond(request, *self._single(path))

    def _single(self, path: str) -> tuple[int, Any]:
        credentials: dict[str, Any] = {"token": TOKEN, "url": f"{self.url}/versions"}
        if self.version == "2.1.1":
            credentials |= {"country_code": "NL", "party_id": "ABC", "business_details": {}}
            credentials["business_details"] = {"name": "CPO"}
        else:
            credentials["roles"] = self.roles
        role = {} if self.version == "2.1.1" else {"role": "SENDER"}
        data: Any = {
            "/versions": [{"version": self.version, "url": f"{self.url}/v"}],
            "/v": {
                "version": self.version,
                "endpoints": [
                    {"identifier": module, "url": f"{self.url}/v/{module}", **role}
                    for module in ("credentials", self.module)
                ],
            },
            "/v/credentials": credentials,
        }.get(path)
        for one in self.objects:
            if path.lower() == f"/v/{self.module}/{one.get('id')}".lower():
                data = one
        if data is None:
            return 404, None
        return 200, [data] if self.wraps and isinstance(data, dict) else data

    def _list(self, request: web.BaseRequest) -> web.Response:
        found = self.objects
        start, end = request.query.get("date_from", ""), request.query.get("date_to", "9")
        if self.filters:
            found = [one for one in found if start <= one["last_updated"] < end]
        offset = int(request.query.get("offset", 0))
        limit = min(int(request.query.get("limit", 50)), 50)
        headers = {"X-Total-Count": str(len(found)), "X-Limit": "50"}
        if offset + limit < len(found):
            query = {**request.query, "offset": str(offset + limit)}
            following = request.url.with_query(query)
            headers["Link"] = f'<{following}>; rel="next"'
        return self._respond(request, 200, found[offset : offset + limit], headers)

    def _respond(
        self, request: web.BaseRequest, status: int, data: Any, headers: Any = None
    ) -> web.Response:
        echoed = {
            name: request.headers[name]
            for name in ("X-Request-ID", "X-Correlation-ID")
            if name in request.headers
        }
        for ours, theirs in (("to", "from"), ("from", "to")):
            for part in ("country-code", "party-id"):
                if f"OCPI-{ours}-{part}" in request.headers:
                    echoed[f"OCPI-{theirs}-{part}"] = request.headers[f"OCPI-{ours}-{part}"]
        body = {"status_code": 1000 if status == 200 else 2000, "timestamp": ONE_DAY}
        if data is not None:
            body["data"] = data
        return web.Response(
            status=status,
            text=json.dumps(body),
            content_type=self.content_type,
            headers={**echoed, **(headers or {}), **self.headers},
        )


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    runner = web.ServerRunner(web.Server(platform.answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield platform
    await runner.cleanup()


async def _read(platform: Platform) -> Report:
    http = SafeHttp(allow_private_hosts=True)
    try:
        url = f"{platform.url}/versions" + "/" * platform.slash
        return await check(http, url, TOKEN, party=Party("DE", "EMS"))
    finally:
        await http.close()


def _broken(report: Report) -> list[str]:
    return sorted({one.rule for one in report.broken})


async def test_a_platform_that_keeps_every_rule_is_told_so(platform: Platform) -> None:
    report = await _read(platform)
    assert _broken(report) == []
    assert not [one for one in report.findings if one.verdict is Verdict.ADVICE]


async def test_in_2_1_1_the_token_is_taken_as_it_is_and_ids_are_not_given_back(
    platform: Platform,
) -> None:
    """ocpi-rules 1 (2.1.1 transport_and_format, Authorization header)"""
    platform.version, platform.takes, platform.module = "2.1.1", TOKEN, "tariffs"
    platform.objects = []
    report = await _read(platform)
    assert _broken(report) == []
    assert "The token is taken as it is (ocpi-rules 1)" in {one.rule for one in report.findings}


async def test_a_token_that_is_taken_in_the_form_of_another_version_is_a_fault(
    platform: Platform,
) -> None:
    """ocpi-rules 1 (2.2.1 transport_and_format, Authorization header)"""
    platform.takes = TOKEN
    report = await _read(platform)
    assert _broken(report) == ["The token is taken in Base64 (ocpi-rules 1)"]


async def test_a_redirect_to_a_slash_is_told_once_and_hides_nothing(platform: Platform) -> None:
    platform.slash = True
    report = await _read(platform)
    assert _broken(report) == []
    (advice,) = [one for one in report.findings if one.verdict is Verdict.ADVICE]
    assert advice.rule == "URLs answer without a redirect (quirk trailing_slash)"
    assert {one.where for one in report.findings} >= {"locations", "one Location"}


async def test_an_object_in_an_array_is_told_and_then_judged_by_itself(platform: Platform) -> None:
    """ocpi-rules: data cardinality (transport_and_format, Response format)"""
    platform.wraps = True
    report = await _read(platform)
    assert _broken(report) == [
        "data is the object itself where one is due, not an array (quirk array_data)"
    ]
    assert max(one.times for one in report.broken) == 2  # two Locations, one line


async def test_filters_that_are_not_heeded_are_found(platform: Platform) -> None:
    """ocpi-rules 7"""
    platform.filters = False
    assert "date_from is heeded (ocpi-rules 7)" in _broken(await _read(platform))


async def test_objects_of_parties_that_are_not_among_the_roles_are_found(
    platform: Platform,
) -> None:
    platform.objects.append(_location("LOC3", party_id="XYZ"))
    rule = "Objects are of the parties that the credentials list"
    assert _broken(await _read(platform)) == [rule]


async def test_of_a_hub_objects_are_those_of_parties_behind_it(platform: Platform) -> None:
    """ocpi-rules 25 (transport_and_format, GET All via Hubs)"""
    platform.roles[0] |= {"role": "HUB", "party_id": "HUB"}
    assert _broken(await _read(platform)) == []
    lists = [one.headers for one in platform.asked if one.path == "/v/locations"]
    assert lists[-1]["OCPI-to-party-id"] == "HUB"
    (single, *_) = [one.headers for one in platform.asked if one.path == "/v/locations/LOC1"]
    assert single["OCPI-from-party-id"] == "EMS"
    assert "OCPI-to-party-id" not in single  # an Open Routing Request: whose it is, the hub knows


async def test_hub_client_info_is_not_routed(platform: Platform) -> None:
    """ocpi-rules 25 (transport_and_format, Message Routing Headers)"""
    client = {"country_code": "DE", "party_id": "EMS", "role": "EMSP", "status": "CONNECTED"}
    platform.module, platform.objects = "hubclientinfo", [client | {"last_updated": ONE_DAY}]
    assert _broken(await _read(platform)) == []
    assert not [one for one in platform.asked if "OCPI-to-party-id" in one.headers]

    platform.headers = {"OCPI-from-party-id": "HUB", "OCPI-from-country-code": "NL"}
    rule = "No routing headers in configuration modules (ocpi-rules 25)"
    assert _broken(await _read(platform)) == [rule]


async def test_another_content_type_and_a_short_x_limit_are_found(platform: Platform) -> None:
    """ocpi-rules 6 (transport_and_format, Response format and Pagination)"""
    platform.content_type, platform.headers = "text/plain", {"X-Limit": "1"}
    assert _broken(await _read(platform)) == [
        "A greater limit than X-Limit is cut to it (ocpi-rules 6)",
        "No more objects than X-Limit (ocpi-rules 6)",
        "The content type is application/json",
    ]


async def test_a_link_that_cannot_be_followed_is_found(platform: Platform) -> None:
    """ocpi-rules 6: seen at a platform that puts https into links whatever it is reached by."""
    link = platform.url.replace("http:", "https:")
    platform.headers = {"Link": f'<{link}/v/locations?offset=2>; rel="next"'}
    broken = _broken(await _read(platform))
    assert "Link stays at the same origin" in broken
    assert not [one for one in platform.asked if one.query_string == "offset=2"]


async def test_energy_in_wh_is_found(platform: Platform) -> None:
    """ocpi-rules 24 (mod_cdrs, CdrDimensionType enum)"""
    session = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "S1",
        "start_date_time": ONE_DAY,
        "kwh": 12.5,
        "cdr_token": {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "1",
            "type": "RFID",
            "contract_id": "DE-EMS-1",
        },
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {"start_date_time": ONE_DAY, "dimensions": [{"type": "ENERGY", "volume": 12500}]}
        ],
        "status": "ACTIVE",
        "last_updated": ONE_DAY,
    }
    platform.module, platform.objects = "sessions", [session]
    assert _broken(await _read(platform)) == ["Energy is in kWh (ocpi-rules 24)"]


async def test_no_token_is_in_a_report(platform: Platform) -> None:
    platform.wraps = True
    report = await _read(platform)
    assert TOKEN not in repr(report)
