"""What a simulated station decides without a socket: chains, signatures, versions, monitors."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from simulators.charge_point.certificates import CertificateStore, HashData, is_chain
from simulators.charge_point.firmware import FirmwarePlan, FirmwareUpdates, verifies
from simulators.charge_point.station import SimulatedChargePoint
from simulators.charge_point.transfers import TransferError, Transfers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAKER = "ManufacturerRootCertificate"


def certificate(key, name, by, issuer, *, ca=False, ends=NOW + timedelta(days=1)):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(0x0A0B)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(by, hashes.SHA256())
    )


ROOT_KEY, LEAF_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ROOT = certificate(ROOT_KEY, "Root", ROOT_KEY, "Root", ca=True)
LEAF = certificate(LEAF_KEY, "Leaf", ROOT_KEY, "Root")


def pem(one):
    return one.public_bytes(Encoding.PEM).decode()


def test_a_chain_is_trusted_without_a_root_and_by_the_right_one_when_there_is_one():
    store = CertificateStore()
    assert store.trusts([LEAF], MAKER, NOW)
    assert store.install("CSMSRootCertificate", pem(ROOT), NOW) == "Accepted"
    assert store.trusts([LEAF], MAKER, NOW)  # another use
    stranger = certificate(LEAF_KEY, "Other", LEAF_KEY, "Other", ca=True)
    store.install(MAKER, pem(stranger), NOW)
    assert not store.trusts([LEAF], MAKER, NOW)
    store.install(MAKER, pem(ROOT), NOW)
    assert store.trusts([LEAF], MAKER, NOW)
    assert store.trusts([LEAF, ROOT], MAKER, NOW)


def test_a_chain_out_of_order_or_out_of_time_is_none():
    assert is_chain([LEAF, ROOT], NOW)
    assert not is_chain([ROOT, LEAF], NOW)
    assert not is_chain([LEAF], NOW + timedelta(days=2))


def test_a_serial_number_is_hashed_without_leading_zeros():
    assert HashData.of(ROOT, ROOT).serial_number == "a0b"
    asked = {
        "hash_algorithm": "SHA256",
        "issuer_name_hash": "AB",
        "issuer_key_hash": "CD",
        "serial_number": "000A0B",
    }
    assert HashData.read(asked) == HashData("SHA256", "ab", "cd", "a0b")


@pytest.mark.parametrize("signature", ["not base64", "", base64.b64encode(b"x" * 70).decode()])
def test_what_is_no_signature_verifies_nothing(signature):
    assert not verifies(LEAF, signature, b"image")


def test_a_key_of_another_kind_verifies_nothing():
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ed")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, None)
    )
    assert not verifies(made, base64.b64encode(key.sign(b"image")).decode(), b"image")


@pytest.mark.parametrize("location", ["ftp://host/file", "nothing", "http:///x", "file:///etc/x"])
async def test_only_http_is_spoken(location):
    with pytest.raises(TransferError) as refused:
        await Transfers().download(location)
    assert refused.value.word == "NotSupportedOperation"


def test_a_station_begins_with_the_planned_version():
    station = SimulatedChargePoint("ws://127.0.0.1:1", "CP1", firmware=FirmwarePlan("7.1"))
    assert isinstance(station.firmware, FirmwareUpdates)
    assert station.firmware.version == "7.1"


@pytest.mark.parametrize(
    ("url", "password", "profile"),
    [("ws://h", None, 0), ("ws://h", "p", 1), ("wss://h", "p", 2)],
)
def test_the_security_profile_is_how_it_connects(url, password, profile):
    station = SimulatedChargePoint(url, "CP1", password=password, roots=pem(ROOT).encode())
    assert station.security_profile == profile
    assert (station.link.address.tls is not None) is (profile == 2)
