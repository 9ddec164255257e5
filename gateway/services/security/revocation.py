"""Revoked certificates: those that charge points show in TLS (A00.FR.702 to .704), and our own.

What the built-in authority has issued is looked up in its own list. Others are asked for at the
OCSP responder that the certificate names. When that one does not answer, or does not know the
certificate, the charge point is let in, unless the operator has said otherwise: a responder's
outage must not take a whole fleet off the network.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import AuthorityInformationAccessOID

from gateway.domain.certificates import CertificateState, CertificateStatusRequested
from gateway.domain.timestamps import to_text
from gateway.services.security.certificate_authority import BuiltInAuthority
from gateway.services.security.certificate_hashes import hash_data
from gateway.services.security.ocsp import Issuers, Responders
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

log = structlog.get_logger(__name__)

_REVOKED_TOPIC = "certificate-revoked"


class Revocation:
    """What was revoked, by the built-in authority or by others."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        built_in: BuiltInAuthority | None,
        responders: Responders,
        issuers: Issuers,
        *,
        answer_required: bool,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._router = router
        self._built_in = built_in
        self._responders = responders
        self._issuers = issuers
        self._answer_required = answer_required
        self._now = now
        self._closing: set[asyncio.Task[None]] = set()
        store.bus.subscribe(_REVOKED_TOPIC, self._revoked)

    async def is_revoked(self, der: bytes) -> bool:
        """Whether to refuse this certificate, whose path TLS has verified. DER, as TLS shows it."""
        certificate = x509.load_der_x509_certificate(der)
        serial = f"{certificate.serial_number:x}"
        if await self._is_ours(certificate):
            issued = await self._store.certificates.issued(serial)
            return issued is not None and issued["revoked_at"] is not None
        question = self._question(certificate)
        if question is None:
            return False
        status = await self._responders.status(question)
        if status.state in (CertificateState.FAILED, CertificateState.UNKNOWN):
            log.warning(
                "revocation of a client certificate is not known",
                serial_number=serial,
                state=status.state.value,
                refused=self._answer_required,
            )
            return self._answer_required
        return status.state is CertificateState.REVOKED

    async def issued(self, identity: str | None = None) -> list[dict[str, Any]]:
        """What the built-in authority has issued, the newest first."""
        found = await self._store.certificates.all_issued()
        wanted = [one for one in found if identity is None or one["identity"] == identity]
        return sorted(wanted, key=lambda one: str(one["issued_at"]), reverse=True)

    async def revoke(self, serial: str) -> dict[str, Any] | None:
        """Revoke what the built-in authority has issued; None when there is no such.

        A charge point that is connected by a certificate has to connect anew.
        """
        serial = serial.lower().lstrip("0")
        issued = await self._store.certificates.issued(serial)
        if issued is not None and issued["revoked_at"] is None:
            issued["revoked_at"] = to_text(self._now())
            await self._store.certificates.put_issued(serial, issued)
            await self._store.bus.publish(_REVOKED_TOPIC, {"identity": issued["identity"]})
            log.warning(
                "certificate revoked", charge_point=issued["identity"], serial_number=serial
            )
        return issued

    async def close(self) -> None:
        """Let the connections end that are being closed."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _revoked(self, message: dict[str, Any]) -> None:
        here = self._router.local(message["identity"])
        if here is not None and here[0].certificate is not None:
            task = asyncio.create_task(here[1].close("certificate revoked"))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _is_ours(self, certificate: x509.Certificate) -> bool:
        """By the key, not by the name, which anybody can take."""
        if self._built_in is None:
            return False
        return _issued(certificate, (await self._built_in.keys()).issuing)

    def _question(self, certificate: x509.Certificate) -> CertificateStatusRequested | None:
        url = _responder_url(certificate)
        issuer = next((one for one in self._issuers() if _issued(certificate, one)), None)
        if url is None or issuer is None:
            return None
        return CertificateStatusRequested(hash_data(certificate, issuer), url)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _responder_url(certificate: x509.Certificate) -> str | None:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return None
    for one in access.value:
        is_ocsp = one.access_method == AuthorityInformationAccessOID.OCSP
        if is_ocsp and isinstance(one.access_location, x509.UniformResourceIdentifier):
            return one.access_location.value
    return None
