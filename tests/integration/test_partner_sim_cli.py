"""`simulators partner` as a process: JSON lines on stdout, clean ends."""

import asyncio
import base64
import contextlib
import json
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

PATIENCE = 30.0


class Cpo:
    """Just enough of a CPO platform to be registered with and to send one CDR."""

    def __init__(self) -> None:
        self.credentials: Any = None
        self.tokens: list[Any] = []
        self.authorizations: list[str] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers["Authorization"])
        path = request.path
        data: Any = None
        if path == "/versions":
            data = [{"version": "2.2.1", "url": f"{self.url}/2.2.1"}]
        elif path == "/2.2.1":
            modules = [("credentials", "RECEIVER"), ("tokens", "RECEIVER")]
            data = {
                "version": "2.2.1",
                "endpoints": [
                    {"identifier": name, "role": role, "url": f"{self.url}/{name}/"}
                    for name, role in modules
                ],
            }
        elif path == "/credentials/":
            self.credentials = await request.json()
            data = {
                "token": "token-c",
                "url": f"{self.url}/versions",
                "roles": [
                    {
                        "role": "CPO",
                        "party_id": "ABC",
                        "country_code": "NL",
                        "business_details": {"name": "ABC"},
                    }
                ],
            }
        elif path.startswith("/tokens/"):
            self.tokens.append(await request.json())
        names = ("X-Request-ID", "X-Correlation-ID")
        content = {"data": data, "status_code": 1000, "timestamp": "2026-01-01T10:00:00Z"}
        response = web.json_response(content)
        response.headers.update({name: request.headers[name] for name in names})
        return response

    async def post_cdr(self, url: str, body: str) -> int:
        token = base64.b64encode(self.credentials["token"].encode()).decode()
        headers = {
            "Authorization": f"Token {token}",
            "Content-Type": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": str(uuid.uuid4()),
            "OCPI-from-country-code": "NL",
            "OCPI-from-party-id": "ABC",
            "OCPI-to-country-code": "DE",
            "OCPI-to-party-id": "EMS",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/ocpi/emsp/2.2.1/cdrs", data=body, headers=headers) as response,
        ):
            return response.status


@pytest.fixture
async def cpo() -> AsyncIterator[Cpo]:
    cpo = Cpo()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", cpo.serve)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cpo.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield cpo
    await runner.cleanup()


class Process:
    """A running `simulators partner --json`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def event(self, wanted: Callable[[Any], bool]) -> Any:
        """The next event that is wanted; those before it are skipped."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := await self.process.stdout.readline():
                event = json.loads(line)
                if wanted(event):
                    return event
        raise AssertionError("the process ended before the event came")

    async def named(self, name: str) -> Any:
        return await self.event(lambda event: event["event"] == name)

    async def end(self, number: int) -> int:
        self.process.send_signal(number)
        await asyncio.wait_for(self.process.communicate(), PATIENCE)
        return self.process.returncode or 0


Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    started: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "simulators.partner",
            *("--port", "0", "--json", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return Process(process)

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


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
  "total_cost": {"excl_vat": 1.780}, "total_energy": 7.10, "total_time": 0.5,
  "last_updated": "2026-01-01T10:31:00Z"
}"""


async def test_it_registers_pushes_tokens_and_tells_what_arrives(start: Start, cpo: Cpo) -> None:
    arguments = ("--register", f"{cpo.url}/versions", "--token", "token-a")
    process = await start(*arguments, "--tokens", "2", "--push-tokens")
    first = await process.event(lambda _: True)
    assert first["event"] == "listening"
    assert first["versions_url"] == first["url"] + "/ocpi/versions"
    await process.named("registered")
    assert (await process.named("token_pushed"))["uid"] == "EMS00000001"
    assert (await process.named("token_pushed"))["uid"] == "EMS00000002"
    assert [token["uid"] for token in cpo.tokens] == ["EMS00000001", "EMS00000002"]
    assert cpo.authorizations[0] == "Token " + base64.b64encode(b"token-a").decode()
    assert cpo.authorizations[-1] == "Token " + base64.b64encode(b"token-c").decode()
    assert await cpo.post_cdr(first["url"], CDR) == 201
    told = await process.named("cdr_received")
    assert (told["id"], told["session_id"], told["kwh"]) == ("C1", "S1", "7.10")
    assert told["total_cost"] == {"excl_vat": "1.780"}
    assert await cpo.post_cdr(first["url"], CDR.replace("1.780", '"1.780"')) == 200
    assert (await process.named("violation"))["where"].endswith("total_cost.excl_vat")
    assert await process.end(signal.SIGTERM) == 0


async def test_it_ends_cleanly_on_sigint(start: Start) -> None:
    process = await start()
    await process.named("listening")
    assert await process.end(signal.SIGINT) == 0


async def test_it_ends_when_nobody_reads_its_events(start: Start, cpo: Cpo) -> None:
    process = await start("--tokens", "1")
    url = (await process.named("listening"))["url"]
    process.process._transport.get_pipe_transport(1).close()
    async with aiohttp.ClientSession() as session:
        body = {"versions_url": f"{cpo.url}/versions", "token": "token-a"}
        async with session.post(f"{url}/control/register", json=body):
            pass
    assert await asyncio.wait_for(process.process.wait(), PATIENCE) == 0


async def test_tokens_and_token_a_come_from_files(start: Start, cpo: Cpo, tmp_path: Path) -> None:
    secret, tokens = tmp_path / "token-a", tmp_path / "tokens.json"
    secret.write_text("token-a\n")
    tokens.write_text('[{"uid": "CARD1"}, {"uid": "APP1", "type": "APP_USER"}]')
    process = await start(
        *("--register", f"{cpo.url}/versions", "--token-file", str(secret)),
        *("--tokens-file", str(tokens), "--push-tokens"),
    )
    await process.named("token_pushed")
    assert (await process.named("token_pushed"))["type"] == "APP_USER"
    assert [(token["uid"], token["type"]) for token in cpo.tokens] == [
        ("CARD1", "RFID"),
        ("APP1", "APP_USER"),
    ]
    assert await process.end(signal.SIGTERM) == 0


async def test_a_registration_that_fails_is_exit_status_1(start: Start) -> None:
    process = await start("--register", "http://127.0.0.1:1/versions", "--token", "x")
    failed = await process.named("failed")
    assert "error" in failed
    assert await asyncio.wait_for(process.process.wait(), PATIENCE) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--register", "http://127.0.0.1:1/versions"),
        ("--tokens-file", "no-such-file"),
        ("--port", "many"),
        ("--version", "2.4.0"),
        ("--role", "HUB"),
        ("--role", "CPO"),
        ("--habit", "politeness=true"),
    ],
)
async def test_wrong_arguments_are_exit_status_2(start: Start, arguments: tuple[str, ...]) -> None:
    process = await start(*arguments)
    assert await asyncio.wait_for(process.process.wait(), PATIENCE) == 2


async def test_it_offers_the_versions_it_is_told(start: Start) -> None:
    process = await start("--version", "2.1.1", "--version", "2.3.0", "--habit", "token=base64")
    url = (await process.named("listening"))["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/control/state") as state,
        session.get(f"{url}/control/habits") as habits,
    ):
        shown = await state.json()
        assert (await habits.json())["token"] == "base64"
    assert (shown["version"], shown["versions"]) == ("2.1.1", ["2.3.0", "2.1.1"])
    assert await process.end(signal.SIGTERM) == 0


async def test_it_is_a_hub_when_told_so(start: Start) -> None:
    process = await start("--role", "HUB", "--party-id", "HUB", "--behind", "DE*EMS")
    url = (await process.named("listening"))["url"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/control/parties") as answer,
    ):
        parties = await answer.json()
    assert [(one["party_id"], one["status"]) for one in parties] == [("EMS", "CONNECTED")]
    assert await process.end(signal.SIGTERM) == 0
