"""Operations from the operator's request to their end, by stations that really move the files."""

import asyncio
import base64
import contextlib
import hashlib
import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from redis.asyncio import Redis

LOG = b"2026-03-01 10:00 contactor closed\n" * 20_000
FIRMWARE = bytes(range(256)) * 4_000


class Station:
    """A scripted charge point: answers one call of the gateway after the other."""

    def __init__(self, wire):
        self.wire = wire

    async def asked(self, action, answer):
        """The payload of the next call, which must be `action`; it is answered with `answer`."""
        kind, id_, called, payload = await self.wire.receive()
        assert (kind, called) == (2, action)
        await self.wire.send(json.dumps([3, id_, answer]))
        return payload

    async def says(self, action, **payload):
        answer = await self.wire.call(action, payload)
        assert answer[0] == 3, answer
        assert answer[2] == {}


@contextlib.asynccontextmanager
async def connected(scene, version, identity="CP1"):
    await scene.register_charger(identity)
    await scene.put(
        f"charge-points/{identity}",
        {"security_profile": 1, "password": "correct-horse-battery", "provision": False},
    )
    async with scene.wire(identity, version) as wire:
        yield Station(wire)


async def start(scene, kind, identity="CP1", **body):
    status, operation = await scene.ask(
        "POST", f"charge-points/{identity}/operations", {"kind": kind, **body}
    )
    assert status == 202, operation
    return operation["id"]


async def until(scene, operation, state):
    """The operation, once it is in this state."""
    shown = {}

    async def there():
        nonlocal shown
        shown = await scene.get(f"charge-points/CP1/operations/{operation}")
        return shown["state"] == state

    try:
        await scene.until(there)
    except TimeoutError:
        pytest.fail(f"not {state}: {shown}")
    return shown


def words(shown):
    return [entry["word"] for entry in shown["history"]]


async def test_a_log_of_a_2_0_1_station_is_put_here_and_shown(scene):
    """TC_N_25_CSMS, TC_N_35_CSMS: the log's way, and where it went."""
    async with connected(scene, "2.0.1") as station:
        operation = await start(scene, "log-upload", log_type="SecurityLog")
        asked = await station.asked("GetLog", {"status": "Accepted", "filename": "sec.log"})
        request_id, url = asked["requestId"], asked["log"]["remoteLocation"]
        assert asked["logType"] == "SecurityLog"
        await station.says("LogStatusNotification", status="Uploading", requestId=request_id)
        async with scene.api.put(f"{url}/sec.log", data=LOG) as put:
            assert put.status == 200
        await station.says("LogStatusNotification", status="Uploaded", requestId=request_id)
        shown = await until(scene, operation, "done")
        [file] = await scene.get("charge-points/CP1/files")

    assert words(shown) == ["Accepted", "Uploading", "received", "Uploaded"]
    assert shown["result"]["file"]["sha256"] == hashlib.sha256(LOG).hexdigest()
    assert shown["result"]["file_name"] == "sec.log"
    assert file["id"] == shown["result"]["file"]["id"]
    assert (file["name"], file["bytes"], file["operation"]) == ("sec.log", len(LOG), operation)
    assert url.rsplit("/", 1)[1] not in json.dumps(shown, default=str)
    assert await fetched(scene, file["id"]) == LOG


async def fetched(scene, file_id):
    url = f"{scene.gateway.addresses.operator}api/v1/charge-points/CP1/files/{file_id}"
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    async with scene.api.get(url, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return await answer.read()


async def test_diagnostics_of_a_1_6_station_are_put_here_and_shown(scene):
    """OCPP 1.6 5.9, OCPP 1.6 4.4: DiagnosticsStatusNotification names no request."""
    async with connected(scene, "1.6") as station:
        operation = await start(scene, "diagnostics", retries=2, retry_interval=60)
        asked = await station.asked("GetDiagnostics", {"fileName": "diag.zip"})
        await station.says("DiagnosticsStatusNotification", status="Uploading")
        form = {"upload": b"zip" * 1000}
        async with scene.api.post(asked["location"], data=multipart(form)) as post:
            assert post.status == 200
        await station.says("DiagnosticsStatusNotification", status="Uploaded")
        shown = await until(scene, operation, "done")

    assert (asked["retries"], asked["retryInterval"]) == (2, 60)
    assert words(shown) == ["ACCEPTED", "Uploading", "received", "Uploaded"]
    assert shown["result"]["file"]["bytes"] == 3000
    assert shown["result"]["file"]["name"] == "diag_1.zip"


def multipart(fields):
    form = aiohttp.FormData(quote_fields=False)
    for name, data in fields.items():
        form.add_field(name, data, filename="/var/log/diag?1.zip")
    return form


async def test_no_diagnostics_file_is_a_failure_that_says_so(scene):
    async with connected(scene, "1.6") as station:
        operation = await start(scene, "diagnostics")
        await station.asked("GetDiagnostics", {})
        shown = await until(scene, operation, "failed")
    assert shown["history"][-1]["detail"] == "no diagnostics available"


async def test_a_second_log_cancels_the_first(scene):
    """TC_N_36_CSMS"""
    async with connected(scene, "2.0.1") as station:
        first = await start(scene, "log-upload")
        asked = await station.asked("GetLog", {"status": "Accepted"})
        await station.says(
            "LogStatusNotification", status="Uploading", requestId=asked["requestId"]
        )
        second = await start(scene, "log-upload", location="https://logs.example/here")
        again = await station.asked("GetLog", {"status": "AcceptedCanceled"})
        await station.says(
            "LogStatusNotification", status="AcceptedCanceled", requestId=asked["requestId"]
        )
        await station.says("LogStatusNotification", status="Uploaded", requestId=again["requestId"])
        await until(scene, first, "cancelled")
        await until(scene, second, "done")


async def test_a_rejected_log_is_over(scene):
    """TC_N_34_CSMS"""
    async with connected(scene, "2.0.1") as station:
        operation = await start(scene, "log-upload")
        await station.asked("GetLog", {"status": "Rejected"})
        assert words(await until(scene, operation, "rejected")) == ["Rejected"]


async def put_firmware(scene, name="fw-2.bin", data=FIRMWARE):
    url = f"{scene.gateway.addresses.operator}api/v1/firmware/{name}"
    headers = {"Authorization": f"Bearer {scene.gateway.operator_token}"}
    async with scene.api.put(url, data=data, headers=headers) as answer:
        assert answer.status == 201, await answer.text()


def manufacturer(days=1):
    """A signing key and its certificate, PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Maker")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate.public_bytes(serialization.Encoding.PEM).decode()


def signature_by(key):
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    return base64.b64encode(key.sign(FIRMWARE, pss, hashes.SHA256())).decode()


async def test_signed_firmware_is_fetched_and_installed_over_a_reboot(scene):
    """TC_L_01_CSMS; row 22 of the security rules: the certificate goes with it."""
    key, certificate = manufacturer()
    await put_firmware(scene)
    await scene.put(
        "firmware/fw-2.bin/signature",
        {"signing_certificate": certificate, "signature": signature_by(key)},
    )
    async with connected(scene, "2.0.1") as station:
        operation = await start(scene, "firmware-update", file="fw-2.bin", force=False)
        asked = await station.asked("UpdateFirmware", {"status": "Accepted"})
        request_id, firmware = asked["requestId"], asked["firmware"]
        async with scene.api.get(firmware["location"]) as got:
            assert await got.read() == FIRMWARE
        for word in ("Downloading", "Downloaded", "SignatureVerified", "Installing"):
            await station.says("FirmwareStatusNotification", status=word, requestId=request_id)
        await station.says(
            "FirmwareStatusNotification", status="InstallRebooting", requestId=request_id
        )
    async with scene.wire("CP1", "2.0.1", boot=False) as wire:
        station = Station(wire)
        boot = {"vendorName": "V", "model": "M", "firmwareVersion": "2.0"}
        body = {"reason": "FirmwareUpdate", "chargingStation": boot}
        assert (await wire.call("BootNotification", body))[2]["status"] == "Accepted"
        await station.says("FirmwareStatusNotification", status="Installed", requestId=request_id)
        shown = await until(scene, operation, "done")

    assert firmware["signingCertificate"] == certificate
    assert firmware["signature"] == signature_of(firmware)
    assert words(shown) == [
        "Accepted",
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "InstallRebooting",
        "booted",
        "Installed",
    ]
    assert shown["result"]["firmware_version"] == "2.0"


def signature_of(firmware):
    """The signature, if the certificate beside it verifies it over the file."""
    certificate = x509.load_pem_x509_certificate(firmware["signingCertificate"].encode())
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    raw = base64.b64decode(firmware["signature"])
    certificate.public_key().verify(raw, FIRMWARE, pss, hashes.SHA256())
    return firmware["signature"]


async def test_a_1_6_station_is_updated_signed_or_not(scene):
    """OCPP 1.6 WP L01: SignedUpdateFirmware for what is signed, UpdateFirmware for the rest."""
    key, certificate = manufacturer()
    await put_firmware(scene)
    async with connected(scene, "1.6") as station:
        plain = await start(scene, "firmware-update", file="fw-2.bin")
        asked = await station.asked("UpdateFirmware", {})
        async with scene.api.get(asked["location"]) as got:
            assert await got.read() == FIRMWARE
        for word in ("Downloading", "Downloaded", "Installing", "Installed"):
            await station.says("FirmwareStatusNotification", status=word)
        await until(scene, plain, "done")

        signed = await start(
            scene,
            "firmware-update",
            file="fw-2.bin",
            signing_certificate=certificate,
            signature=signature_by(key),
        )
        asked = await station.asked("SignedUpdateFirmware", {"status": "Accepted"})
        await station.says(
            "SignedFirmwareStatusNotification",
            status="InvalidSignature",
            requestId=asked["requestId"],
        )
        assert words(await until(scene, signed, "failed"))[-1] == "InvalidSignature"


async def test_an_update_waits_for_the_transaction_that_runs(scene):
    """TC_L_13_CSMS: the update is asked for meanwhile, and neither disturbs the other."""
    event = {
        "timestamp": "2026-03-01T10:00:00Z",
        "transactionInfo": {"transactionId": "T1"},
        "evse": {"id": 1, "connectorId": 1},
    }
    started = event | {"eventType": "Started", "triggerReason": "CablePluggedIn", "seqNo": 0}
    ended = event | {"eventType": "Ended", "triggerReason": "EVDeparted", "seqNo": 1}
    async with connected(scene, "2.0.1") as station:
        assert (await station.wire.call("TransactionEvent", started))[0] == 3
        operation = await start(scene, "firmware-update", location="https://maker.example/1.bin")
        asked = await station.asked("UpdateFirmware", {"status": "Accepted"})
        request = {"requestId": asked["requestId"]}
        await station.says("FirmwareStatusNotification", status="DownloadScheduled", **request)
        assert (await station.wire.call("TransactionEvent", ended))[0] == 3
        for word in ("Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"):
            await station.says("FirmwareStatusNotification", status=word, **request)
        await until(scene, operation, "done")
        [transaction] = await scene.get("charge-points/CP1/transactions")
    assert transaction["stopped_at"] is not None


async def test_a_new_update_cancels_the_one_before(scene):
    """TC_L_10_CSMS"""
    async with connected(scene, "2.0.1") as station:
        first = await start(scene, "firmware-update", location="https://maker.example/1.bin")
        await station.asked("UpdateFirmware", {"status": "Accepted"})
        second = await start(scene, "firmware-update", location="https://maker.example/2.bin")
        await station.asked("UpdateFirmware", {"status": "AcceptedCanceled"})
        await until(scene, first, "cancelled")
        await until(scene, second, "running")


async def test_an_update_that_cannot_be_cancelled_goes_on(scene):
    """TC_L_11_CSMS"""
    async with connected(scene, "2.0.1") as station:
        first = await start(scene, "firmware-update", location="https://maker.example/1.bin")
        asked = await station.asked("UpdateFirmware", {"status": "Accepted"})
        second = await start(scene, "firmware-update", location="https://maker.example/2.bin")
        await station.asked("UpdateFirmware", {"status": "Rejected"})
        await until(scene, second, "rejected")
        await station.says(
            "FirmwareStatusNotification", status="Installed", requestId=asked["requestId"]
        )
        await until(scene, first, "done")


async def test_customer_information_is_put_together_from_its_parts(scene):
    """TC_N_27_CSMS, TC_N_30_CSMS"""
    async with connected(scene, "2.0.1") as station:
        operation = await start(
            scene, "customer-information", report=True, clear=True, id_token="DEADBEEF"
        )
        asked = await station.asked("CustomerInformation", {"status": "Accepted"})
        assert asked["idToken"] == {"idToken": "DEADBEEF", "type": "ISO14443"}
        assert (asked["report"], asked["clear"]) == (True, True)
        for number, text in enumerate(("A. ", "Driver")):
            await station.says(
                "NotifyCustomerInformation",
                requestId=asked["requestId"],
                seqNo=number,
                tbc=number == 0,
                data=text,
                generatedAt="2026-03-01T10:00:00Z",
            )
        shown = await until(scene, operation, "done")
        report = await scene.get(f"charge-points/CP1/reports/{asked['requestId']}")
    assert shown["result"]["report"]["complete"] is True
    assert "".join(report["items"]) == "A. Driver"
    assert "DEADBEEF" not in json.dumps(shown["parameters"])


@pytest.mark.parametrize(
    ("body", "answer", "state"),
    [
        ({"report": False, "clear": True, "id_token": "DEADBEEF"}, "Accepted", "done"),
        ({"report": True, "clear": False, "id_token": "DEADBEEF"}, "Rejected", "rejected"),
        ({"report": True, "clear": True, "customer_identifier": "OCA"}, "Accepted", "running"),
    ],
    ids=["TC_N_32_CSMS", "TC_N_29_CSMS", "TC_N_62_CSMS"],
)
async def test_customer_information_by_the_stations_answer(scene, body, answer, state):
    async with connected(scene, "2.0.1") as station:
        operation = await start(scene, "customer-information", **body)
        asked = await station.asked("CustomerInformation", {"status": answer})
        assert asked.get("customerIdentifier") == body.get("customer_identifier")
        await until(scene, operation, state)


async def test_a_request_to_a_station_that_is_away_fails(scene):
    await scene.register_charger("CP1")
    operation = await start(scene, "log-upload")
    await until(scene, operation, "failed")


async def test_an_operation_goes_on_after_the_gateway_was_killed(scene_to_kill):
    """The ticket, the operation and its history are in the store."""
    scene = scene_to_kill
    await scene.register_charger("CP1")
    async with connected(scene, "2.0.1") as station:
        operation = await start(scene, "log-upload")
        asked = await station.asked("GetLog", {"status": "Accepted"})
        await until(scene, operation, "running")
        await scene.gateway.kill()
    await scene.gateway.start()
    async with scene.wire("CP1", "2.0.1") as wire:
        async with scene.api.put(asked["log"]["remoteLocation"], data=LOG) as put:
            assert put.status == 200
        await Station(wire).says(
            "LogStatusNotification", status="Uploaded", requestId=asked["requestId"]
        )
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Accepted", "received", "Uploaded"]


async def test_half_an_upload_before_a_kill_may_be_repeated_after(scene_to_kill):
    scene = scene_to_kill
    async with connected(scene, "2.0.1") as station:
        await start(scene, "log-upload")
        asked = await station.asked("GetLog", {"status": "Accepted"})
    url = asked["log"]["remoteLocation"]
    port = int(url.split(":")[2].split("/")[0])
    path = "/" + url.split("/", 3)[3]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf".encode())
    await writer.drain()
    uploads = scene.gateway.data_dir / "files" / "uploads"
    await scene.until(lambda: asyncio.to_thread(lambda: any(uploads.glob(".*"))))
    await scene.gateway.kill()
    writer.close()
    await scene.gateway.start()

    async with scene.api.put(url, data=b"whole") as put:
        assert put.status == 409  # the dead process's claim on the ticket has not run out
    async with Redis.from_url(scene.gateway.store_url) as redis:
        [claim] = [key async for key in redis.scan_iter("gw:ticket-claim:*")]
        assert await redis.ttl(claim) <= 120
        await redis.delete(claim)  # as time would
    async with scene.api.put(url, data=b"whole") as put:
        assert put.status == 200
    [file] = await scene.get("charge-points/CP1/files")
    assert (uploads / file["id"]).read_bytes() == b"whole"


async def test_monitors_are_set_and_reported(scene):
    """N04 and N02 of 2.0.1."""
    monitor = {
        "value": 16,
        "type": "UpperThreshold",
        "severity": 5,
        "component": {"name": "EVSE"},
        "variable": {"name": "Current"},
    }
    result = {name: monitor[name] for name in ("type", "severity", "component", "variable")}
    async with connected(scene, "2.0.1") as station:
        setting = await start(scene, "monitoring", monitors=[monitor])
        asked = await station.asked(
            "SetVariableMonitoring", {"setMonitoringResult": [{"status": "Accepted", **result}]}
        )
        assert asked["setMonitoringData"] == [monitor]
        shown = await until(scene, setting, "done")
        assert shown["result"]["results"][0]["status"] == "Accepted"

        report = await start(scene, "monitoring-report", criteria=["ThresholdMonitoring"])
        asked = await station.asked("GetMonitoringReport", {"status": "Accepted"})
        await station.says(
            "NotifyMonitoringReport",
            requestId=asked["requestId"],
            seqNo=0,
            generatedAt="2026-03-01T10:00:00Z",
        )
        assert words(await until(scene, report, "done")) == ["Accepted", "last part"]


async def test_a_local_controller_publishes_and_ends_it(scene):
    """L03 and L04 of 2.0.1."""
    await put_firmware(scene)
    async with connected(scene, "2.0.1") as station:
        publishing = await start(scene, "firmware-publish", file="fw-2.bin")
        asked = await station.asked("PublishFirmware", {"status": "Accepted"})
        assert asked["checksum"] == hashlib.md5(FIRMWARE).hexdigest()
        for word in ("Downloaded", "ChecksumVerified", "Published"):
            await station.says(
                "PublishFirmwareStatusNotification",
                status=word,
                requestId=asked["requestId"],
                location=["http://10.0.0.1/fw-2.bin"],
            )
        await until(scene, publishing, "done")

        ending = await start(scene, "firmware-unpublish", checksum=asked["checksum"])
        await station.asked("UnpublishFirmware", {"status": "NoFirmware"})
        assert words(await until(scene, ending, "rejected")) == ["NoFirmware"]
