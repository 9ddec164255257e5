"""A meter's public key in the dresses that it is handed over in."""

from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from gateway.domain.metering.public_keys import public_key

KEY = ec.derive_private_key(4711, ec.SECP256R1()).public_key()
DER = KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BASE64 = b64encode(DER).decode()


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "stated",
    [
        BASE64,
        BASE64.rstrip("="),
        DER.hex(),
        "0x" + DER.hex().upper(),
        " ".join(DER.hex()[at : at + 4] for at in range(0, len(DER.hex()), 4)),
        PEM,
        b64(PEM),
        b64(DER.hex()),  # as the paper's own example message has it (5.2)
        f"oca:base16:asn1:{DER.hex()}",
        b64(f"oca:base16:asn1:{DER.hex()}"),  # as its text demands (3.2.2, 5.3)
        b64(f"oca:base16:asn1:0x{DER.hex(' ', 2)}"),
        b64(f"oca:base64:asn1:{BASE64}"),
    ],
)
def test_a_key_is_the_same_in_every_dress(stated):
    found = public_key(stated)

    assert found == BASE64
    assert load_der_public_key(DER) == KEY


@pytest.mark.parametrize(
    "stated", [None, "", "  ", "none", "oca:", "oca:base16:asn1:", "not-a-key", "0", "ff", "é"]
)
def test_what_is_no_key_is_none(stated):
    assert public_key(stated) is None


def test_a_key_that_is_too_long_for_ocpi_is_left_out():
    """mod_cdrs 10.4.6: string(512); base64 of 385 bytes has 516 characters."""
    assert public_key(bytes(384).hex()) == b64encode(bytes(384)).decode()
    assert public_key(bytes(385).hex()) is None
