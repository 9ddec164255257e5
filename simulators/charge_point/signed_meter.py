"""The certified meter of one connector: signs its readings, as Open Charge Metering Format.

Whoever has the public key can check a data set, byte for byte as it was made. How OCPP carries it
is "Signed Meter Values in OCPP" of the Open Charge Alliance.
"""

import hashlib
import json
from base64 import b64encode
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from simulators.charge_point.ledger import Reading
from simulators.charge_point.library import Fields

NEVER, ONCE, ALWAYS = "Never", "OncePerTransaction", "EveryMeterValue"
KEY_WITH_VALUES = (NEVER, ONCE, ALWAYS)
"""what PublicKeyWithSignedMeterValue can be"""
CODES = {"Transaction.Begin": "B", "Transaction.End": "E"}
ENCODING = "OCMF"
ALGORITHM = "ECDSA-secp256r1-SHA256"
LONGEST_SERIAL = 25
"""meterSerialNumber is a CiString25 (1.6)"""


class SignedMeter:
    """`serial` is of the station, `number` of the connector."""

    def __init__(self, serial: str, number: int) -> None:
        self.serial = f"{serial}-M{number}"[-LONGEST_SERIAL:]
        self._page = 0

    @cached_property
    def _key(self) -> ec.EllipticCurvePrivateKey:
        """The same meter has the same key in every run."""
        secret = hashlib.sha256(self.serial.encode()).digest()[1:]
        return ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())

    @property
    def printed_key(self) -> str:
        """As on the meter's case: ASN.1, in hexadecimal digits."""
        public = self._key.public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()

    @property
    def public_key(self) -> str:
        """As OCPP carries it: "Base64 encoded", a "colon-separated string" (3.2.2)."""
        return b64encode(f"oca:base16:asn1:{self.printed_key}".encode()).decode()

    def data_set(self, reading: Reading) -> str:
        self._page += 1
        at = reading.at.strftime("%Y-%m-%dT%H:%M:%S")
        wh = reading.register_wh
        payload = json.dumps(
            {
                "FV": "1.0",
                "GI": "Simulated",
                "PG": f"T{self._page}",
                "MS": self.serial,
                "IS": False,
                "IT": "NONE",
                "RD": [
                    {
                        "TM": f"{at},{reading.at.microsecond // 1000:03d}+0000 S",
                        "TX": CODES.get(reading.context, "C"),
                        "RV": f"{wh // 1000}.{wh % 1000:03d}",
                        "RI": "1-b:1.8.0",
                        "RU": "kWh",
                        "ST": "G",
                    }
                ],
            },
            separators=(",", ":"),
        )
        signature = self._key.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))
        return f'OCMF|{payload}|{{"SA":"{ALGORITHM}","SD":"{signature.hex()}"}}'

    def signed_value(self, reading: Reading, key_with_values: str) -> Fields:
        """A SignedMeterValueType; the method is in the data set, so it "SHALL be an empty string".

        OncePerTransaction: with the first value.
        """
        first = reading.context == "Transaction.Begin"
        with_key = key_with_values == ALWAYS or (key_with_values == ONCE and first)
        return {
            "signed_meter_data": b64encode(self.data_set(reading).encode()).decode(),
            "signing_method": "",
            "encoding_method": ENCODING,
            "public_key": self.public_key if with_key else "",
        }
