"""A tiny CSMS built on the `ocpp` package, and simulated charge points that talk to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import ocpp.messages
import pytest
from ocpp.messages import Call, CallResult
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from simulators.charge_point import BackOff, SimulatedChargePoint, StationSettings, VirtualClock

SUBPROTOCOLS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}


class Csms:
    """Accepts every station, validates every frame, and remembers what it was told."""

    def __init__(self) -> None:
        self.url = ""
        self.version = ""
        """of the station that connected last"""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[str | None] = []
        self.paths: list[str] = []
        self.peers: list[Any] = []
        """the client certificate of each connection over TLS, as the ssl module tells it"""
        self.violations: list[str] = []
        self.message_ids: list[str] = []
        self.boot_answers: list[tuple[str, int]] = []
        self.token_status = "Accepted"
        self.mute: Callable[[str, dict[str, Any]], bool] = lambda _action, _payload: False
        self.refuse: Callable[[str], bool] = lambda _action: False
        self._sockets: list[ServerConnection] = []
        self._pending: dict[str, asyncio.Future[list[Any]]] = {}
        self._transaction_ids = count(70_001)
        self._started: dict[str, int] = {}
        self._call_ids = count(1)
        self._heard = asyncio.Event()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.headers.append(socket.request.headers.get("Authorization"))
        self.paths.append(socket.request.path)
        self.peers.append(socket.transport.get_extra_info("peercert"))
        self._sockets.append(socket)
        self._heard.set()
        self.version = version = SUBPROTOCOLS[str(socket.subprotocol)]
        try:
            async for frame in socket:
                await self._hear(socket, version, json.loads(frame))
        except ConnectionClosed:
            pass
        finally:
            self._sockets.remove(socket)

    async def call(
        self, action: str, payload: dict[str, Any], *, correct: bool = True
    ) -> dict[str, Any]:
        """Calls the one station that is connected; a CALLERROR comes back as {"error": code}."""
        socket = self._sockets[-1]
        version = SUBPROTOCOLS[str(socket.subprotocol)]
        message_id = f"csms-{next(self._call_ids)}"
        if correct:
            await self._validate(Call(message_id, action, payload), version)
        self._pending[message_id] = asyncio.get_running_loop().create_future()
        await socket.send(json.dumps([2, message_id, action, payload]))
        answer = await asyncio.wait_for(self._pending[message_id], 5)
        if answer[0] == 4:
            return {"error": answer[2]}
        await self._validate(CallResult(message_id, answer[2], action=action), version)
        return dict(answer[2])

    def told(self, action: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.requests if name == action]

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.told("TransactionEvent") if event["eventType"] == kind]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):  # a fleet's process takes its time on a busy machine
            while not condition():
                self._heard.clear()
                await self._heard.wait()

    async def _hear(self, socket: ServerConnection, version: str, frame: list[Any]) -> None:
        if frame[0] != 2:
            if frame[1] in self._pending:
                self._pending.pop(frame[1]).set_result(frame)
            return
        _, message_id, action, payload = frame
        await self._validate(Call(message_id, action, payload), version)
        self.message_ids.append(message_id)
        self.requests.append((action, payload))
        self._heard.set()
        if self.mute(action, payload):
            return
        if self.refuse(action):
            await socket.send(json.dumps([4, message_id, "InternalError", "no", {}]))
            return
        answer = self._answer(version, action, payload)
        await self._validate(CallResult(message_id, answer, action=action), version)
        await socket.send(json.dumps([3, message_id, answer]))

    async def _validate(self, message: Any, version: str) -> None:
        try:
            await ocpp.messages.validate_payload(message, version)
        except Exception as error:
            self.violations.append(f"{message}: {error}")

    def _answer(self, version: str, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        info = {"status": self.token_status}
        match action:
            case "BootNotification":
                status, interval = (
                    self.boot_answers.pop(0) if self.boot_answers else ("Accepted", 300)
                )
                return {"status": status, "interval": interval, "currentTime": _now()}
            case "Heartbeat":
                return {"currentTime": _now()}
            case "Authorize":
                return {"idTagInfo" if version == "1.6" else "idTokenInfo": info}
            case "StartTransaction":
                return {"transactionId": self._id_for(payload), "idTagInfo": info}
            case "TransactionEvent" if "idToken" in payload:
                return {"idTokenInfo": info}
            case "SignCertificate":
                return {"status": "Accepted"}
        return {}

    def _id_for(self, payload: dict[str, Any]) -> int:
        key = json.dumps(payload, sort_keys=True)
        if key not in self._started:
            self._started[key] = next(self._transaction_ids)
        return self._started[key]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@asynccontextmanager
async def _running_csms(port: int = 0) -> AsyncIterator[Csms]:
    csms = Csms()
    async with serve(csms.serve, "127.0.0.1", port, subprotocols=list(SUBPROTOCOLS)) as server:  # type: ignore[arg-type]  # plain strings are subprotocols
        port = next(iter(server.sockets)).getsockname()[1]
        csms.url = f"ws://127.0.0.1:{port}/ocpp"
        yield csms
    assert csms.violations == []


@pytest.fixture
async def csms() -> AsyncIterator[Csms]:
    async with _running_csms() as running:
        yield running


@asynccontextmanager
async def _station_at(
    csms: Csms, version: str, *, settings: StationSettings | None = None, **more: Any
) -> AsyncIterator[SimulatedChargePoint]:
    station = SimulatedChargePoint(
        csms.url,
        "SIM 1",
        version,  # type: ignore[arg-type]  # parametrised
        clock=VirtualClock(3600, timedelta(days=30)),
        settings=settings or StationSettings(message_retry_interval=0),
        back_off=BackOff(first=0.02, most=0.1),
        seed=7,
        **more,
    )
    async with station:
        await station.until_connected()
        yield station


@pytest.fixture
def running_csms() -> Callable[..., AbstractAsyncContextManager[Csms]]:
    """`async with running_csms(port)`: for a test that needs one after the other."""
    return _running_csms


@pytest.fixture
def station_at() -> Callable[..., AbstractAsyncContextManager[SimulatedChargePoint]]:
    """`async with station_at(csms, version, **options)`: a station that has booted."""
    return _station_at
