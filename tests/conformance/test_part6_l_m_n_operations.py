"""OCPP 2.0.1 part 6, test cases for a CSMS: of blocks L, M and N what the other tests leave.

The operator uses the API's own calls here, which follow an operation to its end.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT_HASH = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a" * 64,
    "issuerKeyHash": "b" * 64,
    "serialNumber": "1f",
}


@pytest.fixture(scope="module")
def root() -> str:
    """A self-signed certificate, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Root")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    "words",
    [
        ["Downloading", "Downloaded", "InvalidSignature"],
        ["Downloading", "DownloadFailed"],
        [
            "Downloading",
            "Downloaded",
            "SignatureVerified",
            "Installing",
            "InstallVerificationFailed",
        ],
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallationFailed"],
    ],
    ids=lambda words: words[-1],
)
async def test_a_firmware_update_that_fails_says_how(csms: Any, words: list[str]) -> None:
    """TC_L_06_CSMS, TC_L_07_CSMS, TC_L_08_CSMS, TC_L_09_CSMS"""
    identity = f"L06-{words[-1]}"
    body = {"kind": "firmware-update", "location": "https://example.com/firmware.bin"}
    async with csms.station(identity) as station:
        made = csms.ask_later("POST", f"charge-points/{identity}/operations", body)
        heard = await station.expect_and_answer("UpdateFirmware", {"status": "Accepted"})
        operation = await made
        for word in words:
            payload = {"status": word, "requestId": heard["requestId"]}
            assert await station.call("FirmwareStatusNotification", payload) == {}
    path = f"charge-points/{identity}/operations/{operation['id']}"
    shown = await csms.done("GET", path)
    assert shown["state"] == "failed"
    assert [one["word"] for one in shown["history"]][-len(words) :] == words


LATER = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("when", "member", "first"),
    [
        ("install_at", "installDateTime", ["Downloading", "Downloaded", "InstallScheduled"]),
        ("retrieve_at", "retrieveDateTime", ["DownloadScheduled", "Downloading", "Downloaded"]),
    ],
)
async def test_an_update_is_put_off_and_ends_over_a_reboot(
    csms: Any, when: str, member: str, first: list[str]
) -> None:
    """TC_L_02_CSMS, TC_L_03_CSMS"""
    identity = f"L02-{when}"
    body = {"kind": "firmware-update", "location": "https://example.com/fw.bin", when: LATER}
    async with csms.station(identity) as station:
        made = csms.ask_later("POST", f"charge-points/{identity}/operations", body)
        heard = await station.expect_and_answer("UpdateFirmware", {"status": "Accepted"})
        assert datetime.fromisoformat(heard["firmware"][member]) == datetime.fromisoformat(LATER)
        operation = await made
        for word in [*first, "SignatureVerified", "Installing", "InstallRebooting"]:
            payload = {"status": word, "requestId": heard["requestId"]}
            await station.call("FirmwareStatusNotification", payload)
        assert (await station.boot("FirmwareUpdate"))["status"] == "Accepted"
        await station.status("Available")
        payload = {"status": "Installed", "requestId": heard["requestId"]}
        await station.call("FirmwareStatusNotification", payload)
    shown = await csms.done("GET", f"charge-points/{identity}/operations/{operation['id']}")
    assert shown["state"] == "done"


async def until_state(csms: Any, identity: str, operation_id: str, state: str) -> None:
    path = f"charge-points/{identity}/operations/{operation_id}"

    async def reached() -> bool:
        return bool((await csms.done("GET", path))["state"] == state)

    await csms.until(reached)


@pytest.mark.parametrize("status", ["RevokedCertificate", "InvalidCertificate"])
async def test_a_bad_signing_certificate_ends_the_update(csms: Any, status: str) -> None:
    """TC_L_04_CSMS, TC_L_05_CSMS"""
    identity = f"L04-{status}"
    body = {"kind": "firmware-update", "location": "https://example.com/firmware.bin"}
    async with csms.station(identity) as station:
        made = csms.ask_later("POST", f"charge-points/{identity}/operations", body)
        await station.expect_and_answer("UpdateFirmware", {"status": status})
        await until_state(csms, identity, (await made)["id"], "rejected")


async def test_a_customer_is_cleared_without_a_report(csms: Any) -> None:
    """TC_N_32_CSMS"""
    body = {"kind": "customer-information", "report": False, "clear": True, "id_token": "N32"}
    async with csms.station("N32") as station:
        made = csms.ask_later("POST", "charge-points/N32/operations", body)
        heard = await station.expect_and_answer("CustomerInformation", {"status": "Accepted"})
        assert (heard["report"], heard["clear"]) == (False, True)
        await until_state(csms, "N32", (await made)["id"], "done")


@pytest.mark.parametrize("type", ["CSMSRootCertificate", "ManufacturerRootCertificate"])
@pytest.mark.parametrize("status", ["Accepted", "Failed"])
async def test_a_root_is_installed(csms: Any, root: str, type: str, status: str) -> None:
    """TC_M_01_CSMS, TC_M_02_CSMS, TC_M_05_CSMS"""
    identity = f"M01-{type[:4]}-{status}"
    async with csms.station(identity) as station:
        body = {"type": type, "certificate": root}
        made = csms.ask_later("POST", f"charge-points/{identity}/certificates", body)
        heard = await station.expect_and_answer("InstallCertificate", {"status": status})
        assert heard["certificateType"] == type
        assert x509.load_pem_x509_certificate(heard["certificate"].encode()) == (
            x509.load_pem_x509_certificate(root.encode())
        )
        assert (await made)["status"] == status


@pytest.mark.parametrize("status", ["Accepted", "NotFound"])
async def test_the_manufacturers_roots_are_listed(csms: Any, status: str) -> None:
    """TC_M_13_CSMS, TC_M_19_CSMS"""
    identity = f"M13-{status}"
    answer: dict[str, Any] = {"status": status}
    if status == "Accepted":
        entry = {
            "certificateType": "ManufacturerRootCertificate",
            "certificateHashData": ROOT_HASH,
        }
        answer["certificateHashDataChain"] = [entry]
    async with csms.station(identity) as station:
        payload = {"certificateType": ["ManufacturerRootCertificate"]}
        asked = csms.operator_calls(identity, "GetInstalledCertificateIds", payload)
        heard = await station.expect_and_answer("GetInstalledCertificateIds", answer)
        assert heard == payload
        assert (await asked)["payload"] == answer


async def test_a_deletion_that_fails_is_told(csms: Any) -> None:
    """TC_M_21_CSMS"""
    entry = {"certificateType": "CSMSRootCertificate", "certificateHashData": ROOT_HASH}
    listed = {"status": "Accepted", "certificateHashDataChain": [entry]}
    async with csms.station("M21") as station:
        gone = csms.ask_later(
            "DELETE",
            f"charge-points/M21/certificates/{ROOT_HASH['serialNumber']}?confirm=true",
        )
        await station.expect_and_answer("GetInstalledCertificateIds", listed)
        heard = await station.expect_and_answer("DeleteCertificate", {"status": "Failed"})
        assert heard["certificateHashData"] == ROOT_HASH
        assert (await gone)["status"] == "Failed"


async def test_a_customer_that_is_not_accepted_ends_the_request(csms: Any) -> None:
    """TC_N_29_CSMS"""
    body = {
        "kind": "customer-information",
        "report": True,
        "clear": False,
        "id_token": "N29",
    }
    async with csms.station("N29") as station:
        made = csms.ask_later("POST", "charge-points/N29/operations", body)
        await station.expect_and_answer("CustomerInformation", {"status": "Rejected"})
        await until_state(csms, "N29", (await made)["id"], "rejected")


async def test_a_customer_is_cleared_by_its_identifier(csms: Any) -> None:
    """TC_N_62_CSMS"""
    body = {
        "kind": "customer-information",
        "report": True,
        "clear": True,
        "customer_identifier": "OpenChargeAlliance",
    }
    async with csms.station("N62") as station:
        made = csms.ask_later("POST", "charge-points/N62/operations", body)
        heard = await station.expect_and_answer("CustomerInformation", {"status": "Accepted"})
        assert (heard["report"], heard["clear"]) == (True, True)
        assert heard["customerIdentifier"] == "OpenChargeAlliance"
        operation = await made
        part = {
            "data": base64.b64encode(b"nothing").decode(),
            "seqNo": 0,
            "generatedAt": "2026-01-01T12:00:00Z",
            "requestId": heard["requestId"],
        }
        await station.call("NotifyCustomerInformation", part)
    shown = await csms.done("GET", f"charge-points/N62/operations/{operation['id']}")
    assert shown["state"] == "done"
