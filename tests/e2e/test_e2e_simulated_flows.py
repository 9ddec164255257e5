"""Whole flows between the gateway and simulated charge points, every version where it applies."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulators.charge_point import FirmwarePlan, VirtualClock

IMAGE = bytes(range(256)) * 500
VERSIONS = ["1.6", "2.0.1", "2.1"]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each OCPP version, 2.1 too."""
    return str(request.param)


@pytest.fixture
def fast() -> VirtualClock:
    """Installation and signing take no time that a test would notice."""
    return VirtualClock(600, timedelta(days=1))


async def operation(scene: Any, kind: str, state: str = "done", **body: Any) -> dict[str, Any]:
    """Order an operation of CP1 and wait until it has come to that state."""
    path = "charge-points/CP1/operations"
    status, ordered = await scene.ask("POST", path, {"kind": kind, **body})
    assert status == 202, ordered
    shown: dict[str, Any] = {}

    async def there() -> bool:
        nonlocal shown
        shown = await scene.get(f"{path}/{ordered['id']}")
        return bool(shown["state"] == state)

    try:
        await scene.until(there)
    except TimeoutError:
        pytest.fail(f"not {state}: {shown}")
    return shown


def words(shown: dict[str, Any]) -> list[str]:
    return [entry["word"] for entry in shown["history"]]


async def put_firmware(scene: Any) -> None:
    url = f"{scene.gateway.addresses.operator}api/v1/firmware/fw.bin"
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    async with scene.api.put(url, data=IMAGE, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


async def sign_firmware(scene: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    raw = key.sign(IMAGE, ec.ECDSA(hashes.SHA256()))
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    body = {"signing_certificate": pem, "signature": base64.b64encode(raw).decode()}
    await scene.put("firmware/fw.bin/signature", body)


async def firmware_shown(scene: Any) -> str:
    shown = await scene.get("charge-points/CP1")
    return str(shown["boot"]["firmware_version"])


@pytest.mark.parametrize(
    ("version", "signed"),
    [("1.6", False), ("1.6", True), ("2.0.1", True), ("2.1", False)],
    indirect=["version"],
)
async def test_firmware_is_updated_to_the_end(
    scene: Any, fast: VirtualClock, version: str, signed: bool
) -> None:
    """Ordered, fetched from the gateway, installed over a reboot, and shown as done."""
    await put_firmware(scene)
    if signed:
        await sign_firmware(scene)
    plan = FirmwarePlan("1.0.0", "2.0.0")
    await scene.add_charger("CP1", version, clock=fast, firmware=plan)
    shown = await operation(scene, "firmware-update", file="fw.bin")
    assert words(shown)[-1] == "Installed"
    assert ("SignatureVerified" in words(shown)) is signed
    assert await firmware_shown(scene) == "2.0.0"


@pytest.mark.parametrize("version", ["1.6", "2.1"], indirect=True)
async def test_a_failed_update_is_shown_as_failed(
    scene: Any, fast: VirtualClock, version: str
) -> None:
    await put_firmware(scene)
    plan = FirmwarePlan(fails="InstallationFailed")
    await scene.add_charger("CP1", version, clock=fast, firmware=plan)
    shown = await operation(scene, "firmware-update", "failed", file="fw.bin")
    assert words(shown)[-1] == "InstallationFailed"
    assert await firmware_shown(scene) == "1.0.0"


async def test_a_log_arrives(scene: Any, version: str) -> None:
    await scene.add_charger("CP1", version)
    shown = await operation(scene, "log-upload")
    assert {"Uploading", "received", "Uploaded"} <= set(words(shown))
    [file] = await scene.get("charge-points/CP1/files")
    assert file["bytes"] > 0


async def test_diagnostics_of_1_6_arrive_as_a_form(scene: Any) -> None:
    await scene.add_charger("CP1", "1.6", log_by_post=True)
    shown = await operation(scene, "diagnostics")
    assert shown["result"]["file"]["bytes"] > 0


@pytest.mark.parametrize("version", ["2.0.1"], indirect=True)
async def test_an_upload_that_fails_is_shown_as_failed(scene: Any, version: str) -> None:
    await scene.add_charger("CP1", version, log_uploads_fail=True)
    await operation(scene, "log-upload", "failed")


async def test_a_password_is_rotated(scene: Any, version: str) -> None:
    """A01: the station comes back with the new one; the old one is worth nothing then."""
    charger = await scene.add_charger("CP1", version)
    before = charger.link.address.password
    status, answer = await scene.ask("POST", "charge-points/CP1/password", {})
    assert (status, answer["outcome"]) == (200, "ACCEPTED"), answer
    await charger.until(lambda: charger.link.address.password != before)
    await charger.until_disconnected()
    await charger.until_connected()

    async def worth_nothing() -> bool:
        return await refused(scene, str(before))

    await scene.until(worth_nothing)


async def refused(scene: Any, password: str) -> bool:
    """Whether CP1 does not get in with it."""
    pair = base64.b64encode(f"CP1:{password}".encode()).decode()
    headers = {
        "Authorization": f"Basic {pair}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(b"0" * 16).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "ocpp1.6",
    }
    url = scene.gateway.addresses.ocpp.replace("ws:", "http:") + "CP1"
    async with scene.api.get(url, headers=headers) as answer:
        return bool(answer.status == 401)


async def test_a_certificate_is_renewed(start_scene: Any, fast: VirtualClock, version: str) -> None:
    """A02: asked for, requested by the station, signed here, taken there."""
    scene = await start_scene(ca="built-in")
    charger = await scene.add_charger("CP1", version, clock=fast)
    status, answer = await scene.ask("POST", "charge-points/CP1/certificates/renew")
    assert status in (200, 202), answer
    await charger.until(lambda: charger.client_certificate is not None)
    own = x509.load_pem_x509_certificates(charger.client_certificate.chain)[0]
    (name,) = own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "CP1"


@pytest.mark.parametrize("version", ["1.6", "2.1"], indirect=True)
async def test_roots_are_installed_listed_and_deleted(scene: Any, version: str) -> None:
    charger = await scene.add_charger("CP1", version)
    word = "CentralSystemRootCertificate" if version == "1.6" else "CSMSRootCertificate"
    path = "charge-points/CP1/certificates"
    for number in (0x0F00, 0x0F01):
        body = {"type": word, "certificate": root(number)}
        status, answer = await scene.ask("POST", path, body)
        assert (status, answer["status"]) == (200, "Accepted"), answer
    shown = (await scene.get(path))["installed"]
    assert {one["hash_data"]["serial_number"] for one in shown} == {"f00", "f01"}
    status, answer = await scene.ask("DELETE", f"{path}/F01")
    assert status in (200, 204), answer
    assert [one.certificate.serial_number for one in charger.certificates.listed()] == [0x0F00]


def root(serial_number: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Root {serial_number}")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("version", ["1.6", "2.1"], indirect=True)
async def test_the_local_list_is_kept_in_step(start_scene: Any, version: str) -> None:
    """The gateway keeps to the limits that the station tells, and tells what it removes."""
    scene = await start_scene(local_list_interval=0.02)
    await scene.register_charger("CP1", provision=True)
    charger = await scene.add_charger("CP1", version, register=False)
    for number in range(5):
        await scene.put(f"tokens/RFID/STAFF{number}", {"status": "Accepted", "group_id": "CREW"})
    listed = {f"staff{number}" for number in range(5)}
    await charger.until(lambda: set(charger.local_list) == listed)
    verdict = charger.local_list.verdict("STAFF3", datetime.now(UTC))
    assert verdict is not None
    assert (verdict.status, verdict.group) == ("Accepted", "CREW")
    await scene.ask("DELETE", "tokens/RFID/STAFF3")
    await charger.until(lambda: set(charger.local_list) == listed - {"staff3"})


@pytest.mark.parametrize("version", ["1.6", "2.1"], indirect=True)
async def test_a_provisioned_station_has_the_settings_that_roaming_needs(
    scene: Any, version: str
) -> None:
    await scene.register_charger("CP1", provision=True)
    charger = await scene.add_charger("CP1", version, register=False)

    async def settled() -> bool:
        shown = await scene.get("charge-points/CP1/settings")
        states = {one["name"]: one["state"] for one in shown["settings"]}
        return bool(shown["at"]) and set(states.values()) <= {"as wanted", "set"}

    await scene.until(settled)
    settings = charger.settings
    assert (settings.sample_interval, settings.aligned_interval) == (60, 900)
    assert not settings.accept_unknown_offline


@pytest.mark.parametrize("version", ["2.1"], indirect=True)
async def test_what_a_station_knows_of_a_customer_is_told(scene: Any, version: str) -> None:
    """N09, N10"""
    await scene.add_charger("CP1", version)
    shown = await operation(
        scene, "customer-information", report=True, clear=False, id_token="DEADBEEF"
    )
    assert shown["state"] == "done"


@pytest.mark.parametrize("version", ["1.6", "2.1"], indirect=True)
async def test_a_session_shows_its_cost_on_the_display(
    start_scene: Any, fast: VirtualClock, version: str
) -> None:
    """I02, I03, and 1.6's DataTransfer."""
    scene = await start_scene(cost_interval=1)
    await scene.register_charger("CP1", provision=True)
    await scene.put("tokens/RFID/STAFF", {"status": "Accepted"})
    charger = await scene.add_charger("CP1", version, register=False, clock=fast)

    async def has_told_of_its_display() -> bool:
        said = [frame.text for frame in charger.frames if frame.direction == "sent"]
        word = "CustomDisplayCostAndPrice" if version == "1.6" else "TariffCostCtrlr"
        return any(word in text and text.startswith("[3") for text in said)

    await scene.until(has_told_of_its_display)
    transaction = await charger.charge(1, "STAFF", energy_wh=2_000)
    await charger.until_acknowledged(transaction)
    await charger.until(lambda: transaction.transaction_id in charger.display.costs)
