"""Whose client certificates are believed: authorities from a file, and from whoever has some.

The file is a PEM bundle of roots and of the authorities below them that sign stations'
certificates. It is read again when it changes, so an authority that is taken out is not believed
any more from then on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

log = structlog.get_logger(__name__)

Provider = Callable[[], Sequence[x509.Certificate]]
"""Authorities that are known now, such as the built-in one's."""

_LONGEST_PATH = 10


class Trust:
    """The authorities that count now. `refresh` takes what has changed since."""

    def __init__(self, bundle: Path | None = None, providers: Sequence[Provider] = ()) -> None:
        """Raises `OSError` and `ValueError` when the bundle cannot be read."""
        self._bundle = bundle
        self._providers = list(providers)
        self._read_at = -1
        self._in_bundle: tuple[x509.Certificate, ...] = ()
        if bundle is not None:
            self._read(bundle)
        self.authorities: tuple[x509.Certificate, ...] = ()
        self._by_subject: dict[bytes, list[x509.Certificate]] = {}
        self.refresh()

    def add(self, provider: Provider) -> None:
        """Believe these as well, from the next `refresh` on."""
        self._providers.append(provider)

    def refresh(self) -> None:
        """Look at the file and the providers again; a file that is broken changes nothing."""
        if self._bundle is not None:
            try:
                self._read(self._bundle)
            except (OSError, ValueError) as error:
                log.error("authorities not read", file=str(self._bundle), reason=str(error))
        provided = [one for provider in self._providers for one in provider()]
        found = tuple(dict.fromkeys([*self._in_bundle, *provided]))
        if found == self.authorities:
            return
        self.authorities = found
        self._by_subject = {}
        for one in found:
            self._by_subject.setdefault(one.subject.public_bytes(), []).append(one)
        log.info("authorities of client certificates", count=len(found))

    def _read(self, bundle: Path) -> None:
        modified = bundle.stat().st_mtime_ns
        if modified != self._read_at:
            self._in_bundle = tuple(x509.load_pem_x509_certificates(bundle.read_bytes()))
            self._read_at = modified

    def pem(self) -> str:
        """All of them, one after the other."""
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in self.authorities)

    def issuers(self, certificate: x509.Certificate) -> list[x509.Certificate] | None:
        """Who signed it, up to a root or the last one that is known; None when nobody here did."""
        path: list[x509.Certificate] = []
        child = certificate
        while len(path) < _LONGEST_PATH:
            issuer = self._issuer(child)
            if issuer is None or issuer == child:
                break
            path.append(issuer)
            child = issuer
        return path or None

    def _issuer(self, certificate: x509.Certificate) -> x509.Certificate | None:
        for candidate in self._by_subject.get(certificate.issuer.public_bytes(), ()):
            try:
                certificate.verify_directly_issued_by(candidate)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return candidate
        return None
