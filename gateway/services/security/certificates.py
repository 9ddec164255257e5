"""The certificates that charge points have installed, for the operator: list, install, delete.

What is installed is asked of the charge point each time: nobody else knows. A certificate is
deleted by the hash data that the charge point itself has reported (M04.FR.07), and the last root
of its use only when the operator insists, because the charge point may then trust nobody.
"""

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from gateway.domain.certificates import (
    CertificateUse,
    DeleteCertificate,
    HashData,
    InstallCertificate,
    InstalledCertificate,
    ListAllCertificates,
    ListCertificates,
    RequestCertificateSigning,
    listed,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.services.security.certificate_hashes import hash_data
from gateway.services.security.certificate_requests import BadRequest, check_key
from gateway.services.stations.routing import StationRouter

_CALL_SECONDS = 30.0
_USES_OF_EVERY_VERSION = (CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT)


class UnusableCertificate(ValueError):
    """The certificate is none that a charge point should get; the text says why."""


class NotAnswered(Exception):
    """The charge point did not say what it has."""

    def __init__(self, reply: CommandReply) -> None:
        super().__init__(reply.status or reply.outcome.value)
        self.reply = reply


class NotInstalled(LookupError):
    """The charge point has no such certificate."""


class Ambiguous(Exception):
    """Several certificates have this serial number; the issuer's key hash tells them apart."""


class LastRoot(Exception):
    """It is the last root of its use; without it the charge point may trust nobody."""


class InstalledCertificates:
    """Asks charge points, whichever node holds their sockets."""

    def __init__(self, router: StationRouter, now: Callable[[], datetime]) -> None:
        self._router = router
        self._now = now

    async def all(self, identity: str) -> list[InstalledCertificate]:
        """Everything that is installed. Raises `NotAnswered`."""
        reply = await self._ask(identity, ListAllCertificates())
        if reply.outcome is not CommandOutcome.NOT_SUPPORTED:
            return _read(reply)
        found: list[InstalledCertificate] = []
        for use in _USES_OF_EVERY_VERSION:
            found += _read(await self._ask(identity, ListCertificates(use)))
        return found

    async def of_use(self, identity: str, use: str) -> list[InstalledCertificate]:
        """What is installed for one use. Raises `NotAnswered`."""
        return _read(await self._ask(identity, ListCertificates(use)))

    async def install(
        self, identity: str, use: str, certificate: str
    ) -> tuple[CommandReply, HashData | None]:
        """Install a root; with the charge point's answer comes what it will be listed as.

        The hash data is None where its issuer is another. Raises `UnusableCertificate`.
        """
        root = self._checked(certificate)
        reply = await self._ask(identity, InstallCertificate(use, certificate))
        is_root = root.issuer == root.subject
        return reply, hash_data(root, root) if is_root else None

    async def delete(
        self,
        identity: str,
        serial_number: str,
        issuer_key_hash: str | None = None,
        *,
        confirmed: bool = False,
    ) -> CommandReply:
        """Delete one. Raises `NotAnswered`, `NotInstalled`, `Ambiguous`, `LastRoot`."""
        installed = await self.all(identity)
        found = _found(installed, serial_number, issuer_key_hash)
        same_use = [one for one in installed if one.use == found.use]
        if len(same_use) == 1 and found.use != CertificateUse.V2G_CHAIN and not confirmed:
            raise LastRoot(found.use)
        reply = await self._ask(identity, _delete(found.hash_data.normal()))
        if reply.status == "NotFound" and found.hash_data != found.hash_data.normal():
            # it compares letter by letter: give it back its own spelling
            reply = await self._ask(identity, _delete(found.hash_data))
        return reply

    async def renew(self, identity: str, use: str) -> CommandReply:
        """Have the charge point send a new signing request."""
        return await self._ask(identity, RequestCertificateSigning(use))

    async def _ask(
        self,
        identity: str,
        command: ListAllCertificates
        | ListCertificates
        | InstallCertificate
        | DeleteCertificate
        | RequestCertificateSigning,
    ) -> CommandReply:
        return await self._router.execute(identity, command, _CALL_SECONDS)

    def _checked(self, certificate: str) -> x509.Certificate:
        try:
            (found,) = x509.load_pem_x509_certificates(certificate.encode())
            check_key(found.public_key())
            constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        except BadRequest as bad:
            raise UnusableCertificate(str(bad)) from None
        except x509.ExtensionNotFound:
            raise UnusableCertificate("it is no certificate of an authority") from None
        except (ValueError, UnsupportedAlgorithm) as error:
            raise UnusableCertificate(f"not one PEM certificate: {error}") from None
        if not constraints.ca:
            raise UnusableCertificate("it is no certificate of an authority")
        if found.not_valid_after_utc <= self._now():
            raise UnusableCertificate("it has expired")
        return found


def _read(reply: CommandReply) -> list[InstalledCertificate]:
    if not reply.accepted:
        raise NotAnswered(reply)
    return listed(reply.data["certificates"])


def _found(
    installed: list[InstalledCertificate], serial_number: str, issuer_key_hash: str | None
) -> InstalledCertificate:
    wanted = serial_number.lower().lstrip("0") or "0"
    found = [
        one
        for one in installed
        if one.hash_data.normal().serial_number == wanted
        and issuer_key_hash in (None, one.hash_data.issuer_key_hash)
    ]
    if not found:
        raise NotInstalled(serial_number)
    if len(found) > 1:
        raise Ambiguous(serial_number)
    return found[0]


def _delete(hash_data: HashData) -> DeleteCertificate:
    return DeleteCertificate(*astuple(hash_data))
