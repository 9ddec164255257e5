"""Asks OCSP responders about certificates (RFC 6960), and remembers what they say as long as told.

Who asks names the responder: a URL out of a certificate, or one that a charge point sends. So the
fetch that is handed in keeps to the rules for strangers' URLs (S11), and what comes back is
believed only if it is about the certificate that was asked for and of today; and, where the
issuer is known here, signed by it or by a responder that it has named (4.2.2.2). Charge points
that have the answer passed on check its signature themselves.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from gateway.domain.certificates import (
    CertificateState,
    CertificateStatus,
    CertificateStatusRequested,
    HashData,
)
from gateway.services.security.certificate_hashes import hash_data

log = structlog.get_logger(__name__)

_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_STATES = {
    ocsp.OCSPCertStatus.GOOD: CertificateState.GOOD,
    ocsp.OCSPCertStatus.REVOKED: CertificateState.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: CertificateState.UNKNOWN,
}
_CACHED = 2_000
_AT_ONCE = 20
_SECONDS = 12.0  # for one question, its turn included: a station waits for the answer
LOGIN_SECONDS = 3.0  # the same while a handshake waits, which has 7 s for everything
_UNTOLD = timedelta(minutes=5)  # an answer without nextUpdate: newer ones are always there
_LONGEST = timedelta(days=1)
_FAILED_FOR = timedelta(seconds=30)  # a responder that is down is not asked by every message
_SKEW = timedelta(minutes=5)


class FetchFailed(Exception):
    """No answer came, or none may be asked for there."""


_UNUSABLE = (FetchFailed, TimeoutError, ValueError, UnsupportedAlgorithm, InvalidSignature)


class Fetch(Protocol):
    """How a responder is reached: bounded in time and size, and only where strangers may point."""

    async def __call__(self, url: str, request: bytes) -> bytes:
        """POST an OCSP request; raises `FetchFailed`."""
        ...


Issuers = Callable[[], Sequence[x509.Certificate]]
"""The authorities that are known now."""


def nobody() -> Sequence[x509.Certificate]:
    """No authority is known."""
    return ()


class Responders:
    """All OCSP responders. `issuers` tells whose answers can be verified here, as of now.

    `seconds` is for one question. `trusted`: only certificates that we believe name responders,
    so one that was silent once is not waited for by everybody else; a station that names its own
    must not silence another's.
    """

    def __init__(
        self,
        fetch: Fetch,
        now: Callable[[], datetime],
        issuers: Issuers = nobody,
        *,
        seconds: float = _SECONDS,
        trusted: bool = False,
    ) -> None:
        self._fetch = fetch
        self._now = now
        self._issuers = issuers
        self._cache: OrderedDict[tuple[HashData, str], CertificateStatus] = OrderedDict()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._seconds = seconds
        self._trusted = trusted
        self._silent: OrderedDict[str, datetime] = OrderedDict()

    async def status(self, request: CertificateStatusRequested) -> CertificateStatus:
        """What the responder says; whatever goes wrong is FAILED."""
        # the URL is part of the key: who names his own responder fools only himself
        key = (request.hash_data.normal(), request.responder_url)
        known = self._cache.get(key)
        if known is not None and known.next_update is not None and known.next_update > self._now():
            return known
        found = await self._ask(request)
        self._cache[key] = found
        self._cache.move_to_end(key)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return found

    async def _ask(self, request: CertificateStatusRequested) -> CertificateStatus:
        silent_until = self._silent.get(request.responder_url)
        if silent_until is not None and silent_until > self._now():
            return CertificateStatus(CertificateState.FAILED, silent_until)
        try:
            question = _question(request.hash_data)
            async with asyncio.timeout(self._seconds), self._turn:
                answer = await self._fetch(request.responder_url, question)
            return self._read(answer, request.hash_data)
        except _UNUSABLE as error:
            if self._trusted and isinstance(error, TimeoutError):
                self._note_silence(request.responder_url)
            log.warning(
                "no usable OCSP answer", responder=request.responder_url[:200], reason=repr(error)
            )
            return CertificateStatus(CertificateState.FAILED, self._now() + _FAILED_FOR)

    def _note_silence(self, url: str) -> None:
        self._silent[url] = self._now() + _FAILED_FOR
        self._silent.move_to_end(url)
        if len(self._silent) > _CACHED:
            self._silent.popitem(last=False)

    def _read(self, answer: bytes, wanted: HashData) -> CertificateStatus:
        """Read and check an answer; raises `ValueError`, `InvalidSignature`."""
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise ValueError(f"the responder says {response.response_status.name}")
        about = _about(response)
        if not about.same_as(wanted):
            raise ValueError("the answer is about another certificate")
        issuer = self._issuer(wanted)
        if issuer is not None:
            _verify(response, issuer, self._now())
        return CertificateStatus(
            _STATES[response.certificate_status], self._counts_until(response), answer
        )

    def _counts_until(self, response: ocsp.OCSPResponse) -> datetime:
        now, end = self._now(), response.next_update_utc
        if response.this_update_utc > now + _SKEW:
            raise ValueError("the answer is of the future")
        if end is None:
            return now + _UNTOLD
        if end <= now:
            raise ValueError("the answer is out of date")
        return min(end, now + _LONGEST)

    def _issuer(self, wanted: HashData) -> x509.Certificate | None:
        for issuer in self._issuers():
            own = hash_data(issuer, issuer, wanted.hash_algorithm)
            if own.issuer_key_hash == wanted.issuer_key_hash.lower():
                return issuer
        return None


def _question(wanted: HashData) -> bytes:
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        bytes.fromhex(wanted.issuer_name_hash),
        bytes.fromhex(wanted.issuer_key_hash),
        int(wanted.serial_number, 16),
        _ALGORITHMS[wanted.hash_algorithm],
    )
    return request.build().public_bytes(Encoding.DER)


def _about(response: ocsp.OCSPResponse) -> HashData:
    return HashData(
        response.hash_algorithm.name.upper(),
        response.issuer_name_hash.hex(),
        response.issuer_key_hash.hex(),
        f"{response.serial_number:x}",
    )


def _verify(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """Signed by the issuer, or by one that it has certified for just this (RFC 6960, 4.2.2.2)."""
    signers = [issuer, *(one for one in response.certificates if _may_sign(one, issuer, now))]
    for signer in signers:
        try:
            _verify_signature(response, signer)
        except InvalidSignature:
            continue
        return
    raise InvalidSignature("not signed by the issuer or its responder")


def _may_sign(responder: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        responder.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    valid = responder.not_valid_before_utc <= now <= responder.not_valid_after_utc
    return valid and ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _verify_signature(response: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        raise InvalidSignature("signed with an algorithm without a hash")
    signed, signature = response.tbs_response_bytes, response.signature
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(algorithm))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), algorithm)
    else:
        raise InvalidSignature("signed with a key that is neither RSA nor EC")
