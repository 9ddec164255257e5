"""A charging station that does what a test case says, step by step, and checks what it hears.

One gateway serves all cases of a module; every case has a charge point of its own. What the
operator does in a case is done through the operator API.
"""

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.settings import Settings

PASSWORD = "correct-horse-battery"
FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}

_validators: dict[tuple[str, str], jsonschema_rs.Draft7Validator] = {}


def check(protocol: str, name: str, payload: Any) -> None:
    """The payload must pass the standard's schema, formats included."""
    validator = _validators.get((protocol, name))
    if validator is None:
        file = files("ocpp") / FOLDERS[protocol] / "schemas" / f"{name}.json"
        schema = json.loads(file.read_text(encoding="utf-8-sig"))
        validator = jsonschema_rs.Draft7Validator(schema, validate_formats=True)
        _validators[protocol, name] = validator
    validator.validate(payload)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Asked:
    """A CALL of the gateway."""

    id: str
    action: str
    payload: dict[str, Any]


class TestStation:
    """One websocket of a charge point; everything both ways must pass the standard's schemas."""

    __test__ = False

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        assert socket.subprotocol is not None
        self.protocol: str = socket.subprotocol
        self._suffix = "" if self.protocol == "ocpp1.6" else "Request"
        self._ids = itertools.count(1)
        self._answers: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._calls: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                (self._calls if frame[0] == 2 else self._answers).put_nowait(frame)

    async def close(self) -> None:
        await self.socket.close()
        await self._reader

    async def send(self, action: str, payload: dict[str, Any]) -> list[Any]:
        """Send a CALL; the whole frame that answers it."""
        check(self.protocol, action + self._suffix, payload)
        message_id = f"m{next(self._ids)}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(10):
            frame = await self._answers.get()
        assert frame[1] == message_id
        return frame

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Send a CALL; its CALLRESULT's payload."""
        frame = await self.send(action, payload)
        assert frame[0] == 3, frame
        check(self.protocol, f"{action}Response", frame[2])
        answer: dict[str, Any] = frame[2]
        return answer

    async def expect(self, action: str) -> Asked:
        """The next CALL of the gateway, which must be this one."""
        async with asyncio.timeout(10):
            frame = await self._calls.get()
        assert frame[2] == action, frame
        check(self.protocol, action + self._suffix, frame[3])
        return Asked(frame[1], frame[2], frame[3])

    async def answer(self, asked: Asked, payload: dict[str, Any]) -> None:
        """Send a CALLRESULT."""
        check(self.protocol, f"{asked.action}Response", payload)
        await self.socket.send(json.dumps([3, asked.id, payload]))

    async def expect_and_answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What the gateway asked, after it has been answered."""
        asked = await self.expect(action)
        await self.answer(asked, payload)
        return asked.payload

    def nothing_asked(self) -> bool:
        """Whether no CALL of the gateway waits."""
        return self._calls.empty()

    # --- what many cases begin with ---------------------------------------------------------

    async def boot(self, reason: str = "PowerUp") -> dict[str, Any]:
        """BootNotification in the words of the version; its answer."""
        if self.protocol == "ocpp1.6":
            return await self.call(
                "BootNotification", {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
            )
        station = {"vendorName": "Vendor", "model": "Model"}
        payload = {"reason": reason, "chargingStation": station}
        return await self.call("BootNotification", payload)

    async def status(self, status: str, evse_id: int = 1, connector_id: int = 1) -> None:
        """StatusNotification and NotifyEvent, as the reusable states report a connector (2.x)."""
        await self.call(
            "StatusNotification",
            {
                "timestamp": now(),
                "connectorStatus": status,
                "evseId": evse_id,
                "connectorId": connector_id,
            },
        )
        await self.availability_event(status, evse_id, connector_id)

    async def availability_event(
        self, status: str, evse_id: int = 1, connector_id: int = 1
    ) -> None:
        """NotifyEvent with a connector's state."""
        evse = {"id": evse_id, "connectorId": connector_id}
        event = {
            "eventId": 1,
            "timestamp": now(),
            "trigger": "Delta",
            "actualValue": status,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": evse},
            "variable": {"name": "AvailabilityState"},
        }
        await self.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [event]})

    async def event(
        self,
        kind: str,
        trigger: str,
        transaction: "Transaction",
        *,
        token: str | None = None,
        token_type: str = "ISO14443",
        state: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """A TransactionEvent of one transaction, in the order of its seqNo."""
        info: dict[str, Any] = {"transactionId": transaction.id}
        if state is not None:
            info["chargingState"] = state
        info |= more.pop("info", {})
        payload: dict[str, Any] = {
            "eventType": kind,
            "timestamp": now(),
            "triggerReason": trigger,
            "seqNo": transaction.next_seq_no(),
            "transactionInfo": info,
            "evse": {"id": transaction.evse_id, "connectorId": 1},
            **more,
        }
        if token is not None:
            payload["idToken"] = {"idToken": token, "type": token_type}
        return await self.call("TransactionEvent", payload)


_numbers = itertools.count(1)


@dataclass
class Transaction:
    """A transaction as its station numbers it."""

    evse_id: int = 1
    id: str = field(default_factory=lambda: f"tx-{next(_numbers)}-{datetime.now(UTC):%H%M%S%f}")
    _seq_no: int = -1

    def next_seq_no(self) -> int:
        self._seq_no += 1
        return self._seq_no


@dataclass
class Csms:
    """The gateway under test, and its operator."""

    gateway: Gateway
    http: aiohttp.ClientSession
    data_dir: Path

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call of the operator API."""
        url = f"{self.gateway.addresses.operator}api/v1/{path}"
        headers = {"Authorization": f"Bearer {self.gateway.operator_token}"}
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        """One call that must succeed."""
        status, answer = await self.ask(method, path, body)
        assert status < 300, (status, answer)
        return answer

    async def register(self, identity: str, **more: Any) -> None:
        """A charge point that nothing is sent to unasked, unless the case says so."""
        body = {"security_profile": 1, "password": PASSWORD, "provision": False}
        await self.done("PUT", f"charge-points/{identity}", body | more)

    async def token(self, uid: str, type: str = "RFID", **more: Any) -> str:
        """An own token."""
        await self.done("PUT", f"tokens/{type}/{uid}", {"status": "Accepted", **more})
        return uid

    def ask_later(self, method: str, path: str, body: Any = None) -> "asyncio.Task[Any]":
        """One call in the background, for which the station is needed meanwhile."""
        return asyncio.create_task(self.done(method, path, body))

    def operator_calls(
        self, identity: str, action: str, payload: dict[str, Any]
    ) -> "asyncio.Task[Any]":
        """`POST /calls` in the background: the station has to answer meanwhile."""
        body = {"action": action, "payload": payload, "timeout": 10}
        return self.ask_later("POST", f"charge-points/{identity}/calls", body)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Look again and again until it holds."""
        async with asyncio.timeout(10):
            while not await condition():  # noqa: ASYNC110 - what it looks at gives no event
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def connected(
        self, identity: str, protocol: str = "ocpp2.0.1", *, password: str = PASSWORD
    ) -> AsyncIterator[TestStation]:
        """A websocket of a registered charge point; nothing is said yet."""
        pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
        async with connect(
            self.gateway.addresses.ocpp + identity,
            subprotocols=[Subprotocol(protocol)],
            additional_headers={"Authorization": f"Basic {pair}"},
            proxy=None,
        ) as socket:
            station = TestStation(socket)
            try:
                yield station
            finally:
                await station.close()

    @contextlib.asynccontextmanager
    async def station(
        self, identity: str, protocol: str = "ocpp2.0.1", **registration: Any
    ) -> AsyncIterator[TestStation]:
        """Reusable state Booted: registered, connected, accepted, its connectors reported."""
        await self.register(identity, **registration)
        async with self.connected(identity, protocol) as station:
            assert (await station.boot())["status"] == "Accepted"
            if protocol == "ocpp1.6":
                await station.call(
                    "StatusNotification",
                    {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
                )
            else:
                await station.status("Available")
            yield station


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def csms(
    tmp_path_factory: pytest.TempPathFactory, redis_server_url: str
) -> AsyncIterator[Csms]:
    """A gateway with its defaults, on free ports."""
    data_dir = tmp_path_factory.mktemp("conformance")
    async with Redis.from_url(redis_server_url) as redis:
        await redis.flushall()
    settings = Settings(
        data_dir=data_dir,
        redis_url=redis_server_url,  # type: ignore[arg-type] # pydantic makes a secret of it
        ocpp_port=0,
        ocpi_port=0,
        operator_port=0,
        files_port=0,
        master_pass_group="MASTERS",
        ocpi_allow_private_hosts=True,
    )
    gateway = await Gateway.start(settings)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as http:
        yield Csms(gateway, http, data_dir)
    await gateway.close()


@pytest.fixture
def make_transaction() -> Callable[..., Transaction]:
    """A new transaction of a station."""
    return Transaction
