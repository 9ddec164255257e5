"""The station's own certificate: a new key, a signing request, and the certificate that comes.

Security white paper A02 and 2.0.1 A02: "The Charge Point SHALL generate a new public / private
key pair", ask for a certificate, check the one that comes, and use it.
"""

import asyncio
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from simulators.charge_point.certificates import is_chain, read_chain
from simulators.charge_point.credentials import ClientCertificate

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

STATION_CERTIFICATE = "ChargingStationCertificate"
LONGEST_CHAIN = 10_000
"""characters, as CertificateSigned allows them"""


class Signing:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self._pending: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def renew(self, use: str = STATION_CERTIFICATE) -> None:
        """Makes a key and asks for its certificate; a request that waits gives way."""
        if use in self._asking:
            self._asking[use].cancel()
        self._asking[use] = self._station.soon(self._ask(use))

    def signed(self, pem: str, use: str = STATION_CERTIFICATE) -> bool:
        """CertificateSigned: takes the certificate if it fits the key that was made for it."""
        key = self._pending.get(use)
        if key is None or not self._fits(pem, key):
            # A02.FR.07: discarded, and reported.
            self._station.security_event(self._station.dialect.invalid_certificate)
            return False
        del self._pending[use]
        self._asking.pop(use).cancel()
        own = ClientCertificate(pem.encode(), _pem(key))
        self._station.emit("certificate_installed", use=use)
        if use == STATION_CERTIFICATE:
            self._station.use_certificate(own)
        return True

    async def _ask(self, use: str) -> None:
        """Again after a doubled wait each time, CertSigningRepeatTimes times (A02.FR.17, .18)."""
        settings = self._station.settings
        wait = settings.certificate_wait
        key = ec.generate_private_key(ec.SECP256R1())
        self._pending[use] = key
        said = self._station.dialect.sign_certificate(self._request(key), use)
        for _ in range(settings.certificate_repeats + 1):
            answer = await self._station.say(said)
            if answer is None or answer["status"] != "Accepted":
                return
            await self._station.clock.sleep(wait)
            wait *= 2

    def _request(self, key: ec.EllipticCurvePrivateKey) -> str:
        """A02.FR.13 of the white paper: O is the CPO's name; CN the serial number."""
        station = self._station
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, station.settings.organization),
                x509.NameAttribute(NameOID.COMMON_NAME, station.serial_number),
            ]
        )
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return request.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def _fits(self, pem: str, key: ec.EllipticCurvePrivateKey) -> bool:
        if len(pem) > LONGEST_CHAIN:
            return False
        try:
            chain = read_chain(pem)
        except ValueError:
            return False
        # Its root need not be among ours: it may be another CA than the CSMS's own certificate's.
        valid = is_chain(chain, self._station.real_now())
        return valid and chain[0].public_key() == key.public_key()


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
