"""Recorded sessions of public charge-point clients, replayed against a whole gateway.

The recordings and their clients are described in tests/fixtures/frames/README.md. Every frame of
the charge point is sent again, in its order; only the transaction and message ids that the
gateway chose are replaced by those it chooses now.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.settings import Settings

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"
CALL, CALLRESULT = 2, 3
IDENTITY, PASSWORD = "RECORDED-1", "not-a-real-password"
OPERATOR_TOKEN = "replay-operator-token"

# Read off the frames by hand: meterStop - meterStart, or the last register - the first one.
ENERGY_WH = {
    "microocpp-1.6": Decimal(67),
    "microocpp-2.0.1": Decimal(68),
    "sap-1.6": Decimal(61),
    "sap-2.0.1": Decimal("122.67"),
    "solidstudio-1.6": Decimal(333),
    "solidstudio-2.0.1": Decimal(400),
}
# seqNo 0 in every event
FLAGS = {"solidstudio-2.0.1": ["does not count its events"]}
# Nobody can be billed for a remote start that no partner has asked for here, where the station
# names no token itself.
WITHOUT_TOKEN = {"sap-2.0.1"}

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
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                }
            ],
        }
    ],
}


@dataclass
class Replay:
    """One recording on its way through a gateway."""

    socket: ClientConnection
    api: aiohttp.ClientSession
    ids: dict[Any, Any] = field(default_factory=dict)  # recorded -> of now
    received: dict[str, list[Any]] = field(default_factory=dict)
    operator: list[tuple[asyncio.Task[Any], str]] = field(default_factory=list)

    async def run(self, lines: list[dict[str, Any]]) -> None:
        """Play the charge point's part, and ask the gateway for its own calls."""
        for line in lines:
            frame = line["frame"]
            match line["dir"], frame[0]:
                case "in", _:
                    await self.socket.send(json.dumps(self.of_now(frame), default=float))
                case "out", 2:
                    await self.ask_for_call(frame)
                case "out", _:
                    await self.expect_answer(frame)
        for task, recorded_id in self.operator:
            answer = next(
                line["frame"][2]
                for line in lines
                if line["dir"] == "in" and line["frame"][:2] == [CALLRESULT, recorded_id]
            )
            assert await task == {"type": "CALLRESULT", "payload": answer}

    async def ask_for_call(self, recorded: list[Any]) -> None:
        """An operator's request makes the gateway send what it once sent."""
        _, recorded_id, action, payload = self.of_now(recorded)

        async def request() -> Any:
            body = {"action": action, "payload": payload}
            async with self.api.post(f"charge-points/{IDENTITY}/calls", json=body) as answer:
                return await answer.json(loads=exact)

        self.operator.append((asyncio.create_task(request()), recorded_id))
        frame = await self.next_frame(lambda one: one[0] == CALL)
        assert frame[2:] == [action, payload]
        self.ids[recorded_id] = frame[1]

    async def expect_answer(self, recorded: list[Any]) -> None:
        """The gateway answers the same call with a result of the same meaning."""
        frame = await self.next_frame(lambda one: one[0] != CALL and one[1] == recorded[1])
        assert frame[0] == recorded[0] == CALLRESULT, frame
        assert _meaning(frame[2]) == _meaning(recorded[2])
        if "transactionId" in recorded[2]:
            self.ids[recorded[2]["transactionId"]] = frame[2]["transactionId"]

    async def next_frame(self, wanted: Any) -> list[Any]:
        """The next frame of that kind; others stay for later."""
        async with asyncio.timeout(10):
            while True:
                for id_, frame in self.received.items():
                    if wanted(frame):
                        return self.received.pop(id_)
                frame = exact(await self.socket.recv())
                self.received[frame[1]] = frame

    def of_now(self, value: Any) -> Any:
        """A copy with the ids of this run."""
        if isinstance(value, list):
            return [self.of_now(one) for one in value]
        if isinstance(value, dict):
            return {
                key: self.ids.get(one, one) if key == "transactionId" else self.of_now(one)
                for key, one in value.items()
            }
        return self.ids.get(value, value) if isinstance(value, str) else value


def exact(text: str | bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def _meaning(answer: dict[str, Any]) -> Any:
    """What a station acts upon: statuses; times, ids and prices differ from run to run."""
    info = answer.get("idTagInfo") or answer.get("idTokenInfo") or {}
    return answer.get("status"), info.get("status"), sorted(answer.keys() - {"totalCost"})


def recording(name: str) -> list[dict[str, Any]]:
    return [exact(line) for line in (FRAMES / f"{name}.jsonl").read_text().splitlines()]


def accepted_tokens(lines: list[dict[str, Any]]) -> set[str]:
    """The tokens that were accepted then, and those that the gateway itself sent."""
    answers = {
        line["frame"][1]: line["frame"][2] for line in lines if line["frame"][0] == CALLRESULT
    }
    found = set()
    for line in lines:
        if line["frame"][0] != CALL:
            continue
        _, id_, _, payload = line["frame"]
        uid = payload.get("idTag") or payload.get("idToken", {}).get("idToken")
        answer = answers[id_]
        info = answer.get("idTagInfo") or answer.get("idTokenInfo") or answer
        if uid and info.get("status") == "Accepted":
            found.add(uid)
    return found


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


async def set_up(api: aiohttp.ClientSession, tokens: set[str]) -> None:
    # nothing of our own initiative: only what was said then is said again
    charge_point = {"security_profile": 1, "password": PASSWORD, "provision": False}
    await api.put(f"charge-points/{IDENTITY}", json=charge_point)
    await api.put("locations/LOC1", json=LOCATION)
    for uid in tokens:
        await api.put(f"tokens/RFID/{uid}", json={"status": "Accepted"})


async def replay(name: str, gateway: Gateway, api: aiohttp.ClientSession) -> None:
    lines = recording(name)
    await set_up(api, accepted_tokens(lines))
    basic = base64.b64encode(f"{IDENTITY}:{PASSWORD}".encode()).decode()
    async with connect(
        f"{gateway.addresses.ocpp}{IDENTITY}",
        subprotocols=[Subprotocol(f"ocpp{name.rpartition('-')[2]}")],
        additional_headers={"Authorization": f"Basic {basic}"},
    ) as socket:
        await Replay(socket, api).run(lines)


async def listed(api: aiohttp.ClientSession, path: str) -> Any:
    async with api.get(path) as answer:
        return await answer.json(loads=exact)


def test_every_recording_is_replayed() -> None:
    assert {path.stem for path in FRAMES.glob("*.jsonl")} == set(ENERGY_WH)


@pytest.mark.parametrize("name", ENERGY_WH)
async def test_a_recorded_session_is_answered_and_measured_as_it_was(
    name: str, gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    """Every call gets its result; one transaction, with the energy of the frames."""
    await replay(name, gateway, api)
    [transaction] = await listed(api, f"charge-points/{IDENTITY}/transactions")
    assert (transaction["state"], transaction["flags"]) == ("ENDED", FLAGS.get(name, []))
    energy = Decimal(transaction["meter_stop_wh"]) - Decimal(transaction["meter_start_wh"])
    assert energy == ENERGY_WH[name]


@pytest.mark.parametrize("name", sorted(ENERGY_WH.keys() - WITHOUT_TOKEN))
async def test_a_recorded_session_becomes_one_cdr_over_its_energy(
    name: str, gateway: Gateway, api: aiohttp.ClientSession
) -> None:
    await replay(name, gateway, api)
    [cdr] = await listed(api, "cdrs")
    assert cdr["total_energy"] == ENERGY_WH[name] / 1000
