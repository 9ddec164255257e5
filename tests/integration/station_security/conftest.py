"""Whole gateways with TLS, an operator, certificates of all kinds, and stations that try."""

import asyncio
import base64
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import product
from pathlib import Path
from socket import create_server
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateway.app import Gateway
from gateway.settings import Settings

CPO = "Charging Company"
PASSWORD = "a-password-of-20-byt"
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Pair:
    """A certificate with its key, in one PEM file."""

    certificate: x509.Certificate
    key: Key
    file: Path


class Authority:
    """Issues certificates into a directory."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.root = self.issue(name, key=ec.generate_private_key(ec.SECP256R1()), is_root=True)

    def issue(
        self,
        common_name: str,
        *,
        organization: str = CPO,
        begins: timedelta = -DAY,
        ends: timedelta = 100 * DAY,
        key: Key | None = None,
        is_root: bool = False,
        address: str | None = None,
    ) -> Pair:
        """`begins` and `ends` count from now; `is_root`: signed by its own key."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name if is_root else self.root.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        )
        if address is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(key if is_root else self.root.key, hashes.SHA256())
        file = self.directory / f"{self.name}-{certificate.serial_number:x}.pem"
        write_pair(file, certificate, key)
        return Pair(certificate, key, file)

    def revoke(self, *pairs: Pair) -> str:
        """A revocation list, as PEM."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.certificate.subject)
            .last_update(now)
            .next_update(now + DAY)
        )
        for pair in pairs:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(pair.certificate.serial_number)
                .revocation_date(now)
                .build()
            )
        signed = builder.sign(self.root.key, hashes.SHA256())
        return signed.public_bytes(Encoding.PEM).decode()


def write_pair(file: Path, certificate: x509.Certificate, key: Key) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))


@dataclass
class Pki:
    """The authority that the gateway believes, one that it does not, its own certificates."""

    ours: Authority
    theirs: Authority
    server_ecdsa: Pair
    server_rsa: Pair

    def tls(self, pair: Pair | None = None) -> ssl.SSLContext:
        """A station's context; with a pair it shows that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ours.root.file)
        if pair is not None:
            context.load_cert_chain(pair.file)
        return context


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    directory = tmp_path_factory.mktemp("pki")
    ours, theirs = Authority(directory, "Ours"), Authority(directory, "Theirs")
    rsa_key = rsa.generate_private_key(65537, 2048)
    return Pki(
        ours,
        theirs,
        ours.issue("csms.example", address="127.0.0.1"),
        ours.issue("csms.example", address="127.0.0.1", key=rsa_key),
    )


def basic(user: str | bytes, password: str | bytes) -> dict[str, str]:
    parts = [part.encode() if isinstance(part, str) else part for part in (user, password)]
    return {"Authorization": "Basic " + base64.b64encode(b":".join(parts)).decode()}


class Charger:
    """A station's end of a socket; it answers calls as it was told."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        self._answered: dict[str, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())
        self._count = 0

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] != 2:
                    self._answered.pop(frame[1]).set_result(frame)
                    continue
                self.asked.append((frame[2], frame[3]))
                answer = self.answers.get(frame[2])
                if callable(answer):
                    answer = answer(frame[3])
                if answer is not None:
                    await self.socket.send(json.dumps([3, frame[1], answer]))
        for future in self._answered.values():
            future.set_exception(ConnectionError("closed without an answer"))

    async def call(self, action: str, payload: Any) -> Any:
        """The whole frame that answers."""
        self._count += 1
        id_ = f"m{self._count}"
        self._answered[id_] = asyncio.get_running_loop().create_future()
        future = self._answered[id_]
        await self.socket.send(json.dumps([2, id_, action, payload]))
        return await asyncio.wait_for(future, 10)

    async def boot(self, serial_number: str | None = None) -> Any:
        if self.socket.subprotocol == "ocpp1.6":
            return await self.call(
                "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}
            )
        station = {"vendorName": "v", "model": "m"}
        if serial_number is not None:
            station["serialNumber"] = serial_number
        return await self.call(
            "BootNotification", {"reason": "PowerUp", "chargingStation": station}
        )

    async def closed(self) -> int | None:
        await asyncio.wait_for(self.socket.wait_closed(), 10)
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
        await self._reader


class Site:
    """One running gateway, its operator, and the stations that knock on it."""

    def __init__(self, gateway: Gateway, api: aiohttp.ClientSession, stack: AsyncExitStack) -> None:
        self.gateway = gateway
        self._api = api
        self._stack = stack
        self._legacy: str | None = None
        self._sources = (
            f"127.{a}.{b}.{c}" for a, b, c in product(range(1, 9), *[range(1, 255)] * 2)
        )

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"{self.gateway.addresses.operator}{path}"
        headers = {"Authorization": f"Bearer {self.gateway.operator_token}"}
        async with self._api.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith(("{", "[")) else text

    async def register(self, identity: str, profile: int, **members: Any) -> Any:
        if profile in (1, 2):
            members.setdefault("password", PASSWORD)
        body = {"security_profile": profile, "provision": False, **members}
        status, shown = await self.ask("PUT", f"api/v1/charge-points/{identity}", body)
        assert status in (200, 201), shown
        return shown

    async def show(self, identity: str) -> Any:
        status, shown = await self.ask("GET", f"api/v1/charge-points/{identity}")
        assert status == 200, shown
        return shown

    def url(self, *, secure: bool) -> str:
        addresses = self.gateway.addresses
        return (self._legacy or addresses.ocpp_tls or "") if secure else addresses.ocpp

    def use_legacy_port(self) -> None:
        """From now on `tls` means the listener for old versions."""
        assert self.gateway.addresses.ocpp_tls_legacy is not None
        self._legacy = self.gateway.addresses.ocpp_tls_legacy

    def refresh(self) -> None:
        """Have the gateway look at its files now, not in some seconds."""
        self.gateway.refresh()

    def knock(
        self,
        identity: str,
        *,
        tls: ssl.SSLContext | None = None,
        password: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        protocol: str = "ocpp1.6",
        source: str | None = None,
    ) -> connect:
        """An upgrade request, from an address of its own: no limit by address answers for us."""
        shown = {} if password is None else basic(identity, password)
        return connect(
            self.url(secure=tls is not None) + identity,
            subprotocols=[protocol],  # type: ignore[list-item]  # plain text here
            additional_headers=shown | (headers or {}),
            ssl=tls,
            ping_interval=None,
            open_timeout=20,
            local_addr=(source or next(self._sources), 0),
        )

    async def connect(self, identity: str, **options: Any) -> Charger:
        charger = Charger(await self.knock(identity, **options))
        self._stack.push_async_callback(charger.close)
        return charger

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait for something that is about to be so; the condition may be a coroutine."""
        for _ in range(1_000):
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never happened")

    async def gets_in(self, identity: str, **options: Any) -> bool:
        """Whether HTTP 101 comes."""
        try:
            socket = await self.knock(identity, **options)
        except (OSError, EOFError, InvalidHandshake):
            return False
        await socket.close()
        return True


StartGateway = Callable[..., Awaitable[Site]]


@pytest.fixture
async def start_gateway(redis_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[StartGateway]:
    """Starts gateways on one store; `tls=True` with both certificates and our authority."""
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(*, tls: bool = False, **settings: Any) -> Site:
            if tls:
                settings = {
                    "ocpp_tls_port": 0,
                    "ocpp_tls_cert": pki.server_ecdsa.file,
                    "ocpp_tls_key": pki.server_ecdsa.file,
                    "ocpp_tls_cert_2": pki.server_rsa.file,
                    "ocpp_tls_key_2": pki.server_rsa.file,
                    "ocpp_tls_client_ca": pki.ours.root.file,
                    "cpo_name": CPO,
                } | settings
            ports = dict.fromkeys(("ocpp_port", "ocpi_port", "operator_port", "files_port"), 0)
            gateway = await Gateway.start(
                Settings(**ports, data_dir=tmp_path, redis_url=redis_url, **settings)
            )
            stack.push_async_callback(gateway.close)
            return Site(gateway, api, stack)

        yield start


@dataclass
class _ProcessAddresses:
    ocpp: str
    ocpp_tls: str
    operator: str


class _GatewayProcess:
    """As much of `Gateway` as a `Site` asks for."""

    operator_token = "operator-token-of-the-tests"

    def __init__(self, addresses: _ProcessAddresses) -> None:
        self.addresses = addresses


@pytest.fixture
async def gateway_process(redis_url: str, tmp_path: Path, pki: Pki) -> AsyncIterator[Site]:
    """A gateway in a process of its own, so that a test's many clients do not slow it down."""
    with ExitStack() as held:
        probes = [held.enter_context(create_server(("127.0.0.1", 0))) for _ in range(5)]
        ocpp, tls, ocpi, operator, files = [probe.getsockname()[1] for probe in probes]
    settings = {
        "redis_url": redis_url,
        "data_dir": tmp_path,
        "ocpp_port": ocpp,
        "ocpp_tls_port": tls,
        "ocpp_tls_cert": pki.server_ecdsa.file,
        "ocpp_tls_key": pki.server_ecdsa.file,
        "ocpi_port": ocpi,
        "operator_port": operator,
        "operator_token": _GatewayProcess.operator_token,
        "files_port": files,
    }
    environment = {f"GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    with (tmp_path / "gateway.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "serve"),
            env=os.environ | environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    addresses = _ProcessAddresses(
        f"ws://127.0.0.1:{ocpp}/ocpp/",
        f"wss://127.0.0.1:{tls}/ocpp/",
        f"http://127.0.0.1:{operator}/",
    )
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(aiohttp.ClientSession())
        site = Site(_GatewayProcess(addresses), api, stack)  # type: ignore[arg-type]  # as above

        async def is_ready() -> bool:
            with suppress(aiohttp.ClientError):
                return (await site.ask("GET", "ready"))[0] == 200
            return False

        await site.until(is_ready)
        yield site
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 30) == 0
