"""How a station proves who it is and whom it believes: password, TLS roots, client certificate.

Security profiles: 0 nothing, 1 password, 2 password over TLS, 3 client certificate over TLS.
"""

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulators.charge_point.certificates import CSMS_ROOT, CertificateStore, pem_of


@dataclass(frozen=True)
class ClientCertificate:
    """PEM: the station's own certificate with the ones above it, and its private key."""

    chain: bytes
    key: bytes = field(repr=False)


class Trust:
    """What a station believes and shows over TLS; changes count from the next connection."""

    def __init__(
        self,
        store: CertificateStore,
        roots: bytes | None,
        certificate: ClientCertificate | None,
        given: ssl.SSLContext | None,
    ) -> None:
        self.certificate = certificate
        self._store = store
        self._roots = roots
        self._given = given

    def context(self, url: str) -> ssl.SSLContext | None:
        """For the CSMS: its roots are those given and those installed since."""
        if self._given is not None or not url.startswith("wss:"):
            return self._given
        installed = [pem_of(one.certificate) for one in self._store.listed([CSMS_ROOT])]
        given = [] if self._roots is None else [self._roots]
        return tls_context([*given, *installed], self.certificate)

    def for_files(self, csms: ssl.SSLContext | None) -> ssl.SSLContext | None:
        """For https servers: they are believed as the CSMS is; None: by the machine's roots."""
        if csms is not None or self._roots is None:
            return csms
        return tls_context([self._roots])


def tls_context(roots: Sequence[bytes], own: ClientCertificate | None = None) -> ssl.SSLContext:
    """Believes these roots, PEM, or without any the machine's; TLS 1.2 at least."""
    context = ssl.create_default_context()
    if roots:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=b"\n".join(roots).decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if own is not None:
        _load(context, own)
    return context


def _load(context: ssl.SSLContext, own: ClientCertificate) -> None:
    # The ssl module reads a key from a file only; the directory is this user's alone.
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "own.pem"
        file.write_bytes(own.key + b"\n" + own.chain)
        context.load_cert_chain(file)
