"""A signed value as a real charge-point stack has sent it (tests/fixtures/frames)."""

import json
from base64 import b64decode
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.domain.metering.signed_values import Evidence, evidence
from gateway.ocpp.v16.translate import stopped

FRAMES = Path(__file__).parents[1] / "fixtures" / "frames" / "solidstudio-1.6.jsonl"


def recorded() -> Evidence:
    frames = [json.loads(line)["frame"] for line in FRAMES.read_text().splitlines() if line]
    [stop] = [frame[3] for frame in frames if frame[2] == "StopTransaction"]
    return evidence(stopped(stop).readings)


def test_its_signature_can_be_checked_by_what_the_cdr_says():
    """The key is base64 of hex with a line break, as in the paper's example (5.2)."""
    signed_data = recorded().signed_data

    assert signed_data is not None
    key = load_der_public_key(b64decode(signed_data["public_key"]))
    [value] = signed_data["signed_values"]
    _, payload, signature = b64decode(value["signed_data"]).decode().split("|")
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(
        bytes.fromhex(json.loads(signature)["SD"]), payload.encode(), ec.ECDSA(hashes.SHA256())
    )
    assert (signed_data["encoding_method"], value["nature"]) == ("OCMF", "End")


def test_its_meter_says_what_the_charge_point_said():
    """0 and 0.33296 kWh signed, meterStart 0 and meterStop 333."""
    found = recorded()

    assert [one.wh for one in found.energies] == [Decimal("332.96")]
    assert not found.contradicts(Decimal(333))
    assert found.meter_serial == "1234567890"
