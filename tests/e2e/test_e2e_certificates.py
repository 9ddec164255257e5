"""Certificates over real sockets: asked for, issued, used, revoked; roots listed and deleted."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK, InvalidStatus
from websockets.typing import Subprotocol

StartScene = Callable[..., Awaitable[Any]]
KEY = ec.generate_private_key(ec.SECP256R1())
KEY_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
WORDS: dict[str, dict[str, Any]] = {
    "1.6": {
        "trigger": ["ExtendedTriggerMessage", "SignChargePointCertificate"],
        "root": "CentralSystemRootCertificate",
    },
    "2.0.1": {
        "trigger": ["TriggerMessage", "SignChargingStationCertificate"],
        "root": "CSMSRootCertificate",
    },
}


def name(cn: str, o: str = "Gateway") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, o),
            x509.NameAttribute(NameOID.COMMON_NAME, cn),
        ]
    )


def csr(cn: str, key: Any = KEY) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(name(cn))
    return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def self_signed(cn: str = "127.0.0.1") -> bytes:
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name(cn))
        .issuer_name(name(cn))
        .public_key(KEY.public_key())
        .serial_number(0x0F00)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(address, critical=False)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(Encoding.PEM)


async def answered(wire: Any, **answers: Any) -> list[list[Any]]:
    """Answer the gateway's calls, in whatever order, until each action named has come once."""
    calls = []
    waiting = set(answers)
    while waiting:
        frame = await wire.receive()
        assert frame[0] == 2, frame
        calls.append(frame)
        await wire.send(json.dumps([3, frame[1], answers[frame[2]]]))
        waiting.discard(frame[2])
    return calls


UNKNOWN_SETTING: dict[str, Any] = {
    "GetConfiguration": {"unknownKey": ["CertificateSignedMaxChainSize"]},
    "GetVariables": {
        "getVariableResult": [
            {
                "attributeStatus": "UnknownVariable",
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "MaxCertificateChainSize"},
            }
        ]
    },
}


def limit_unknown(version: str) -> dict[str, Any]:
    action = "GetConfiguration" if version == "1.6" else "GetVariables"
    return {action: UNKNOWN_SETTING[action]}


async def obtain(wire: Any, identity: str, version: str, **more: Any) -> tuple[Any, str]:
    """Send a good request; returns CertificateSigned's payload and its chain."""
    answer = await wire.call("SignCertificate", {"csr": csr(identity)} | more)
    assert answer[2] == {"status": "Accepted"}
    accepted = {"CertificateSigned": {"status": "Accepted"}}
    calls = await answered(wire, **limit_unknown(version), **accepted)
    payload = calls[-1][3]
    return payload, payload["certificateChain"]


@pytest.mark.parametrize("version", WORDS)
async def test_the_operator_has_a_certificate_renewed(
    start_scene: StartScene, version: str
) -> None:
    """TC_A_11_CSMS, OCPP 1.6 WP A02, OCPP 1.6 WP A03; security-and-faults row 16"""
    scene = await start_scene(ca="built-in")
    await scene.register_charger("CP1", tariff=None)
    async with scene.wire("CP1", version) as wire:
        asking = asyncio.create_task(scene.ask("POST", "charge-points/CP1/certificates/renew"))
        action, message = WORDS[version]["trigger"]
        (trigger,) = await answered(wire, **{action: {"status": "Accepted"}})
        assert trigger[2:] == [action, {"requestedMessage": message}]
        assert await asking == (200, {"status": "Accepted"})
        more = {} if version == "1.6" else {"certificateType": "ChargingStationCertificate"}
        payload, chain = await obtain(wire, "CP1", version, **more)
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]

        async def noted() -> bool:
            _, issued = await scene.ask("GET", "certificate-authority/certificates")
            return [one["serial_number"] for one in issued] == [f"{leaf.serial_number:x}"]

        await scene.until(noted)
    assert payload == {"certificateChain": chain} | more


@pytest.mark.parametrize("version", WORDS)
@pytest.mark.parametrize(
    "request_pem",
    [
        "nonsense",
        csr("CP2"),
        csr("evil.com"),
        csr("CP1", rsa.generate_private_key(65537, 1024)),
        csr("CP1", ec.generate_private_key(ec.SECP192R1())),
    ],
    ids=["nonsense", "of another", "evil.com", "RSA-1024", "EC-192"],
)
async def test_what_must_not_be_signed_is_rejected_and_the_socket_lives(
    start_scene: StartScene, version: str, request_pem: str
) -> None:
    """security-and-faults rows 15 and 16"""
    scene = await start_scene(ca="built-in")
    await scene.register_charger("CP1", tariff=None)
    async with scene.wire("CP1", version) as wire:
        answer = await wire.call("SignCertificate", {"csr": request_pem})
        assert answer[2] == {"status": "Rejected"}
        assert (await wire.call("Heartbeat", {}))[0] == 3
    (event,) = await scene.get("charge-points/CP1/security-events")
    assert event["type"] == "SigningRequestRefused"


@pytest.mark.parametrize("version", WORDS)
async def test_roots_are_listed_installed_and_deleted(
    start_scene: StartScene, version: str
) -> None:
    """TC_M_18_CSMS, TC_M_20_CSMS, OCPP 1.6 WP M03, OCPP 1.6 WP M04, OCPP 1.6 WP M05;
    security-and-faults row 18
    """
    scene = await start_scene()
    await scene.register_charger("CP1", tariff=None)
    root, path = self_signed("Root").decode(), "charge-points/CP1/certificates"
    hash_data = {
        "hashAlgorithm": "SHA512",
        "issuerNameHash": "aa",
        "issuerKeyHash": "bb",
        "serialNumber": "f00",
    }
    word = WORDS[version]["root"]
    async with scene.wire("CP1", version) as wire:
        body = {"type": word, "certificate": root}
        asking = asyncio.create_task(scene.ask("POST", path, body))
        (call,) = await answered(wire, InstallCertificate={"status": "Accepted"})
        assert call[3] == {"certificateType": word, "certificate": root}
        status, answer = await asking
        assert (status, answer["status"]) == (200, "Accepted")
        assert answer["hash_data"]["serial_number"] == "f00"

        asking = asyncio.create_task(scene.ask("GET", path))
        calls = await listing(wire, version, hash_data)
        if version == "2.0.1":
            assert calls[0][3] == {}  # without certificateType: all of them
        status, answer = await asking
        assert status == 200
        (shown,) = answer["installed"]
        assert shown["type"] == "CSMSRootCertificate"
        assert shown["hash_data"]["hash_algorithm"] == "SHA512"

        asking = asyncio.create_task(scene.ask("DELETE", f"{path}/F00"))
        await listing(wire, version, hash_data)
        assert (await asking)[0] == 409  # the last root

        asking = asyncio.create_task(scene.ask("DELETE", f"{path}/F00?confirm=true"))
        await listing(wire, version, hash_data)
        (call,) = await answered(wire, DeleteCertificate={"status": "Failed"})
        assert call[3] == {"certificateHashData": hash_data}
        assert await asking == (200, {"status": "Failed"})  # TC_M_21_CSMS


async def listing(wire: Any, version: str, hash_data: dict[str, str]) -> list[list[Any]]:
    """Answer as a station with one root; 1.6 is asked for each of its two types."""
    if version == "2.0.1":
        found = {"certificateType": "CSMSRootCertificate", "certificateHashData": hash_data}
        answer = {"status": "Accepted", "certificateHashDataChain": [found]}
        return await answered(wire, GetInstalledCertificateIds=answer)
    first = {"status": "Accepted", "certificateHashData": [hash_data]}
    return [
        *await answered(wire, GetInstalledCertificateIds=first),
        *await answered(wire, GetInstalledCertificateIds={"status": "NotFound"}),
    ]


async def test_a_2_1_request_id_comes_back(start_scene: StartScene) -> None:
    """security-and-faults row 16: 2.1 A02.FR.25"""
    scene = await start_scene(ca="built-in")
    await scene.register_charger("CP1", tariff=None)
    async with scene.wire("CP1", "2.1") as wire:
        payload, _ = await obtain(wire, "CP1", "2.1", requestId=7)
    assert payload["requestId"] == 7


@asynccontextmanager
async def over_tls(scene: Any, context: ssl.SSLContext) -> AsyncIterator[Any]:
    """A station of security profile 3: no password, only its certificate."""
    url = scene.gateway.addresses.ocpp_tls + "CP1"
    async with connect(
        url, subprotocols=[Subprotocol("ocpp2.0.1")], ssl=context, proxy=None
    ) as socket:
        yield socket


async def test_a_station_connects_with_the_certificate_it_was_issued_until_that_is_revoked(
    start_scene: StartScene, tmp_path: Path
) -> None:
    """security-and-faults row 11: from profile 1 to 3, and out"""
    server = tmp_path / "server.pem"
    server.write_bytes(self_signed() + KEY_PEM)
    scene = await start_scene(
        ca="built-in", ocpp_tls_cert=server, ocpp_tls_key=server, ocpp_tls_port=0
    )
    await scene.register_charger("CP1", tariff=None)
    async with scene.wire("CP1", "2.0.1") as wire:
        _, chain = await obtain(wire, "CP1", "2.0.1")
    await scene.put("charge-points/CP1", {"security_profile": 3, "provision": False})
    client = tmp_path / "client.pem"
    client.write_bytes(chain.encode() + KEY_PEM)
    context = ssl.create_default_context(cafile=server)
    context.load_cert_chain(client)
    async with over_tls(scene, context) as socket:
        boot = {
            "reason": "PowerUp",
            "chargingStation": {"vendorName": "V", "model": "M", "serialNumber": "CP1"},
        }
        await socket.send(json.dumps([2, "1", "BootNotification", boot]))
        assert json.loads(await socket.recv())[2]["status"] == "Accepted"
        (issued,) = await scene.get("certificate-authority/certificates")
        revoke = f"certificate-authority/certificates/{issued['serial_number']}/revoke"
        assert (await scene.ask("POST", revoke))[0] == 200
        with pytest.raises(ConnectionClosedOK):
            async with asyncio.timeout(10):
                await socket.recv()
    with pytest.raises(InvalidStatus):
        async with over_tls(scene, context):
            pass
    newest, *_ = await scene.get("charge-points/CP1/security-events")
    assert newest["type"] == "ClientCertificateRefused"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "charge-points/CP9/certificates", None, 404),
        ("GET", "charge-points/CP9/security-events", None, 404),
        ("GET", "charge-points/CP1/certificates", None, 409),  # not connected
        ("GET", "charge-points/CP1/certificates?type=Nonsense", None, 422),
        ("POST", "charge-points/CP1/certificates/renew", None, 409),
        ("POST", "charge-points/CP1/certificates", {"type": "CSMSRootCertificate"}, 422),
        (
            "POST",
            "charge-points/CP1/certificates",
            {"type": "CSMSRootCertificate", "certificate": "nonsense"},
            422,
        ),
        (
            "POST",
            "charge-points/CP1/certificates",
            {"type": "V2GCertificateChain", "certificate": "nonsense"},
            422,
        ),
        ("DELETE", "charge-points/CP1/certificates/1f", None, 409),
        ("POST", "certificate-authority/certificates/1f/revoke", None, 404),
    ],
)
async def test_what_cannot_be_done_is_said(
    scene: Any, method: str, path: str, body: Any, status: int
) -> None:
    await scene.register_charger("CP1", tariff=None)
    answered_with, answer = await scene.ask(method, path, body)
    assert answered_with == status, answer
