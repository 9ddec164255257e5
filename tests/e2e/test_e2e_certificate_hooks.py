"""An operator's own authority, contract pool and OCSP responder, named by settings."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

StartScene = Callable[..., Awaitable[Any]]
KEY = ec.generate_private_key(ec.SECP256R1())
TOKEN = {"idToken": "NL-ABC-C0001", "type": "eMAID"}

HOOKS = """
from pathlib import Path

from gateway.services.access.vehicle_certificates import ContractCertificate

calls = []

async def sign(csr_pem, identity, use):
    calls.append((identity, use))
    if len(calls) == 1:
        raise ConnectionError("the authority is away")
    return Path({chain!r}).read_text()

async def contract(identity, request):
    if request.action != "Install":
        return None
    return ContractCertificate("EXI for " + identity + ": " + request.exi_request)
"""


def certificate(serial: int = 7) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CP1")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(KEY, hashes.SHA256())
    )


@pytest.fixture
def hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    chain = tmp_path / "chain.pem"
    chain.write_bytes(certificate().public_bytes(Encoding.PEM))
    module = "hooks_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{module}.py").write_text(HOOKS.format(chain=str(chain)))
    monkeypatch.syspath_prepend(tmp_path)
    return module


async def test_an_external_authority_signs_once_it_is_back(
    start_scene: StartScene, hooks: str
) -> None:
    """security-and-faults row 16; TC_A_14_CSMS: the station then rejects it"""
    scene = await start_scene(ca="external", ca_hook=f"{hooks}:sign")
    await scene.register_charger("CP1", tariff=None)
    async with scene.wire("CP1", "2.0.1") as wire:
        # the type goes to the hook alone, which judges the request itself
        body = {"csr": "of a vehicle's hierarchy", "certificateType": "V2GCertificate"}
        answer = await wire.call("SignCertificate", body)
        assert answer[2] == {"status": "Accepted"}
        frame = await wire.receive()
        assert frame[2] == "GetVariables"
        await wire.send(json.dumps([4, frame[1], "NotSupported", "", {}]))
        frame = await wire.receive()
        assert frame[2] == "CertificateSigned"
        assert frame[3]["certificateType"] == "V2GCertificate"
        await wire.send(json.dumps([3, frame[1], {"status": "Rejected"}]))

        async def noted() -> bool:
            found = await scene.get("charge-points/CP1/security-events?critical=true")
            types = [one["type"] for one in found]
            return types == ["CertificateNotAccepted", "CertificateNotIssued"]

        await scene.until(noted)


async def test_contract_certificates_come_from_the_operators_pool(
    start_scene: StartScene, hooks: str
) -> None:
    """M01, M02: Get15118EVCertificate"""
    scene = await start_scene(ev_certificates_hook=f"{hooks}:contract")
    await scene.register_charger("CP1", tariff=None)
    body = {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "exiRequest": "abc"}
    async with scene.wire("CP1", "2.0.1") as wire:
        install = await wire.call("Get15118EVCertificate", body | {"action": "Install"})
        update = await wire.call("Get15118EVCertificate", body | {"action": "Update"})
    assert install[2] == {"status": "Accepted", "exiResponse": "EXI for CP1: abc"}
    assert update[2] == {"status": "Failed", "exiResponse": ""}


@dataclass
class Responder:
    """An OCSP responder that knows one revoked certificate, and calls all others good."""

    url: str = ""
    revoked: int = 0xBAD
    asked: list[int] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        question = ocsp.load_der_ocsp_request(await request.read())
        self.asked.append(question.serial_number)
        now = datetime.now(UTC)
        is_revoked = question.serial_number == self.revoked
        made = (
            ocsp.OCSPResponseBuilder()
            .add_response_by_hash(
                question.issuer_name_hash,
                question.issuer_key_hash,
                question.serial_number,
                question.hash_algorithm,
                ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
                now,
                now + timedelta(hours=1),
                now if is_revoked else None,
                None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, certificate())
            .sign(KEY, hashes.SHA256())
        )
        return web.Response(body=made.public_bytes(Encoding.DER))

    def data(self, serial: int) -> dict[str, str]:
        return {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "aa" * 32,
            "issuerKeyHash": "bb" * 32,
            "serialNumber": f"{serial:x}",
        }


@pytest.fixture
async def responder() -> AsyncIterator[Responder]:
    made, app = Responder(), web.Application()
    app.router.add_post("/", made.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


async def test_a_stations_question_goes_to_the_responder_and_is_remembered(
    start_scene: StartScene, responder: Responder
) -> None:
    """M06: GetCertificateStatus"""
    scene = await start_scene(ocsp_allow_private_hosts=True)
    await scene.register_charger("CP1", tariff=None)
    body = {"ocspRequestData": responder.data(0xA1) | {"responderURL": responder.url}}
    async with scene.wire("CP1", "2.0.1") as wire:
        answers = [(await wire.call("GetCertificateStatus", body))[2] for _ in range(3)]
    assert [one["status"] for one in answers] == ["Accepted"] * 3
    result = ocsp.load_der_ocsp_response(base64.b64decode(answers[0]["ocspResult"]))
    assert result.serial_number == 0xA1
    assert responder.asked == [0xA1]


async def test_by_default_a_station_cannot_send_us_into_our_own_network(
    start_scene: StartScene, responder: Responder
) -> None:
    """security-and-faults S11"""
    scene = await start_scene()
    await scene.register_charger("CP1", tariff=None)
    body = {"ocspRequestData": responder.data(0xA1) | {"responderURL": responder.url}}
    async with scene.wire("CP1", "2.0.1") as wire:
        answer = await wire.call("GetCertificateStatus", body)
    assert answer[2] == {"status": "Failed"}
    assert responder.asked == []


async def test_a_vehicle_with_a_revoked_contract_certificate_is_not_authorized(
    start_scene: StartScene, responder: Responder
) -> None:
    """C07: Plug and Charge"""
    scene = await start_scene(ocsp_allow_private_hosts=True)
    await scene.register_charger("CP1", tariff=None)
    await scene.put("tokens/OTHER/NL-ABC-C0001", {"status": "Accepted"})
    answers = []
    async with scene.wire("CP1", "2.0.1") as wire:
        for serial in (0xA1, responder.revoked):
            chain = [responder.data(serial) | {"responderURL": responder.url}]
            body = {"idToken": TOKEN, "iso15118CertificateHashData": chain}
            answers.append((await wire.call("Authorize", body))[2])
    assert [one["certificateStatus"] for one in answers] == ["Accepted", "CertificateRevoked"]
    assert answers[1]["idTokenInfo"]["status"] == "Invalid"


async def test_a_2_1_station_learns_the_state_of_a_whole_chain(
    start_scene: StartScene, responder: Responder
) -> None:
    """2.1 GetCertificateChainStatus"""
    scene = await start_scene(ocsp_allow_private_hosts=True)
    await scene.register_charger("CP1", tariff=None)
    dead = "http://127.0.0.1:1/"
    requests = [
        {"certificateHashData": responder.data(serial), "source": source, "urls": urls}
        for serial, source, urls in (
            (0xA1, "OCSP", [dead, responder.url]),
            (responder.revoked, "OCSP", [responder.url]),
            (0xA2, "OCSP", [dead]),
            (0xA3, "CRL", [responder.url]),
        )
    ]
    async with scene.wire("CP1", "2.1") as wire:
        body = {"certificateStatusRequests": requests}
        answer = await wire.call("GetCertificateChainStatus", body)
    states = [one["status"] for one in answer[2]["certificateStatus"]]
    assert states == ["Good", "Revoked", "Failed", "Failed"]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_security_events_are_confirmed_stored_and_told_live(
    start_scene: StartScene, version: str
) -> None:
    """security-and-faults row 19: A04.FR.03; OCPP 1.6 WP A04"""
    scene = await start_scene()
    await scene.register_charger("CP1", tariff=None)
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    url = f"{scene.gateway.addresses.operator}api/v1/events"
    async with scene.wire("CP1", version) as wire, scene.api.get(url, headers=headers) as stream:
        assert await stream.content.readline() == b": hello\n"
        for type_, at in (("Vendor's own", "2026-03-01T10:00:00Z"), ("ResetOrReboot", "noon")):
            body = {"type": type_, "timestamp": at, "techInfo": "x"}
            assert (await wire.call("SecurityEventNotification", body))[2] == {}
        async with asyncio.timeout(10):
            async for line in stream.content:
                if line == b"event: security_event\n":
                    told = json.loads((await stream.content.readline()).removeprefix(b"data: "))
                    break
    assert (told["identity"], told["type"], told["at"]) == ("CP1", "ResetOrReboot", None)
    found = await scene.get("charge-points/CP1/security-events")
    assert [one["type"] for one in found] == ["ResetOrReboot", "Vendor's own"]
