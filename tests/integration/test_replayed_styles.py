"""Sessions in the style of real chargers, deviations included, played to a whole gateway.

tests/fixtures/frames/README.md says what is in the files. Each is played twice: with the quirks
that its charger needs, where everything must come out right and be counted; and without, where
what deviates is refused by the standard and the gateway suggests the quirks.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.settings import Settings

STYLES = Path(__file__).parents[1] / "fixtures" / "frames" / "styles"
NAMES = sorted(path.stem for path in STYLES.glob("*.jsonl"))
IDENTITY, PASSWORD = "STYLE-1", "not-a-real-password"
OPERATOR_TOKEN = "styles-operator-token"

CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 16,
}
LOCATION: dict[str, Any] = {
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "E1",
            "charge_point": {"identity": IDENTITY, "evse_id": 1},
            "connectors": [CONNECTOR],
        }
    ],
}


class Style:
    """One file: what is needed and expected, and the lines of the session."""

    def __init__(self, name: str) -> None:
        text = (STYLES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        self.head, *self.lines = [json.loads(line) for line in text]

    @property
    def quirks(self) -> list[str]:
        return self.head.get("quirks", [])

    @property
    def quirk_names(self) -> set[str]:
        return {quirk.partition(":")[0] for quirk in self.quirks}


class Player:
    """Plays a style over as many sockets as it takes."""

    def __init__(self, gateway: Gateway, api: aiohttp.ClientSession, style: Style) -> None:
        self.gateway = gateway
        self.api = api
        self.style = style
        self.transaction_id = 0

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[ClientConnection]:
        basic = base64.b64encode(f"{IDENTITY}:{PASSWORD}".encode()).decode()
        async with connect(
            f"{self.gateway.addresses.ocpp}{IDENTITY}",
            subprotocols=[Subprotocol(f"ocpp{self.style.head['version']}")],
            additional_headers={"Authorization": f"Basic {basic}"},
        ) as socket:
            yield socket

    async def play(self) -> None:
        """The whole session; every answer is as the file says."""
        lines = list(self.style.lines)
        while lines:
            async with self.socket() as socket:
                while lines and "reconnect" not in lines[0]:
                    await self.line(socket, lines.pop(0))
            lines = lines[1:]

    async def play_to_first_deviation(self) -> list[Any]:
        """The answer to the first call that deviates."""
        async with self.socket() as socket:
            for line in self.style.lines:
                if line.get("deviates"):
                    await socket.send(self.text(line["send"]))
                    return await self.received(socket)
                await self.line(socket, line)
        raise AssertionError("nothing deviates")

    async def line(self, socket: ClientConnection, line: dict[str, Any]) -> None:
        if "operator" in line:
            await self.operator(socket, line)
            return
        await socket.send(self.text(line["send"]))
        kind, message_id, answer = await self.received(socket)
        sent_id = line.get("id") or self.id_of(line["send"])
        assert (kind, message_id) == (3, sent_id)
        assert subset(line["answer"], answer), (line, answer)
        self.transaction_id = answer.get("transactionId", self.transaction_id)

    async def operator(self, socket: ClientConnection, line: dict[str, Any]) -> None:
        """A call of ours, answered as the charger does."""

        async def request() -> Any:
            url = f"charge-points/{IDENTITY}/calls"
            async with self.api.post(url, json=line["operator"]) as answer:
                return await answer.json()

        asked = asyncio.create_task(request())
        call = await self.received(socket)
        await socket.send(line["reply"].replace("$ID", call[1]))
        assert await asked == line["result"]

    @staticmethod
    async def received(socket: ClientConnection) -> list[Any]:
        async with asyncio.timeout(10):
            frame: list[Any] = json.loads(await socket.recv(), parse_float=Decimal)
        return frame

    @staticmethod
    def id_of(send: Any) -> Any:
        return json.loads(send)[1] if isinstance(send, str) else send[1]

    def text(self, send: Any) -> str:
        text = send if isinstance(send, str) else json.dumps(send)
        return text.replace('"$TX"', str(self.transaction_id)).replace(
            "$TX", str(self.transaction_id)
        )


def subset(expected: Any, answer: Any) -> bool:
    """Whether everything that is expected is there; "$TX" is any transaction id."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and subset(value, answer[name]) for name, value in expected.items()
        )
    return bool(answer) if expected == "$TX" else bool(answer == expected)


@pytest.fixture
async def gateway(redis_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    started = await Gateway.start(
        Settings(
            completion_wait=0,
            redis_url=redis_url,
            data_dir=tmp_path,
            ocpp_port=0,
            ocpi_port=0,
            operator_port=0,
            files_port=0,
            operator_token=OPERATOR_TOKEN,
        )
    )
    yield started
    await started.close()


@pytest.fixture
async def api(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        f"{gateway.addresses.operator}api/v1/",
        headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"},
        raise_for_status=True,
    ) as session:
        yield session


async def register(api: aiohttp.ClientSession, style: Style, quirks: list[str]) -> None:
    await api.put(
        f"charge-points/{IDENTITY}",
        json={
            "security_profile": 1,
            "password": PASSWORD,
            "quirks": quirks,
            "provision": False,
        },
    )
    await api.put("locations/LOC1", json=LOCATION)
    for uid in style.head["tokens"]:
        await api.put(f"tokens/RFID/{uid}", json={"status": "Accepted"})


async def got(api: aiohttp.ClientSession, path: str) -> Any:
    async with api.get(path) as answer:
        return json.loads(await answer.text(), parse_float=Decimal)


def test_there_are_sessions_of_eight_styles_and_all_versions() -> None:
    heads = [Style(name).head for name in NAMES]
    assert len({head["style"] for head in heads}) >= 8
    assert {head["version"] for head in heads} == {"1.6", "2.0.1", "2.1"}


@pytest.mark.parametrize("name", NAMES)
async def test_a_session_comes_out_right_with_the_quirks_of_its_charger(
    name: str, gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    """Every answer, one transaction, its energy, one CDR, and exactly the deviations it has."""
    style = Style(name)
    await register(api, style, style.quirks)
    await Player(gateway, api, style).play()

    transactions = await got(api, f"charge-points/{IDENTITY}/transactions")
    assert [one["state"] for one in transactions] == ["ENDED"]
    [transaction] = transactions
    energy = Decimal(transaction["meter_stop_wh"]) - Decimal(transaction["meter_start_wh"])
    assert energy == Decimal(style.head["energy_wh"])
    assert transaction["token"]["uid"] == style.head["tokens"][0]
    if "started_at" in style.head:
        assert transaction["started_at"] == style.head["started_at"]
    [cdr] = await got(api, "cdrs")
    assert cdr["total_energy"] == energy / 1000
    shown = await got(api, f"charge-points/{IDENTITY}/deviations")
    assert [one["name"] for one in shown["deviations"]] == style.head["deviations"]
    assert all(one["count"] and one["meaning"] for one in shown["deviations"])
    assert shown["suggestions"] == []
    described = await got(api, f"charge-points/{IDENTITY}")
    assert described["deviations"] == len(style.head["deviations"])


@pytest.mark.parametrize("name", [name for name in NAMES if "without_quirks" in Style(name).head])
async def test_without_its_quirks_a_charger_is_refused_by_the_standard_and_they_are_suggested(
    name: str, gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    """Standard clause first, named quirk second (ocpp-rules 6)"""
    style = Style(name)
    await register(api, style, [])
    refusal = await Player(gateway, api, style).play_to_first_deviation()
    assert (refusal[0], refusal[2]) == (4, style.head["without_quirks"])
    shown = await got(api, f"charge-points/{IDENTITY}/deviations")
    suggested = {one["quirk"].partition(":")[0] for one in shown["suggestions"]}
    assert suggested
    assert suggested <= style.quirk_names


async def test_meter_values_without_an_id_are_not_attached_by_guess_but_the_quirk_is_suggested(
    gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    """ocpp-rules 12"""
    style = Style("one-by-one-1.6")
    await register(api, style, [])
    await Player(gateway, api, style).play()
    shown = await got(api, f"charge-points/{IDENTITY}/deviations")
    assert [one["quirk"] for one in shown["suggestions"]] == ["meter-values-without-id"]
    assert shown["deviations"] == []


async def test_a_rule_for_its_kind_gives_a_charger_its_quirks_at_boot(
    gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    style = Style("local-time-1.6")
    await register(api, style, [])
    rule = {"vendor": "generic", "model": "LT-*", "quirks": style.quirks}
    await api.put("quirk-rules", json=[rule])
    await Player(gateway, api, style).play()
    [transaction] = await got(api, f"charge-points/{IDENTITY}/transactions")
    assert transaction["started_at"] == style.head["started_at"]
    shown = await got(api, f"charge-points/{IDENTITY}/deviations")
    assert shown["quirks"] == sorted(style.quirks)
    assert (await got(api, f"charge-points/{IDENTITY}"))["quirks"] == []


async def test_counting_begins_anew_after_a_reset(
    gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    style = Style("superset-2.1")
    await register(api, style, [])
    await Player(gateway, api, style).play()
    path = f"charge-points/{IDENTITY}/deviations"
    assert (await got(api, path))["deviations"]
    await api.post(f"{path}/reset")
    assert (await got(api, path))["deviations"] == []
    await Player(gateway, api, style).play()
    assert {one["count"] for one in (await got(api, path))["deviations"]} == {1}
