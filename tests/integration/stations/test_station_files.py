"""Firmware and logs: a station that really fetches and delivers files, and tells how it goes."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from simulators.charge_point import FirmwarePlan

IMAGE = bytes(range(256)) * 40
NEWER = ["2.0.1", "2.1"]
VERSIONS = ["1.6", *NEWER]


@dataclass
class FileServer:
    """Serves one image, takes any file; `refusals` statuses come first."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    asked: int = 0
    received: dict[str, bytes] = field(default_factory=dict)

    async def give(self, _request: web.Request) -> web.Response:
        self.asked += 1
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        return web.Response(body=IMAGE)

    async def take(self, request: web.Request) -> web.Response:
        if self.refusals:
            return web.Response(status=self.refusals.pop(0))
        name, body = request.match_info["name"], await request.read()
        if request.method == "POST":
            name = request.content_type
        self.received[name] = body
        return web.Response()


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    server, app = FileServer(), web.Application()
    app.router.add_get("/image.bin", server.give)
    app.router.add_put("/logs/{name}", server.take)
    app.router.add_post("/{name}", server.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def signer(kind: str, *, days: int = 1) -> tuple[Any, str]:
    """A manufacturer's key and its certificate, PEM."""
    key: Any = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "RSA"
        else ec.generate_private_key(ec.SECP256R1())
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Maker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(Encoding.PEM).decode()


def signed(key: Any, data: bytes = IMAGE) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return base64.b64encode(key.sign(data, pss, hashes.SHA256())).decode()
    return base64.b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()


def later(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def update(files: FileServer, version: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """The plain UpdateFirmware of a version."""
    location = f"{files.url}/image.bin"
    if version == "1.6":
        return "UpdateFirmware", {"location": location, "retrieveDate": later(), **more}
    firmware = {"location": location, "retrieveDateTime": later()}
    return "UpdateFirmware", {"requestId": 5, "firmware": firmware, **more}


def signed_update(
    files: FileServer, version: str, certificate: str, signature: str, **more: Any
) -> tuple[str, dict[str, Any]]:
    firmware = {
        "location": f"{files.url}/image.bin",
        "retrieveDateTime": later(),
        "signingCertificate": certificate,
        "signature": signature,
        **more,
    }
    action = "SignedUpdateFirmware" if version == "1.6" else "UpdateFirmware"
    return action, {"requestId": 6, "firmware": firmware}


def statuses(csms: Any) -> list[str]:
    return [
        payload["status"]
        for action, payload in csms.requests
        if action.endswith("FirmwareStatusNotification")
    ]


def security_events(csms: Any) -> list[str]:
    return [payload["type"] for payload in csms.told("SecurityEventNotification")]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_firmware_update_is_fetched_installed_and_booted(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """TC_L_06_CSMS: the words in the standard's order, and the new version at the boot."""
    plan = FirmwarePlan("1.0.0", "2.0.0")
    async with station_at(csms, version, firmware=plan):
        answer = await csms.call(*update(files, version))
        assert answer == ({} if version == "1.6" else {"status": "Accepted"})
        await csms.until(lambda: "Installed" in statuses(csms))
    rebooting = [] if version == "1.6" else ["InstallRebooting"]
    words = ["Downloading", "Downloaded", "Installing", *rebooting, "Installed"]
    assert statuses(csms) == words
    before, after = csms.told("BootNotification")
    if version == "1.6":
        assert (before["firmwareVersion"], after["firmwareVersion"]) == ("1.0.0", "2.0.0")
    else:
        assert after["reason"] == "FirmwareUpdate"
        assert after["chargingStation"]["firmwareVersion"] == "2.0.0"
        told = csms.told("FirmwareStatusNotification")
        assert {payload["requestId"] for payload in told} == {5}


@pytest.mark.parametrize(("version", "kind"), [("1.6", "RSA"), ("2.0.1", "EC"), ("2.1", "RSA")])
async def test_signed_firmware_is_verified_before_it_is_installed(
    csms: Any, station_at: Any, files: FileServer, version: str, kind: str
) -> None:
    """TC_L_01_CSMS; L01.FR.04"""
    key, certificate = signer(kind)
    async with station_at(csms, version):
        answer = await csms.call(*signed_update(files, version, certificate, signed(key)))
        assert answer == {"status": "Accepted"}
        await csms.until(lambda: "Installed" in statuses(csms))
    assert statuses(csms) == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_signature_ends_the_update_with_a_security_event(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """TC_L_02_CSMS; L01.FR.03"""
    key, certificate = signer("RSA")
    async with station_at(csms, version):
        await csms.call(*signed_update(files, version, certificate, signed(key, IMAGE[1:])))
        await csms.until(lambda: bool(security_events(csms)) and len(statuses(csms)) == 3)
    assert statuses(csms) == ["Downloading", "Downloaded", "InvalidSignature"]
    assert security_events(csms) == ["InvalidFirmwareSignature"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_expired_signing_certificate_starts_no_update(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """L01.FR.02, L01.FR.24"""
    key, certificate = signer("RSA", days=-1)
    async with station_at(csms, version):
        answer = await csms.call(*signed_update(files, version, certificate, signed(key)))
        assert answer == {"status": "InvalidCertificate"}
        await csms.until(lambda: security_events(csms) == ["InvalidFirmwareSigningCertificate"])
    assert files.asked == 0


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_a_download_is_tried_again_and_then_given_up(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    files.refusals = [500, 503]
    async with station_at(csms, version):
        await csms.call(*update(files, version, retries=1, retryInterval=600))
        await csms.until(lambda: len(statuses(csms)) == 2)
        assert files.asked == 2
        files.refusals = [500]
        await csms.call(*update(files, version, retries=1, retryInterval=600))
        await csms.until(lambda: "Installed" in statuses(csms))
    assert statuses(csms)[:4] == ["Downloading", "DownloadFailed", "Downloading", "Downloaded"]


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("DownloadFailed", ["Downloading", "DownloadFailed"]),
        ("InvalidSignature", ["Downloading", "Downloaded", "InvalidSignature"]),
        (
            "InstallationFailed",
            ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallationFailed"],
        ),
        (
            "InstallVerificationFailed",
            [
                "Downloading",
                "Downloaded",
                "SignatureVerified",
                "Installing",
                "InstallVerificationFailed",
            ],
        ),
    ],
)
async def test_a_scripted_failure_happens(
    csms: Any, station_at: Any, files: FileServer, fails: str, words: list[str]
) -> None:
    key, certificate = signer("EC")
    async with station_at(csms, "2.1", firmware=FirmwarePlan(fails=fails)) as station:
        await csms.call(*signed_update(files, "2.1", certificate, signed(key)))
        await csms.until(lambda: len(statuses(csms)) == len(words))
        await station.until_status(1, "Available")
    assert statuses(csms) == words
    assert len(csms.told("BootNotification")) == 1


async def test_an_update_waits_for_its_time_and_for_the_transaction_that_runs(
    csms: Any, station_at: Any, files: FileServer
) -> None:
    """TC_L_13_CSMS; L01.FR.06 and .16: and nobody else can start meanwhile."""
    firmware = {
        "location": f"{files.url}/image.bin",
        "retrieveDateTime": later(minutes=30),
        "installDateTime": later(minutes=60),
    }
    async with station_at(csms, "2.0.1") as station:
        await station.plug_in(1)
        await station.present_token("04A1B2", 1)
        await csms.call("UpdateFirmware", {"requestId": 5, "firmware": firmware})
        await csms.until(lambda: "InstallScheduled" in statuses(csms))
        assert station.ledger.running()
        station.stop_transaction(1)
        await csms.until(lambda: "Installed" in statuses(csms))
    assert statuses(csms) == [
        "DownloadScheduled",
        "Downloading",
        "Downloaded",
        "InstallScheduled",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]
    told = [payload["connectorStatus"] for payload in csms.told("StatusNotification")]
    assert "Unavailable" in told


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_second_update_cancels_the_first_until_it_installs(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """TC_L_10_CSMS; L01.FR.26"""
    key, certificate = signer("EC")
    asked = signed_update(files, version, certificate, signed(key))
    waiting = signed_update(
        files, version, certificate, signed(key), retrieveDateTime=later(days=30)
    )
    async with station_at(csms, version):
        assert await csms.call(*waiting) == {"status": "Accepted"}
        await csms.until(lambda: "DownloadScheduled" in statuses(csms))
        assert await csms.call(*asked) == {"status": "AcceptedCanceled"}
        await csms.until(lambda: "Installing" in statuses(csms))


def get_log(files: FileServer, request_id: int, **more: Any) -> tuple[str, dict[str, Any]]:
    log = {"remoteLocation": f"{files.url}/logs", **more}
    return "GetLog", {"logType": "DiagnosticsLog", "requestId": request_id, "log": log}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_log_is_put_where_the_csms_wants_it(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """N01.FR.01 to .09"""
    async with station_at(csms, version) as station:
        station.security_event("TamperDetectionActivated", "the lid")
        asked = get_log(files, 3)
        asked[1]["logType"] = "SecurityLog"
        answer = await csms.call(*asked)
        assert answer["status"] == "Accepted"
        await csms.until(lambda: len(csms.told("LogStatusNotification")) == 2)
    assert csms.told("LogStatusNotification") == [
        {"status": "Uploading", "requestId": 3},
        {"status": "Uploaded", "requestId": 3},
    ]
    body = files.received[answer["filename"]].decode()
    assert "TamperDetectionActivated info=the lid" in body
    (event,) = csms.told("SecurityEventNotification")
    assert event["type"] == "TamperDetectionActivated"


@pytest.mark.parametrize("by_post", [False, True])
async def test_1_6_diagnostics_are_delivered_by_put_or_by_post(
    csms: Any, station_at: Any, files: FileServer, by_post: bool
) -> None:
    location = f"{files.url}/upload" if by_post else f"{files.url}/logs"
    async with station_at(csms, "1.6", log_by_post=by_post):
        answer = await csms.call("GetDiagnostics", {"location": location})
        await csms.until(lambda: len(csms.told("DiagnosticsStatusNotification")) == 2)
    words = [payload["status"] for payload in csms.told("DiagnosticsStatusNotification")]
    assert words == ["Uploading", "Uploaded"]
    name = "multipart/form-data" if by_post else answer["fileName"]
    assert b"booted" in files.received[name]


@pytest.mark.parametrize(
    ("refusals", "word"),
    [([403, 403], "PermissionDenied"), ([503, 503], "UploadFailure"), ([503], "Uploaded")],
)
async def test_an_upload_is_tried_again_and_its_failure_says_why(
    csms: Any, station_at: Any, files: FileServer, refusals: list[int], word: str
) -> None:
    """N01.FR.10"""
    files.refusals = refusals
    action, asked = get_log(files, 3)
    async with station_at(csms, "2.0.1"):
        await csms.call(action, {**asked, "retries": 1, "retryInterval": 300})
        await csms.until(lambda: len(csms.told("LogStatusNotification")) == 2)
    assert csms.told("LogStatusNotification")[-1]["status"] == word


async def test_a_location_that_is_no_http_url_is_not_supported(csms: Any, station_at: Any) -> None:
    log = {"remoteLocation": "ftp://127.0.0.1/logs"}
    asked = {"logType": "DiagnosticsLog", "requestId": 1, "log": log}
    async with station_at(csms, "2.0.1"):
        await csms.call("GetLog", asked)
        await csms.until(lambda: len(csms.told("LogStatusNotification")) == 2)
    assert csms.told("LogStatusNotification")[-1]["status"] == "NotSupportedOperation"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_second_log_cancels_the_first(
    csms: Any, station_at: Any, files: FileServer, version: str
) -> None:
    """TC_N_36_CSMS; N01.FR.11"""
    files.refusals = [503]
    action, first = get_log(files, 1)
    async with station_at(csms, version):
        await csms.call(action, {**first, "retries": 1, "retryInterval": 10_000_000})
        async with asyncio.timeout(5):
            while files.refusals:  # noqa: ASYNC110 - the server gives no event
                await asyncio.sleep(0.01)
        answer = await csms.call(*get_log(files, 2))
        assert answer["status"] == "AcceptedCanceled"
        await csms.until(lambda: csms.told("LogStatusNotification")[-1]["status"] == "Uploaded")
    told = [(one["status"], one["requestId"]) for one in csms.told("LogStatusNotification")]
    cancelled = [] if version == "1.6" else [("AcceptedCanceled", 1)]
    assert told == [("Uploading", 1), *cancelled, ("Uploading", 2), ("Uploaded", 2)]


async def test_a_log_holds_what_lies_between_the_asked_moments(
    csms: Any, station_at: Any, files: FileServer
) -> None:
    async with station_at(csms, "2.0.1"):
        answer = await csms.call(*get_log(files, 1, oldestTimestamp=later(hours=1)))
        await csms.until(lambda: len(csms.told("LogStatusNotification")) == 2)
    assert files.received[answer["filename"]].count(b"\n") == 1


async def test_triggered_statuses_of_1_6_come_in_the_trigger_messages_words(
    csms: Any, station_at: Any
) -> None:
    """L01.FR.28, N01.FR.12: without an update or an upload it is Idle, without a request id."""
    asked = {
        "FirmwareStatusNotification": "SignedFirmwareStatusNotification",
        "LogStatusNotification": "LogStatusNotification",
    }
    async with station_at(csms, "1.6"):
        for requested, action in asked.items():
            answer = await csms.call("ExtendedTriggerMessage", {"requestedMessage": requested})
            assert answer == {"status": "Accepted"}
            await csms.until(lambda action=action: csms.told(action) == [{"status": "Idle"}])
        requested = {"requestedMessage": "DiagnosticsStatusNotification"}
        assert await csms.call("TriggerMessage", requested) == {"status": "Accepted"}
        await csms.until(lambda: csms.told("DiagnosticsStatusNotification") == [{"status": "Idle"}])
