"""What the operator sees of deviations, and how quirks reach a live connection."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.settings import Settings

IDENTITY, PASSWORD = "CP1", "not-a-real-password"
OPERATOR_TOKEN = "deviations-operator-token"
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "M1", "firmwareVersion": "1.0"}
LOOSE = {"connectorId": "1", "errorCode": "NoError", "status": "Available"}


class Operator:
    """The operator's API."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, path, json=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def register(self, *quirks: str) -> None:
        body = {
            "security_profile": 1,
            "password": PASSWORD,
            "quirks": list(quirks),
            "provision": False,
        }
        await self.ask("PUT", f"charge-points/{IDENTITY}", body)

    async def seen(self) -> dict[str, int]:
        _, shown = await self.ask("GET", f"charge-points/{IDENTITY}/deviations")
        return {one["name"]: one["count"] for one in shown["deviations"]}


@pytest.fixture
async def gateway(redis_url: str, tmp_path: Path) -> AsyncIterator[Gateway]:
    started = await Gateway.start(
        Settings(
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
async def operator(gateway: Gateway) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession(
        f"{gateway.addresses.operator}api/v1/",
        headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"},
    ) as session:
        yield Operator(session)


@asynccontextmanager
async def charger(gateway: Gateway) -> AsyncIterator[ClientConnection]:
    basic = base64.b64encode(f"{IDENTITY}:{PASSWORD}".encode()).decode()
    async with connect(
        f"{gateway.addresses.ocpp}{IDENTITY}",
        subprotocols=[Subprotocol("ocpp1.6")],
        additional_headers={"Authorization": f"Basic {basic}"},
    ) as socket:
        await call(socket, "BootNotification", BOOT)
        yield socket


async def call(socket: ClientConnection, action: str, payload: Any) -> list[Any]:
    await socket.send(json.dumps([2, action, action, payload]))
    async with asyncio.timeout(10):
        answer: list[Any] = json.loads(await socket.recv())
    return answer


async def taken(socket: ClientConnection, action: str, payload: Any) -> None:
    """Send it until it is no more refused: a quirk reaches a connection in the background."""
    for _ in range(500):
        if (await call(socket, action, payload))[0] == 3:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("still refused")


async def test_counts_go_on_over_connections(gateway: Gateway, operator: Operator) -> None:
    await operator.register()
    for _ in range(2):
        async with charger(gateway) as socket:
            await call(socket, "Heartbeat", {"extra": 1})
    assert await operator.seen() == {"extra-members": 2}
    assert (await operator.ask("GET", f"charge-points/{IDENTITY}"))[1]["deviations"] == 1


async def test_a_broken_answer_and_an_answer_to_nothing_are_counted(
    gateway: Gateway, operator: Operator
) -> None:
    """Seen on the wire: answers that break their schema are reported, never fatal"""
    await operator.register()
    async with charger(gateway) as socket:
        await socket.send('[3,"nobody-asked",{}]')
        body = {"action": "Reset", "payload": {"type": "Soft"}}
        asked = asyncio.create_task(operator.ask("POST", f"charge-points/{IDENTITY}/calls", body))
        async with asyncio.timeout(10):
            reset = json.loads(await socket.recv())
        await socket.send(json.dumps([3, reset[1], {"status": "Maybe"}]))
        assert await asked == (200, {"type": "CALLRESULT", "payload": {"status": "Maybe"}})
        assert await operator.seen() == {"answers-to-nothing": 1, "broken-answers": 1}


async def test_a_quirk_that_is_named_reaches_a_live_connection(
    gateway: Gateway, operator: Operator
) -> None:
    await operator.register()
    async with charger(gateway) as socket:
        assert (await call(socket, "StatusNotification", LOOSE))[0] == 4
        await operator.register("loose-types")
        await taken(socket, "StatusNotification", LOOSE)
        assert (await operator.seen())["loose-types"] == 1


async def test_a_rule_reaches_a_live_connection_of_its_kind(
    gateway: Gateway, operator: Operator
) -> None:
    await operator.register()
    rule = {"vendor": "ACME*", "model": "*", "firmware": "1.*", "quirks": ["loose-types"]}
    async with charger(gateway) as socket:
        assert await operator.ask("PUT", "quirk-rules", [rule]) == (200, [rule])
        await taken(socket, "StatusNotification", LOOSE)
    assert await operator.ask("GET", "quirk-rules") == (200, [rule])


async def test_a_suggestion_says_what_would_happen_and_what_is_risked(
    gateway: Gateway, operator: Operator
) -> None:
    await operator.register()
    async with charger(gateway) as socket:
        await call(socket, "StatusNotification", LOOSE)
    _, shown = await operator.ask("GET", f"charge-points/{IDENTITY}/deviations")
    [suggestion] = shown["suggestions"]
    assert suggestion["quirk"] == "loose-types"
    assert suggestion["example"] == "StatusNotification: connectorId"
    assert all(suggestion[name] for name in ("meaning", "would", "risk", "seen", "last_seen"))


@pytest.mark.parametrize(
    "rules",
    [
        {"vendor": "Acme"},
        [{"vendor": "Acme"}],
        [{"quirks": ["no-such-quirk"]}],
        [{"quirks": ["local-time"]}],
        [{"quirks": ["kwh-as-wh", "wh-as-kwh"]}],
        [{"quirks": ["loose-types"], "site": "x"}],
        ["loose-types"],
    ],
)
async def test_rules_that_cannot_be_used_are_refused_and_change_nothing(
    operator: Operator, rules: Any
) -> None:
    assert (await operator.ask("PUT", "quirk-rules", rules))[0] == 422
    assert await operator.ask("GET", "quirk-rules") == (200, [])


async def test_an_example_never_shows_a_value(gateway: Gateway, operator: Operator) -> None:
    """S9: a planted canary appears nowhere"""
    await operator.register()
    async with charger(gateway) as socket:
        await call(socket, "StatusNotification", LOOSE | {"info": ["canary-4711"], "x": "canary"})
        await call(socket, "DataTransfer", {"vendorId": "canary" * 60})
    _, shown = await operator.ask("GET", f"charge-points/{IDENTITY}/deviations")
    assert shown["deviations"]
    assert "canary" not in json.dumps(shown)


async def test_an_unknown_charge_point_has_no_deviations(operator: Operator) -> None:
    assert (await operator.ask("GET", "charge-points/NOBODY/deviations"))[0] == 404
    assert (await operator.ask("POST", "charge-points/NOBODY/deviations/reset"))[0] == 404


async def test_all_quirks_are_listed(operator: Operator) -> None:
    _, quirks = await operator.ask("GET", "quirks")
    assert {"always", "named", "never"} == {quirk["applies"] for quirk in quirks}
