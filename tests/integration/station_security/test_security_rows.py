"""The rows of the security table that are about connecting: profiles, logins, certificates."""

import asyncio
import ssl
import statistics
import time
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

PASSWORD = "a-password-of-20-byt"
DAY = timedelta(days=1)
SERIAL = "SN-0001"


def ways(pki, certificate):
    """The four transports, each as what a station of that profile shows."""
    return {
        0: {},
        1: {"password": PASSWORD},
        2: {"password": PASSWORD, "tls": pki.tls()},
        3: {"tls": pki.tls(certificate)},
    }


# --- one profile per charge point ---


async def test_a_charge_point_gets_in_with_its_own_profile_and_no_other(start_gateway, pki):
    """security-and-faults row 1, OCPP 1.6 WP A00: 4 profiles x 4 transports, 12 of 12 refused."""
    site = await start_gateway(tls=True)
    shown = ways(pki, pki.ours.issue("CP"))
    found = {}
    for profile in range(4):
        await site.register("CP", profile, password=PASSWORD)
        for way, options in shown.items():
            found[profile, way] = await site.gets_in("CP", **options)
    assert {pair for pair, got_in in found.items() if got_in} == {(n, n) for n in range(4)}
    assert len(found) == 16


async def test_without_a_profile_there_is_no_charge_point(start_gateway, pki):
    """security-and-faults row 2: no implicit profile 0."""
    site = await start_gateway(tls=True)
    status, _ = await site.ask("PUT", "api/v1/charge-points/CP", {"password": PASSWORD})
    assert status == 422
    for options in ways(pki, pki.ours.issue("CP")).values():
        assert not await site.gets_in("CP", **options)


async def test_over_tls_a_station_of_profile_2_may_show_the_certificate_it_has_for_later(
    start_gateway, pki
):
    site = await start_gateway(tls=True)
    await site.register("CP", 2)
    assert await site.gets_in("CP", password=PASSWORD, tls=pki.tls(pki.ours.issue("CP")))


# --- logins ---


@pytest.mark.parametrize("secure", [False, True])
async def test_no_login_but_the_right_one_reaches_the_upgrade(start_gateway, pki, secure):
    """security-and-faults row 4; TC_A_01_CSMS, TC_A_02_CSMS, TC_A_03_CSMS."""
    site = await start_gateway(tls=True)
    await site.register("CP", 2 if secure else 1)
    tls = pki.tls() if secure else None
    right = {"tls": tls, "password": PASSWORD}
    wrong = [
        {},
        {"password": ""},
        {"password": PASSWORD + "x"},
        {"password": PASSWORD.upper()},
        {"headers": {"Authorization": "Basic not*base64"}},
        {"headers": {"Authorization": "Bearer " + PASSWORD}},
        {"headers": _basic(f"CPInvalid:{PASSWORD}")},
        {"headers": _basic(f"cp:{PASSWORD}")},
        {"headers": _basic(f"%43P:{PASSWORD}")},
        {"headers": _basic(f":{PASSWORD}")},
        {"headers": _basic("CP")},
    ]
    for options in wrong:
        assert not await site.gets_in("CP", tls=tls, **options), options
    assert not await site.gets_in("c%70", **right)
    assert not await site.gets_in("%2e", **right)
    assert await site.gets_in("CP", **right)


def _basic(pair):
    import base64

    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


KEY = bytes([0, 0x3A, 0xFF, *range(0x80, 0x8D)])
ASCII_KEY = b"all-of-it-is-ascii"


async def test_a_key_set_in_hex_is_taken_as_bytes_and_as_digits_of_any_case(start_gateway):
    """security-and-faults row 5: NUL, colon and 0xFF round-trip."""
    site = await start_gateway()
    for key in (KEY, ASCII_KEY):
        for set_as in (key.hex(), key.hex().upper()):
            await site.register("CP", 1, password=set_as)
            for sent in (key, key.hex(), key.hex().upper()):
                assert await site.gets_in("CP", password=sent)
            assert not await site.gets_in("CP", password=key[:-1])
            assert not await site.gets_in("CP", password=key + b"0")


PASSWORDS = {
    "x" * 15: False,
    "x" * 16: True,
    "x" * 40: True,
    "x" * 41: False,
    "ab" * 20: True,
    "pässwörter-als-utf8": True,
}


async def test_a_password_has_the_standards_length(start_gateway):
    """security-and-faults row 5: 15 bytes and 41 characters are refused."""
    site = await start_gateway()
    for number, (password, good) in enumerate(PASSWORDS.items()):
        body = {"security_profile": 1, "password": password}
        status, _ = await site.ask("PUT", f"api/v1/charge-points/CP{number}", body)
        assert status == (201 if good else 422), password
        assert await site.gets_in(f"CP{number}", password=password) is good


IDENTITIES = {"A*-_=+|@.z": True, "C" * 48: True, "C" * 49: False, "CP%3A1": False}


async def test_every_identifier_but_one_with_a_colon_is_an_identity(start_gateway):
    """security-and-faults row 5: identifierString less ':', up to 48 characters."""
    site = await start_gateway()
    for identity, good in IDENTITIES.items():
        body = {"security_profile": 1, "password": PASSWORD}
        status, _ = await site.ask("PUT", f"api/v1/charge-points/{identity}", body)
        assert status == (201 if good else 422), identity
        assert await site.gets_in(identity, password=PASSWORD) is good


async def test_all_refusals_look_alike(start_gateway, pki):
    """security-and-faults row 23: whether an identity exists is nobody's business."""
    site = await start_gateway(tls=True)
    await site.register("CP1", 1)
    await site.register("CP2", 2)
    await site.register("CP3", 3)
    await site.register("OFF", 1, enabled=False)
    seen = set()
    for identity in ("CP1", "CP2", "CP3", "OFF", "NONE"):
        with pytest.raises(InvalidStatus) as refused:
            await site.knock(identity, password="wrong-password-00")
        response = refused.value.response
        names = tuple(sorted(response.headers))
        seen.add((response.status_code, bytes(response.body or b""), names))
    assert len(seen) == 1
    assert next(iter(seen))[0] == 401


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_the_time_of_a_refusal_does_not_tell_whether_an_identity_exists(gateway_process):
    """security-and-faults row 23: 1,000 tries, in turn; p95 differs by less than 1 ms.

    On a quiet machine: what the clock shows is the work, and then chance is small beside it.
    """
    site = gateway_process
    for number in range(50):
        await site.register(f"KNOWN-{number:03}", 1)
    took = {"KNOWN": [], "OTHER": []}
    for number in range(500):
        for kind, times in took.items():
            connecting = site.knock(f"{kind}-{number % 50:03}", password="wrong-password-00")
            began = time.perf_counter()
            with pytest.raises(InvalidStatus) as refused:
                await connecting
            times.append(time.perf_counter() - began)
            assert refused.value.response.status_code == 401
    p95 = {kind: statistics.quantiles(times, n=20)[-1] for kind, times in took.items()}
    assert abs(p95["KNOWN"] - p95["OTHER"]) < 0.001, p95


async def test_the_operator_learns_which_identity_was_probably_meant(start_gateway):
    """ocpp-rules 1: the one who asks does not."""
    site = await start_gateway()
    await site.register("CP-001", 1)
    with capture_logs() as logs:
        for identity in ("cp-001", "CP%20-001", "CP001", "CP-002"):
            assert not await site.gets_in(identity, password=PASSWORD)
        await site.until(lambda: len(_near(logs)) >= 3)
    assert {one["registered"] for one in _near(logs)} == {"CP-001"}
    assert {one["charge_point"] for one in _near(logs)} == {"cp-001", "CP -001", "CP001"}


def _near(logs):
    return [one for one in logs if one["event"] == "identity nearly registered"]


# --- client certificates ---


async def test_a_client_certificate_lets_its_own_station_in(start_gateway, pki):
    """security-and-faults row 11; TC_A_07_CSMS."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, serial_number=SERIAL)
    charger = await site.connect("CP", tls=pki.tls(pki.ours.issue(SERIAL)), protocol="ocpp2.0.1")
    assert (await charger.boot(SERIAL))[2]["status"] == "Accepted"


WRONG = {
    "another authority": lambda pki: pki.theirs.issue(SERIAL),
    "self-signed": lambda pki: pki.theirs.issue(SERIAL, is_root=True),
    "expired": lambda pki: pki.ours.issue(SERIAL, begins=-9 * DAY, ends=-DAY),
    "not yet valid": lambda pki: pki.ours.issue(SERIAL, begins=DAY),
    "another charge point's": lambda pki: pki.ours.issue("SN-0002"),
    "another company's": lambda pki: pki.ours.issue(SERIAL, organization="Somebody"),
    "the identity, not the serial number": lambda pki: pki.ours.issue("CP"),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_no_wrong_client_certificate_reaches_the_upgrade(start_gateway, pki, version):
    """security-and-faults row 11; TC_A_08_CSMS: refused, logged, and the right one gets in."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, serial_number=SERIAL)
    with capture_logs() as logs:
        for wrong, issue in WRONG.items():
            tls = pki.tls(issue(pki))
            tls.maximum_version = version
            assert not await site.gets_in("CP", tls=tls), wrong
        await site.until(lambda: len(_refusals(logs)) == len(WRONG))
    assert await site.gets_in("CP", tls=pki.tls(pki.ours.issue(SERIAL)))


def _refusals(logs):
    events = ("tls handshake refused", "charge point refused")
    return [one for one in logs if one["event"] in events]


async def test_a_revoked_client_certificate_is_refused_once_the_list_says_so(
    start_gateway, pki, tmp_path
):
    """security-and-faults rows 11, 14: by the list of the operator, read again by itself."""
    file = tmp_path / "revoked.pem"
    file.write_text(pki.ours.revoke())
    site = await start_gateway(tls=True, ocpp_tls_client_crl=file)
    await site.register("CP", 3)
    pair = pki.ours.issue("CP")
    assert await site.gets_in("CP", tls=pki.tls(pair))
    file.write_text(pki.ours.revoke(pair))
    site.refresh()
    assert not await site.gets_in("CP", tls=pki.tls(pair))
    assert await site.gets_in("CP", tls=pki.tls(pki.ours.issue("CP")))


async def test_a_list_of_another_authority_revokes_nothing(start_gateway, pki, tmp_path):
    pair = pki.ours.issue("CP")
    file = tmp_path / "revoked.pem"
    file.write_text(pki.theirs.revoke(pair))
    site = await start_gateway(tls=True, ocpp_tls_client_crl=file)
    await site.register("CP", 3)
    assert await site.gets_in("CP", tls=pki.tls(pair))


async def test_a_refused_certificate_is_among_the_charge_points_security_events(start_gateway, pki):
    """security-and-faults row 11: A00.FR.408, "log a security event"."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3)
    assert not await site.gets_in("CP", tls=pki.tls(pki.ours.issue("CP2")))
    await site.until(lambda: _events(site))
    (event,) = await _events(site)
    assert event["type"] == "ClientCertificateRefused"


async def _events(site):
    status, shown = await site.ask("GET", "api/v1/charge-points/CP/security-events")
    assert status == 200, shown
    return shown


@pytest.mark.parametrize("serial_number", ["SN-0002", None])
async def test_a_boot_under_another_serial_number_is_closed_and_nothing_written(
    start_gateway, pki, serial_number
):
    """security-and-faults row 12: 2.0.1 B01.FR.11, B01.FR.12."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, serial_number=SERIAL)
    charger = await site.connect("CP", tls=pki.tls(pki.ours.issue(SERIAL)), protocol="ocpp2.0.1")
    with pytest.raises(ConnectionError):
        await charger.boot(serial_number)
    assert await charger.closed() == 1000
    assert (await site.show("CP"))["boot"] is None


async def test_a_station_that_may_come_with_an_expired_certificate_has_to_renew_it(
    start_gateway, pki
):
    """security-and-faults row 13: Pending, SignCertificate triggered, SecurityError for others."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, allow_expired_certificate=True)
    good = await site.connect("CP", tls=pki.tls(pki.ours.issue("CP")), protocol="ocpp2.0.1")
    assert (await good.boot("CP"))[2]["status"] == "Accepted"
    old = pki.ours.issue("CP", begins=-9 * DAY, ends=-DAY)
    charger = await site.connect("CP", tls=pki.tls(old), protocol="ocpp2.0.1")
    charger.answers["TriggerMessage"] = {"status": "Accepted"}
    assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"
    assert (await charger.boot("CP"))[2]["status"] == "Pending"
    await site.until(lambda: charger.asked)
    action, payload = charger.asked[0]
    assert action == "TriggerMessage"
    assert payload["requestedMessage"] == "SignChargingStationCertificate"
    assert (await charger.call("Heartbeat", {}))[2] == "SecurityError"


async def test_an_authority_that_is_taken_out_is_not_believed_any_more(
    start_gateway, pki, tmp_path
):
    """security-and-faults row 14: new authorities and old ones, without a restart."""
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(pki.ours.root.file.read_bytes())
    site = await start_gateway(tls=True, ocpp_tls_client_ca=bundle)
    await site.register("CP", 3)
    ours, theirs = pki.tls(pki.ours.issue("CP")), pki.tls(pki.theirs.issue("CP"))
    assert [await site.gets_in("CP", tls=tls) for tls in (ours, theirs)] == [True, False]
    bundle.write_bytes(pki.theirs.root.file.read_bytes())
    site.refresh()
    assert [await site.gets_in("CP", tls=tls) for tls in (ours, theirs)] == [False, True]


# --- TLS ---

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)
WEAK = ("RC4-SHA", "DES-CBC3-SHA", "NULL-SHA256", "EXP-RC4-MD5", "AES128-SHA", "ADH-AES128-SHA")


async def test_each_required_suite_shakes_hands(start_gateway, pki):
    """security-and-faults row 9; TC_A_04_CSMS: both certificates on one listener."""
    site = await start_gateway(tls=True)
    await site.register("CP", 2)
    for suite in SUITES:
        tls = pki.tls()
        tls.maximum_version = ssl.TLSVersion.TLSv1_2
        tls.set_ciphers(suite)
        charger = await site.connect("CP", tls=tls, password=PASSWORD)
        used = charger.socket.transport.get_extra_info("ssl_object")
        assert used.cipher()[0] == suite
        assert used.compression() is None


async def test_tls_1_3_shakes_hands(start_gateway, pki):
    """security-and-faults row 8."""
    site = await start_gateway(tls=True)
    await site.register("CP", 2)
    tls = pki.tls()
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    assert await site.gets_in("CP", tls=tls, password=PASSWORD)


async def s_client(site, *options):
    """Openssl's own client: its exit status and what it says."""
    address = site.url(secure=True).partition("://")[2].partition("/")[0]
    process = await asyncio.create_subprocess_exec(
        "openssl",
        "s_client",
        "-connect",
        address,
        *options,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, said.decode()


OLD_AND_WEAK = [
    ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
    ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    *(("-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0") for suite in WEAK),
]


async def test_old_versions_and_weak_suites_are_refused_with_one_event_each(start_gateway):
    """security-and-faults rows 8, 10; TC_A_06_CSMS."""
    site = await start_gateway(tls=True)
    tried = 0
    with capture_logs() as logs:
        for options in OLD_AND_WEAK:
            status, said = await s_client(site, *options)
            assert status != 0, options
            if "no cipher match" not in said:  # else not even openssl has it any more
                assert "Cipher is (NONE)" in said
                tried += 1
    refused = [one for one in logs if one["event"] == "tls handshake refused"]
    assert len(refused) == tried >= 4


async def test_legacy_tls_is_for_the_station_that_needs_it_on_its_own_port(start_gateway, pki):
    """security-and-faults row 8: 1.6 A00.FR.312 to .314, .324."""
    site = await start_gateway(tls=True, ocpp_tls_legacy_port=0)
    for identity, allowed in (("OLD", True), ("NEW", False)):
        await site.register(identity, 2, allow_legacy_tls=allowed)
    tls = pki.tls()
    tls.set_ciphers("AES128-SHA:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="deprecated"):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    options = {"tls": tls, "password": PASSWORD}
    assert not await site.gets_in("OLD", **options)
    site.use_legacy_port()
    charger = await site.connect("OLD", **options)
    assert charger.socket.transport.get_extra_info("ssl_object").version() == "TLSv1.1"
    assert not await site.gets_in("NEW", **options)
    none_in_common = await site.connect("OLD", protocol="ocpp2.0.1", **options)
    assert await none_in_common.closed() == 1002


async def test_new_certificate_files_count_at_once_and_no_connection_ends(
    start_gateway, pki, tmp_path
):
    """security-and-faults row 14: hot reload keeps sockets."""
    file = tmp_path / "server.pem"
    file.write_bytes(pki.server_ecdsa.file.read_bytes())
    site = await start_gateway(tls=True, ocpp_tls_cert=file, ocpp_tls_key=file)
    await site.register("CP", 2)
    charger = await site.connect("CP", tls=pki.tls(), password=PASSWORD)
    await charger.boot()
    file.write_text("half a file")
    site.refresh()
    assert await _served(site, pki) == pki.server_ecdsa.certificate.serial_number
    fresh = pki.ours.issue("csms.example", address="127.0.0.1")
    file.write_bytes(fresh.file.read_bytes())
    site.refresh()
    assert await _served(site, pki) == fresh.certificate.serial_number
    assert (await charger.call("Heartbeat", {}))[0] == 3
    files = site.gateway.addresses.files  # where the same stations put their logs
    assert await _served(site, pki, files) == fresh.certificate.serial_number


async def _served(site, pki, url=None):
    url = url or site.url(secure=True)
    host, _, port = url.partition("://")[2].partition("/")[0].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=pki.tls())
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    await reader.read()
    return int(shown["serialNumber"], 16)


async def test_a_certificate_that_ends_soon_is_warned_of(start_gateway, pki):
    """security-and-faults row 14: A00.FR.701 wants short-lived server certificates."""
    pair = pki.ours.issue("csms.example", ends=3 * DAY)
    site = await start_gateway(tls=True, ocpp_tls_cert=pair.file, ocpp_tls_key=pair.file)
    _, ready = await site.ask("GET", "ready")
    assert [pair.file.name in one for one in ready["warnings"]] == [True]
    _, metrics = await site.ask("GET", "metrics")
    assert "gateway_ocpp_tls_certificate_expiry_seconds" in metrics


async def test_a_weak_certificate_of_ours_is_not_served(start_gateway, pki):
    """security-and-faults row 15: A00.FR.502, 2048 bits at least."""
    key = rsa.generate_private_key(65537, 1024)
    pair = pki.ours.issue("csms.example", key=key)
    with pytest.raises(ssl.SSLError):
        await start_gateway(tls=True, ocpp_tls_cert=pair.file, ocpp_tls_key=pair.file)
