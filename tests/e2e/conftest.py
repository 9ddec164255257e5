"""The scenes of the end-to-end tests: a real gateway on a real store, chargers and partners.

Everything goes over real sockets. What an operator would set up is set up through the operator
API. At the end of every test each partner's record of broken rules must be empty, and nothing
may have broken inside a simulator.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway import exact_json
from gateway.app import Gateway
from gateway.services.transactions import service as transactions
from gateway.settings import Settings
from simulators.charge_point.clock import VirtualClock
from simulators.charge_point.link import BackOff
from simulators.charge_point.outlet import AC_11KW
from simulators.charge_point.settings import StationSettings
from simulators.charge_point.station import SimulatedChargePoint
from simulators.partner import SimulatedPartner

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
PASSWORD = "correct-horse-battery"
ROOT = Path(__file__).parents[2]

# FLAT, ENERGY per kWh and PARKING_TIME per hour, each with VAT
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [
                {"type": "FLAT", "price": Decimal("0.50"), "vat": 21, "step_size": 1},
                {"type": "ENERGY", "price": Decimal("0.35"), "vat": 21, "step_size": 1},
                {"type": "PARKING_TIME", "price": 2, "vat": 21, "step_size": 60},
            ]
        }
    ],
}


class ScriptedClock(VirtualClock):
    """A station's clock that stands still until the test moves it."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 9, 59, tzinfo=UTC)) -> None:
        self._seconds = 0.0
        super().__init__(real_now=lambda: at, monotonic=lambda: self._seconds)

    def move(self, **span: float) -> None:
        self._seconds += timedelta(**span).total_seconds()


class Wire:
    """A charge point's bare websocket, for frames that no decent charge point sends."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)

    async def send(self, frame: str | bytes) -> None:
        await self.socket.send(frame)

    async def receive(self) -> list[Any]:
        async with asyncio.timeout(10):
            answer: list[Any] = json.loads(await self.socket.recv(), parse_float=Decimal)
            return answer

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> list[Any]:
        """The whole frame that answers."""
        message_id = message_id or f"m{next(self._ids)}"
        await self.send(json.dumps([2, message_id, action, payload]))
        answer = await self.receive()
        assert answer[1] == message_id
        return answer

    async def boot(self) -> None:
        """BootNotification in the words of the agreed version."""
        if self.socket.subprotocol == "ocpp1.6":
            body: dict[str, Any] = {"chargePointVendor": "V", "chargePointModel": "M"}
        else:
            station = {"vendorName": "V", "model": "M"}
            body = {"reason": "PowerUp", "chargingStation": station}
        answer = await self.call("BootNotification", body)
        assert answer[0] == 3, answer
        assert answer[2]["status"] == "Accepted"

    async def until_closed(self) -> int | None:
        """The code that the gateway closed with; frames before it are passed over."""
        async with asyncio.timeout(15):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code


@dataclass
class Addresses:
    ocpp: str
    ocpi: str
    operator: str
    files: str


class GatewayProcess:
    """A gateway process that can be killed and started again on the same data and ports."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "gateway.log"
        ocpp, ocpi, operator, files = free_ports(4)
        self.addresses = Addresses(
            f"ws://127.0.0.1:{ocpp}/ocpp/",
            f"http://127.0.0.1:{ocpi}/ocpi/versions",
            f"http://127.0.0.1:{operator}/",
            f"http://127.0.0.1:{files}/",
        )
        self.operator_token = "e2e-operator-token"
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")
        } | {
            "GATEWAY_DATA_DIR": str(data_dir),
            "GATEWAY_OCPP_PORT": str(ocpp),
            "GATEWAY_OCPI_PORT": str(ocpi),
            "GATEWAY_OPERATOR_PORT": str(operator),
            "GATEWAY_FILES_PORT": str(files),
            "GATEWAY_OPERATOR_TOKEN": self.operator_token,
            "GATEWAY_OCPI_ALLOW_PRIVATE_HOSTS": "true",
            "GATEWAY_SESSION_INTERVAL": "0",
            **{f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()},
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway",
                "serve",
                env=self._environment | {"PYTHONPATH": str(ROOT)},
                cwd=self.data_dir,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await self._until_ready()

    async def _until_ready(self) -> None:
        assert self._process is not None
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while True:
                assert self._process.returncode is None, self.log.read_text()[-2000:]
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(self.addresses.operator + "ready") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9: nothing is finished, nothing is said."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(30):
            return await self._process.wait()

    @property
    def store_pid(self) -> int:
        return int((self.data_dir / "store" / "server.pid").read_text())

    @property
    def store_url(self) -> str:
        return f"unix://{self.data_dir / 'store' / 'server.sock'}"

    async def close(self) -> None:
        """End it, and the store server that a killed one leaves behind."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                os.kill(self.store_pid, signal.SIGCONT)
            assert await self.terminate() == 0, self.log.read_text()[-4000:]
            return
        with contextlib.suppress(OSError, ValueError):
            if self._is_our_store(self.store_pid):
                os.kill(self.store_pid, signal.SIGKILL)

    def _is_our_store(self, pid: int) -> bool:
        """By its working directory: the number may be another process's by now."""
        return Path(f"/proc/{pid}/cwd").resolve() == (self.data_dir / "store").resolve()


class GatewayHere:
    """A gateway in the test's own process."""

    def __init__(self, data_dir: Path, **settings: Any) -> None:
        self._settings = Settings(
            **{
                "data_dir": data_dir,
                "ocpp_port": 0,
                "ocpi_port": 0,
                "operator_port": 0,
                "files_port": 0,
                "ocpi_allow_private_hosts": True,
                "session_interval": 0,
                **settings,
            }
        )
        self.data_dir = data_dir

    async def start(self) -> None:
        gateway = await Gateway.start(self._settings)
        # the next start keeps the ports, as an operator's would
        self._gateway = gateway
        self.addresses = gateway.addresses
        self.operator_token = gateway.operator_token
        self._settings = self._settings.model_copy(
            update={
                name: int(url.split(":")[2].split("/")[0])
                for name, url in (
                    ("ocpp_port", gateway.addresses.ocpp),
                    ("ocpi_port", gateway.addresses.ocpi),
                    ("operator_port", gateway.addresses.operator),
                    ("files_port", gateway.addresses.files),
                )
            }
        )

    @property
    def store_pid(self) -> int:
        return int((self.data_dir / "store" / "server.pid").read_text())

    @property
    def store_url(self) -> str:
        if self._settings.redis_url is not None:
            return self._settings.redis_url.get_secret_value()
        return f"unix://{self.data_dir / 'store' / 'server.sock'}"

    async def close(self) -> None:
        await self._gateway.close()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


@dataclass
class Scene:
    """A running gateway, its operator, and whoever the test adds."""

    gateway: GatewayHere | GatewayProcess
    api: aiohttp.ClientSession
    chargers: list[SimulatedChargePoint] = field(default_factory=list)
    partners: list[SimulatedPartner] = field(default_factory=list)

    # -- the operator

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One call of the operator API: HTTP status and JSON."""
        url = f"{self.gateway.addresses.operator}api/v1/{path}"
        data = None if body is None else exact_json.dumps(body)
        headers = {
            "Authorization": f"Bearer {self.gateway.operator_token}",
            "Content-Type": "application/json",
        }
        async with self.api.request(method, url, data=data, headers=headers) as answer:
            text = await answer.read()
            return answer.status, exact_json.loads(text) if text else None

    async def put(self, path: str, body: Any) -> Any:
        status, answer = await self.ask("PUT", path, body)
        assert status in (200, 201), (status, answer)
        return answer

    async def get(self, path: str) -> Any:
        status, answer = await self.ask("GET", path)
        assert status == 200, (status, answer)
        return answer

    async def until_cdrs(self, count: int = 1) -> list[Any]:
        """The CDRs, once there are so many: a replayed queue is given a moment to be whole."""

        async def there() -> bool:
            return len(await self.get("cdrs")) >= count

        await self.until(there)
        cdrs: list[Any] = await self.get("cdrs")
        return cdrs

    async def until(self, condition: Callable[[], Awaitable[bool]], timeout: float = 10.0) -> None:
        """Look again and again until it holds."""
        async with asyncio.timeout(timeout):
            while not await condition():  # noqa: ASYNC110 - what it looks at gives no event
                await asyncio.sleep(0.03)

    async def register_charger(
        self,
        identity: str,
        *,
        connectors: int = 1,
        tariff: dict[str, Any] | None = TARIFF,
        **fields: Any,
    ) -> None:
        """Charge point `identity`, Location `LOC-<identity>`, EVSEs `<identity>-1`, ...

        Unless `provision` is true it is sent nothing unasked, so that a test reads what it calls.
        """
        if tariff is not None:
            await self.put(f"tariffs/{tariff['id']}", tariff)
        registration = {"security_profile": 1, "password": PASSWORD, "provision": False, **fields}
        await self.put(f"charge-points/{identity}", registration)
        await self.put(f"locations/LOC-{identity}", location(identity, connectors, tariff))

    async def add_charger(
        self,
        identity: str,
        version: str = "1.6",
        *,
        connectors: int = 1,
        tariff: dict[str, Any] | None = TARIFF,
        register: bool = True,
        **options: Any,
    ) -> SimulatedChargePoint:
        """A registered and connected charge point; samples its meter only when told to."""
        if register:
            await self.register_charger(identity, connectors=connectors, tariff=tariff)
        defaults: dict[str, Any] = {
            "password": PASSWORD,
            "connectors": connectors,
            "rating": AC_11KW,
            "settings": StationSettings(sample_interval=0),
            "back_off": BackOff(first=0.1, most=0.3),
        }
        charger = SimulatedChargePoint(
            self.gateway.addresses.ocpp, identity, version, **{**defaults, **options}
        )
        self.chargers.append(charger)
        charger.start()
        await charger.until_connected()
        return charger

    @contextlib.asynccontextmanager
    async def wire(self, identity: str, version: str, *, boot: bool = True) -> AsyncIterator[Wire]:
        """A bare websocket of a charge point that is registered already."""
        async with connect(
            self.gateway.addresses.ocpp + identity,
            subprotocols=[Subprotocol(SUBPROTOCOLS[version])],
            additional_headers=basic(identity, PASSWORD),
            compression=None,
            proxy=None,
        ) as opened:
            wire = Wire(opened)
            if boot:
                await wire.boot()
            yield wire

    # -- the partners

    async def add_partner(
        self,
        party_id: str = "EMS",
        *,
        ocpi: str = "2.2.1",
        tokens: tuple[str, ...] = ("TAG1",),
        **fields: Any,
    ) -> SimulatedPartner:
        """A partner that registered with us, its tokens (of whitelist type ALLOWED) pushed."""
        partner = await self.add_stranger(party_id, ocpi)
        status, invitation = await self.ask("POST", "partners", {"name": f"Partner {party_id}"})
        assert status == 201, invitation
        partner.id_here = invitation["id"]  # the test knows it by this
        await partner.register(self.gateway.addresses.ocpi, invitation["token"])
        for uid in tokens:
            partner.issue_token(uid, **fields)
            await partner.push_token(uid)
        return partner

    async def add_stranger(self, party_id: str = "EMS", ocpi: str = "2.2.1") -> SimulatedPartner:
        """A partner platform that runs and knows nothing of us."""
        partner = SimulatedPartner(
            country_code="DE", party_id=party_id, name=f"eMSP {party_id}", version=ocpi
        )
        await partner.start()
        self.partners.append(partner)
        return partner

    # -- the store

    async def dump(self) -> dict[bytes, Any]:
        """Every key of the store and its value, but leases, which come and go by themselves."""
        async with Redis.from_url(self.gateway.store_url) as redis:
            keys = [key async for key in redis.scan_iter(count=1000)]
            kept = [key for key in keys if not key.startswith(b"gw:lease:")]
            return {key: await _value(redis, key) for key in kept}

    async def close(self) -> None:
        broken: list[BaseException] = []
        for charger in self.chargers:
            try:
                await charger.stop(end_transactions=False)
            except Exception as error:  # what broke inside a simulator is reported at the end
                broken.append(error)
        for partner in self.partners:
            await partner.close()
        await self.api.close()
        await self.gateway.close()
        assert broken == []
        for partner in self.partners:
            assert partner.violations == []


async def _value(redis: Redis, key: bytes) -> Any:
    match await redis.type(key):
        case b"string":
            return await redis.get(key)
        case b"hash":
            return await redis.hgetall(key)
        case b"zset":
            return await redis.zrange(key, 0, -1, withscores=True)
        case b"list":
            return await redis.lrange(key, 0, -1)
        case b"set":
            return await redis.smembers(key)
    return None


def basic(identity: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{identity}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def location(identity: str, connectors: int, tariff: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": f"LOC-{identity}",
        "publish": True,
        "name": "Harbour Garage",
        "address": "Harbour Street 1",
        "city": "Utrecht",
        "postal_code": "3511 ED",
        "country": "NLD",
        "coordinates": {"latitude": "52.08946", "longitude": "5.11010"},
        "time_zone": "Europe/Amsterdam",
        "evses": [
            {
                "uid": f"{identity}-{number}",
                "evse_id": f"NL*GWY*E{identity}{number}",
                "capabilities": [
                    "RFID_READER",
                    "REMOTE_START_STOP_CAPABLE",
                    "RESERVABLE",
                    "UNLOCK_CAPABLE",
                    "CHARGING_PROFILE_CAPABLE",
                    "CHARGING_PREFERENCES_CAPABLE",
                ],
                "charge_point": {"identity": identity, "evse_id": number},
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 16,
                        "tariff_ids": [tariff["id"]] if tariff is not None else [],
                    }
                ],
            }
            for number in range(1, connectors + 1)
        ],
    }


StartScene = Callable[..., Awaitable[Scene]]


@pytest.fixture
async def start_scene(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[StartScene]:
    """Start a scene with settings of its own; `process=True` for one that may be killed.

    The store is this run's, unless the test needs one of its own to do harm to; a gateway in a
    process of its own has its own.
    """
    scenes: list[Scene] = []
    # on a simulated clock every stop of 1.6 is long past, as if it came from a station's queue:
    # a gateway in this process waits not 5 seconds but 1 for what may still be in that queue
    monkeypatch.setattr(transactions, "GRACE", timedelta(seconds=1))

    async def start(*, process: bool = False, own_store: bool = False, **settings: Any) -> Scene:
        if not process and not own_store:
            settings["redis_url"] = redis_url
        kind = GatewayProcess if process else GatewayHere
        gateway = kind(tmp_path / f"data{len(scenes)}", **settings)
        await gateway.start()
        session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30))
        scenes.append(Scene(gateway, session))
        return scenes[-1]

    yield start
    async with contextlib.AsyncExitStack() as stack:
        for scene in scenes:
            stack.push_async_callback(scene.close)


@pytest.fixture
async def scene(start_scene: StartScene) -> Scene:
    """A gateway in this process, with nothing configured."""
    return await start_scene()


@pytest.fixture
async def scene_with_store(start_scene: StartScene) -> Scene:
    """A gateway in this process, with an embedded store of its own."""
    return await start_scene(own_store=True)


@pytest.fixture
async def scene_to_kill(start_scene: StartScene) -> Scene:
    """A gateway in a process of its own, with nothing configured."""
    return await start_scene(process=True)


@pytest.fixture
def credentials() -> Callable[..., dict[str, str]]:
    """The Authorization header of a charge point, with the right password or another one."""

    def header(identity: str, password: str | None = None) -> dict[str, str]:
        return basic(identity, PASSWORD if password is None else password)

    return header


@pytest.fixture(params=["1.6", "2.0.1"])
def version(request: pytest.FixtureRequest) -> str:
    """Each OCPP version."""
    return str(request.param)


@pytest.fixture
def fast() -> VirtualClock:
    """A clock that runs 600 times as fast, and never gets ahead of real time."""
    return VirtualClock(600, timedelta(days=1))


@pytest.fixture
def clock() -> ScriptedClock:
    """A clock that stands still until the test moves it."""
    return ScriptedClock()
