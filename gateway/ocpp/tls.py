"""The charge points' TLS listener: its certificates, its suites, whose clients it knows.

What the clauses ask for is the same in the 1.6 white paper and in 2.0.1, under neighbouring
numbers; those of 2.0.1 are named. An RSA and an ECDSA certificate serve side by side, because the
required suites need both (A00.FR.318). Files are looked at again now and then: new ones count for
the next handshake, and no connection ends because of that (security-and-faults 14).
"""

import ssl
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509
from prometheus_client import Counter, Gauge

from gateway.ocpp.limits import TokenBucket
from gateway.services.security.trust import Trust

log = structlog.get_logger(__name__)

REFUSED = Counter("gateway_ocpp_tls_refused", "TLS handshakes that failed", ["reason"])
EXPIRY = Gauge(
    "gateway_ocpp_tls_certificate_expiry_seconds",
    "When a certificate of the charge points' listener ends, as a Unix time",
    ["file"],
)

# The suites of A00.FR.318 and their ECDHE_RSA siblings, strongest first. TLS 1.3 brings its own.
_SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "AES256-GCM-SHA384",  # TLS_RSA_WITH_AES_256_GCM_SHA384
    "AES128-GCM-SHA256",
    "@SECLEVEL=2",  # 112 bits, which is what A00.FR.502 and .503 come to
)
# 1.6 A00.FR.324: TLS_RSA_WITH_AES_128_CBC_SHA "only for TLS v1.0/1.1 connections". Its SHA-1
# signatures are below every security level but 0.
_LEGACY_SUITES = ("AES128-SHA", "@SECLEVEL=0")

# X509_V_FLAG_NO_CHECK_TIME: whether an expired certificate may come in depends on the charge
# point (A00.FR.429), which is not known before the HTTP request. `PresentedCertificates` looks at
# the times of the whole path.
_NO_CHECK_TIME = 0x200000

_LOG_RATE, _LOG_BURST = 1, 100  # of refused handshakes, a second and at once
_WARN_DAYS = 14

# OpenSSL's words for why, where they tell an operator something; the rest is "other".
_REASONS = {
    "UNSUPPORTED_PROTOCOL": "version",
    "WRONG_VERSION_NUMBER": "version",
    "WRONG_SSL_VERSION": "version",
    "VERSION_TOO_LOW": "version",
    "NO_SHARED_CIPHER": "cipher suite",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "cipher suite",
    "CERTIFICATE_VERIFY_FAILED": "client certificate",
    "HTTP_REQUEST": "no TLS",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "our certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "our certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "our certificate",
}


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A certificate chain and its key, PEM."""

    certificate: Path
    key: Path


class ServerTls:
    """What a listener needs. `context` is for listening; `refresh` takes changed files."""

    def __init__(
        self,
        files: Sequence[CertificateFiles],
        *,
        trust: Trust | None = None,
        legacy: bool = False,
        refused: Callable[[str], None] | None = None,
    ) -> None:
        """Raises `OSError` (with `ssl.SSLError`) and `ValueError` for files that are no use."""
        self._files = tuple(files)
        self._trust = trust
        self._legacy = legacy
        self._refused = refused or RefusedHandshakes()
        self._stamps = _stamps(self._files)
        if trust is not None:
            trust.refresh()
        self._authorities = trust.authorities if trust else ()
        self._current = self.context = self._made()
        # asked at every handshake, with a server name or without
        self.context.sni_callback = self._choose
        self._expiries = _expiries(self._files)

    def refresh(self) -> None:
        """Serve what the files hold now; a file that is broken changes nothing."""
        if self._trust is not None:
            self._trust.refresh()
            if self._trust.authorities != self._authorities:
                self._authorities = self._trust.authorities
                self._stamps = ()
        try:
            stamps = _stamps(self._files)
            if stamps == self._stamps:
                return
            current, expiries = self._made(), _expiries(self._files)
        except (OSError, ValueError) as error:
            log.error("certificates not taken", reason=str(error))
            return
        self._stamps, self._current, self._expiries = stamps, current, expiries
        # a connection keeps these of the context that it began with
        self.context.verify_mode = current.verify_mode
        self.context.verify_flags = current.verify_flags
        log.info("certificates taken", files=[str(one.certificate) for one in self._files])

    def warnings(self, now: datetime) -> list[str]:
        """Which certificates end soon, for the operator."""
        return [
            f"the certificate in {path.name} ends at {end:%Y-%m-%d %H:%M} UTC"
            for path, end in self._expiries.items()
            if (end - now).days < _WARN_DAYS
        ]

    def _made(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = type(
            "WatchedTls", (_WatchedTls,), {"refused": staticmethod(self._refused)}
        )
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
        _set_versions(context, legacy=self._legacy)
        for one in self._files:
            context.load_cert_chain(one.certificate, one.key)
        if self._authorities and self._trust is not None:
            context.load_verify_locations(cadata=self._trust.pem())
            # asked for, not demanded: stations of profile 2 come to the same port
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags = ssl.VerifyFlags(context.verify_flags | _NO_CHECK_TIME)
        return context

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _on: ssl.SSLContext) -> None:
        if connection.context is not self._current:
            connection.context = self._current


class _WatchedTls(ssl.SSLObject):
    """Says when a handshake fails: neither event loop tells anybody.

    With TLS 1.3 a client has its handshake behind it before we have seen its certificate; ours
    ends only then, so that no request of it is read before.
    """

    refused: Callable[[str], None]

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            detail = getattr(error, "verify_message", None)
            reason = error.reason or "cut off"
            type(self).refused(f"{reason}: {detail}" if detail else reason)
            raise


class RefusedHandshakes:
    """Counts the handshakes that failed, and logs them as long as that is no flood (A00.FR.323).

    Whose they were is not known: the failure comes before there is a connection to ask.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._allowance = TokenBucket(_LOG_RATE, _LOG_BURST, clock())
        self._left_out = 0

    def __call__(self, reason: str) -> None:
        REFUSED.labels(_REASONS.get(reason.partition(":")[0], "other")).inc()
        now = self._clock()
        if not self._allowance.left(now):
            self._left_out += 1
            return
        self._allowance.spend(now)
        log.warning("tls handshake refused", reason=reason, not_logged_before=self._left_out)
        self._left_out = 0


def _set_versions(context: ssl.SSLContext, *, legacy: bool) -> None:
    if not legacy:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(_SUITES))
        return
    context.set_ciphers(":".join(_LEGACY_SUITES))
    with warnings.catch_warnings():
        # that they are deprecated is why the operator has to ask for them
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1


def _stamps(files: Iterable[CertificateFiles]) -> tuple[Any, ...]:
    return tuple(
        (path, path.stat().st_mtime_ns, path.stat().st_ino)
        for one in files
        for path in (one.certificate, one.key)
    )


def _expiries(files: Iterable[CertificateFiles]) -> dict[Path, datetime]:
    found = {}
    for one in files:
        leaf = x509.load_pem_x509_certificates(one.certificate.read_bytes())[0]
        found[one.certificate] = leaf.not_valid_after_utc
        EXPIRY.labels(one.certificate.name).set(leaf.not_valid_after_utc.timestamp())
    return found
