"""Whether a client certificate is this charge point's own (security profile 3, A00.FR.403 to 407).

That its path is valid was checked in the TLS handshake, all but the times, because there nobody
knows yet which charge point it is and whether it may come with an expired one. Here follow: is it
still from an authority that counts, does it name our company and this charge point, is it valid
now, is it revoked.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.domain.charge_points import ChargePointRecord, PresentedCertificate
from gateway.services.security.trust import Trust

log = structlog.get_logger(__name__)

IsRevoked = Callable[[bytes], Awaitable[bool]]
"""Asks about a certificate (DER): online, or in the books of the one who issued it."""


class CertificateRefused(Exception):
    """A client certificate does not let its charge point in; the message is for the log."""


class RevocationLists:
    """Certificate revocation lists from one PEM file, read again when it changes."""

    def __init__(self, file: Path) -> None:
        """Raises `OSError` and `ValueError`."""
        self._file = file
        self._read_at = -1
        self._lists: list[x509.CertificateRevocationList] = []
        self._read()

    def refresh(self) -> None:
        """Look at the file again; one that is broken changes nothing."""
        try:
            self._read()
        except (OSError, ValueError) as error:
            log.error("revocation lists not read", file=str(self._file), reason=str(error))

    def _read(self) -> None:
        modified = self._file.stat().st_mtime_ns
        if modified == self._read_at:
            return
        end = b"-----END X509 CRL-----"
        blocks = self._file.read_bytes().split(end)[:-1]
        self._lists = [x509.load_pem_x509_crl(block + end) for block in blocks]
        self._read_at = modified

    def name(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Whether a list that the issuer has signed names the certificate."""
        return any(
            one.issuer == certificate.issuer
            and one.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a CA's key
            and one.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for one in self._lists
        )


class PresentedCertificates:
    """Checks what charge points show."""

    def __init__(
        self,
        trust: Trust,
        *,
        cpo_name: str,
        now: Callable[[], datetime],
        lists: RevocationLists | None = None,
        is_revoked: IsRevoked | None = None,
    ) -> None:
        self.trust = trust
        self._cpo_name = cpo_name
        self._now = now
        self._lists = lists
        self._is_revoked = is_revoked

    def refresh(self) -> None:
        """Take what has changed in the file of revocation lists."""
        if self._lists is not None:
            self._lists.refresh()

    async def check(self, record: ChargePointRecord, der: bytes) -> PresentedCertificate:
        """Raises `CertificateRefused`."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            names = _all(certificate, NameOID.COMMON_NAME)
            organizations = _all(certificate, NameOID.ORGANIZATION_NAME)
        except (ValueError, x509.InvalidVersion) as error:
            raise CertificateRefused(f"the certificate cannot be read: {error}") from None
        issuers = self.trust.issuers(certificate)
        if issuers is None:
            raise CertificateRefused("no authority that counts has issued the certificate")
        if self._cpo_name not in organizations:
            raise CertificateRefused(f"the certificate is not {self._cpo_name}'s (A00.FR.404)")
        if names != [record.certificate_name]:
            raise CertificateRefused("the certificate is another charge point's (A00.FR.405)")
        expired = self._expired(certificate, issuers, record)
        if await self._revoked(certificate, issuers, der):
            raise CertificateRefused("the certificate is revoked")
        return PresentedCertificate(names[0], certificate.not_valid_after_utc, expired)

    def _expired(
        self,
        certificate: x509.Certificate,
        issuers: Sequence[x509.Certificate],
        record: ChargePointRecord,
    ) -> bool:
        """Whether it has expired and may (2.0.1 A00.FR.429)."""
        now = self._now()
        for issuer in issuers:
            if not issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc:
                raise CertificateRefused("an authority above the certificate is not valid now")
        if now < certificate.not_valid_before_utc:
            raise CertificateRefused("the certificate is not valid yet")
        if now <= certificate.not_valid_after_utc:
            return False
        if not record.allow_expired_certificate:
            raise CertificateRefused("the certificate has expired")
        return True

    async def _revoked(
        self, certificate: x509.Certificate, issuers: Sequence[x509.Certificate], der: bytes
    ) -> bool:
        if self._lists is not None:
            path = [certificate, *issuers]
            if any(self._lists.name(*pair) for pair in zip(path, issuers, strict=False)):
                return True
        return self._is_revoked is not None and await self._is_revoked(der)


def _all(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(oid)]
