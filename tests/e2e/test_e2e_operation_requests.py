"""What operators may ask of charge points, and what is refused before anything is sent."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

MEANINGLESS = [
    {"kind": "firmware-update", "location": "file:///etc/passwd"},
    {"kind": "firmware-update", "location": "http://127.0.0.1/fw"},
    {"kind": "firmware-update", "file": "none.bin"},
    {"kind": "firmware-update", "file": "../secret-key"},
    {"kind": "firmware-update"},
    {"kind": "firmware-update", "file": "a", "location": "https://maker.example/a"},
    {"kind": "firmware-update", "location": "https://maker.example/a", "signature": "QUJD"},
    {
        "kind": "firmware-update",
        "location": "https://maker.example/a",
        "signing_certificate": "none",
        "signature": "QUJD",
    },
    {"kind": "firmware-publish", "location": "https://maker.example/a"},
    {"kind": "firmware-publish", "location": "https://maker.example/a", "checksum": "x"},
    {"kind": "log-upload", "location": "gopher://maker.example/"},
    {"kind": "log-upload", "log_type": "OtherLog"},
    {"kind": "log-upload", "retries": -1},
    {"kind": "log-upload", "typo": True},
    {"kind": "diagnostics", "oldest": "yesterday"},
    {"kind": "customer-information", "report": True, "clear": False},
    {"kind": "customer-information", "report": False, "clear": False, "id_token": "A"},
    {"kind": "nothing"},
    {},
]


async def ask(scene, **body):
    return await scene.ask("POST", "charge-points/CP1/operations", body)


@pytest.fixture
async def registered(scene):
    await scene.register_charger("CP1")
    return scene


async def test_what_cannot_be_meant_is_refused_and_not_recorded(registered):
    """S21"""
    for body in MEANINGLESS:
        status, answer = await ask(registered, **body)
        assert status == 422, (body, answer)
    assert await registered.get("charge-points/CP1/operations") == []


@pytest.mark.parametrize(("profile", "status"), [(1, 202), (2, 422)])
async def test_unsigned_firmware_goes_to_no_station_with_tls_unless_forced(scene, profile, status):
    """security-and-faults row 22"""
    body = {"security_profile": profile, "password": "correct-horse-battery"}
    await scene.put("charge-points/CP1", body)
    order = {"kind": "firmware-update", "location": "https://maker.example/fw.bin"}
    assert (await ask(scene, **order))[0] == status
    forced, operation = await ask(scene, **order, force=True)
    assert forced == 202
    assert operation["parameters"]["forced"] is True


async def test_operations_are_of_a_charge_point_that_is_known(registered):
    status, _ = await registered.ask("POST", "charge-points/CP2/operations", {"kind": "log-upload"})
    assert status == 404
    assert (await registered.ask("GET", "charge-points/CP2/operations"))[0] == 404
    assert (await registered.ask("GET", "charge-points/CP1/operations/none"))[0] == 404
    assert (await registered.ask("GET", "charge-points/CP1/files/none"))[0] == 404
    assert (await registered.ask("DELETE", "charge-points/CP1/files/none"))[0] == 404


async def test_operations_can_be_chosen_by_kind_and_by_whether_they_run(registered):
    await ask(registered, kind="log-upload")
    await ask(registered, kind="diagnostics")

    async def over():
        return await registered.get("charge-points/CP1/operations?running=true") == []

    await registered.until(over)
    [one] = await registered.get("charge-points/CP1/operations?kind=diagnostics")
    assert (one["kind"], one["state"]) == ("diagnostics", "failed")


async def put_firmware(scene, name, data):
    url = f"{scene.gateway.addresses.operator}api/v1/firmware/{name}"
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    async with scene.api.put(url, data=data, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_firmware_files_are_put_listed_and_removed(scene):
    status, file = await put_firmware(scene, "fw-1.bin", b"one")
    assert (status, file["bytes"], file["signed"]) == (201, 3, False)
    assert (await put_firmware(scene, "fw-1.bin", b"other"))[1]["bytes"] == 5
    assert [one["name"] for one in await scene.get("firmware")] == ["fw-1.bin"]
    assert (await scene.ask("DELETE", "firmware/fw-1.bin"))[0] == 204
    assert (await scene.ask("DELETE", "firmware/fw-1.bin"))[0] == 404
    assert await scene.get("firmware") == []


async def test_a_firmware_file_has_a_plain_name(scene):
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    for name in (".hidden", "a%2Fb", "%2e%2e", "a%00b", "a" * 101):
        url = URL(f"{scene.gateway.addresses.operator}api/v1/firmware/{name}", encoded=True)
        async with scene.api.put(url, data=b"x", headers=headers) as answer:
            assert answer.status in (404, 405, 422), name
    assert await scene.get("firmware") == []


async def test_a_file_and_its_compressed_form_are_not_both_taken(scene):
    """A client that understands gzip would be given the one for the other."""
    assert (await put_firmware(scene, "fw.bin.gz", b"x"))[0] == 201
    assert (await put_firmware(scene, "fw.bin", b"x"))[0] == 422


async def test_a_wrong_signature_is_not_kept(scene):
    await put_firmware(scene, "fw.bin", b"x")
    body = {"signing_certificate": "none", "signature": "QUJD"}
    assert (await scene.ask("PUT", "firmware/fw.bin/signature", body))[0] == 422
    assert (await scene.get("firmware"))[0]["signed"] is False


async def test_firmware_is_put_by_operators_only(scene):
    url = f"{scene.gateway.addresses.operator}api/v1/firmware/fw.bin"
    async with scene.api.put(url, data=b"x") as answer:
        assert answer.status == 401
    assert await scene.get("firmware") == []


@pytest.fixture
def tls_certificate(tmp_path):
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


async def test_files_move_over_tls_when_the_charge_points_listener_has_it(
    start_scene, tls_certificate
):
    scene = await start_scene(
        ocpp_tls_cert=tls_certificate, ocpp_tls_key=tls_certificate, ocpp_tls_port=0
    )
    assert scene.gateway.addresses.files.startswith("https://")
    context = ssl.create_default_context(cafile=str(tls_certificate))
    url = scene.gateway.addresses.files + "files/u/none"
    async with scene.api.put(url, data=b"x", ssl=context) as answer:
        assert answer.status == 404
    with pytest.raises(aiohttp.ClientError):
        async with scene.api.put(url.replace("https", "http"), data=b"x"):
            pass
