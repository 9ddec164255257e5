"""`gateway partner check`: our own platform keeps every rule, and broken ones are found."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.partners import PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.conformance import Report, Verdict, check
from gateway.ocpi.conformance.access import NoAccess
from gateway.ocpi.outgoing.safe_http import SafeHttp

ABC, EMS = Party("NL", "ABC"), Party("DE", "EMS")


@pytest.fixture
async def http() -> AsyncIterator[SafeHttp]:
    client = SafeHttp(allow_private_hosts=True)
    yield client
    await client.close()


async def _partner(gateway: Any, version: str) -> str:
    invited, token = await gateway.directory.invite("a partner")
    roles = (PartnerRole("EMSP", EMS, "eMSP"),)
    await gateway.directory.save(
        replace(invited, state=PartnerState.REGISTERED, version=version, roles=roles)
    )
    return str(token)


def _broken(report: Report) -> list[str]:
    return [f"{one.where}: {one.rule}: {one.evidence}" for one in report.broken]


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_our_own_platform_keeps_every_rule(
    gateway: Any, http: SafeHttp, location: Callable[..., Any], version: str
) -> None:
    """ocpi-rules 1, 2, 6, 7, 8, 11, 22, 23, 25"""
    token = await _partner(gateway, version)
    for number in range(5):
        await gateway.locations.put(ABC, location(f"Loc{number}"))

    url = gateway.platform.versions_url
    report = await check(http, url, token, version=version, party=EMS)

    assert _broken(report) == []
    kept = {one.rule for one in report.findings if one.verdict is Verdict.KEPT}
    assert len(kept) >= 15
    assert {one.where for one in report.findings} >= {"locations", "one EVSE", "sessions", "cdrs"}


async def test_a_registration_token_is_recognised(gateway: Any, http: SafeHttp) -> None:
    """ocpi-rules 2"""
    _, token = await gateway.directory.invite("not yet registered")
    report = await check(http, gateway.platform.versions_url, token)
    assert _broken(report) == []
    assert any("registration token" in one.rule for one in report.findings)


async def test_a_platform_that_cannot_be_entered_is_no_report(gateway: Any, http: SafeHttp) -> None:
    with pytest.raises(NoAccess):
        await check(http, gateway.platform.versions_url, "no-such-token")
    token = await _partner(gateway, "2.2.1")
    with pytest.raises(NoAccess, match=r"2\.3\.0"):
        await check(http, gateway.platform.versions_url, token, version="2.0")


class Careless:
    """A platform that gets wrong what platforms get wrong."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs))
        page = int(request.query.get("page", "0"))
        data: Any = {
            "/versions": [{"version": "2.2.1", "url": f"{self.url}/2.2.1"}],
            "/2.2.1": {
                "version": "2.2.1",
                "endpoints": [
                    {"identifier": name, "role": role, "url": f"{self.url}/2.2.1/{name}"}
                    for name, role in (("credentials", "RECEIVER"), ("tokens", "SENDER"))
                ],
            },
            "/2.2.1/credentials": {"token": "x", "url": "nowhere", "roles": []},
            "/2.2.1/tokens": [{"uid": "1", "last_updated": "2026-01-01T00:00:00+00:00"}],
        }.get(request.path)
        headers = {"X-Total-Count": "9"}
        if request.path == "/2.2.1/tokens" and page < 3:
            headers["Link"] = f'<{self.url}/2.2.1/tokens?page={page + 1}>; rel="next"'
        if page == 3:
            headers["Link"] = '<http://127.0.0.2:9/tokens>; rel="next"'
        body = {"data": data, "status_code": 1000, "timestamp": "yesterday"}
        return web.Response(text=json.dumps(body), headers=headers, content_type="application/json")


@pytest.fixture
async def careless(free_runner: Any) -> Careless:
    platform = Careless()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", platform.answer)
    platform.url = await free_runner(app)
    return platform


@pytest.fixture
async def free_runner() -> AsyncIterator[Any]:
    runners: list[web.AppRunner] = []

    async def run(app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield run
    for runner in runners:
        await runner.cleanup()


async def test_what_a_careless_platform_does_is_told_with_clause_and_evidence(
    careless: Careless, http: SafeHttp
) -> None:
    """ocpi-rules 2, 5, 6, 7, 22"""
    report = await check(http, f"{careless.url}/versions", "any-token")

    broken = {one.rule for one in report.broken}
    for part in (
        "HTTP 401 for no credentials token",
        "HTTP 401 for an unknown credentials token",
        "valid Credentials",
        "X-Total-Count and X-Limit",
        "Following Link gives every object once",
        "date_to is exclusive",
        "X-Request-ID is given back",
    ):
        assert any(part in rule for rule in broken), f"{part} not in {broken}"
    assert all(one.clause and one.evidence for one in report.broken)
    advised = [one for one in report.findings if one.verdict is Verdict.ADVICE]
    assert any("SENDER" in one.rule for one in advised)
    assert any("Link stays at the same origin" in one.rule for one in advised)
    assert {method for method, _ in careless.asked} == {"GET"}


async def _command(*arguments: str, token: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "partner", "check", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "GATEWAY_PARTNER_TOKEN": token},
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, (out + err).decode()


async def test_the_command_succeeds_where_every_rule_is_kept(gateway: Any) -> None:
    token = await _partner(gateway, "2.2.1")
    url = gateway.platform.versions_url

    status, text = await _command(url, "--lab", "--party", "DE*EMS", "--json", token=token)

    report = json.loads(text)
    assert (status, report["version"]) == (0, "2.2.1")
    assert not [one for one in report["findings"] if one["verdict"] == "broken"]
    assert token not in text


async def test_the_command_fails_where_one_is_broken_or_nobody_answers(careless: Careless) -> None:
    status, text = await _command(f"{careless.url}/versions", "--lab", token="t" * 20)
    assert status == 1
    assert re.search("^broken +tokens: date_to is exclusive", text, re.MULTILINE)
    assert not re.search("^kept +[a-z]+:", text, re.MULTILINE)  # only with --all

    status, text = await _command(f"{careless.url}/versions", token="t" * 20)
    assert status != 0
    assert "cannot be read" in text  # http and loopback are for labs
