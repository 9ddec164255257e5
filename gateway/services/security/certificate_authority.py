"""Who signs the charge points' certificates: the built-in authority, or one behind a hook.

The standards would rather have the management system not sign itself (A02.FR.04): the built-in
authority is for operators who have no other. It has a root, which the charge points' listener
trusts, and an issuing certificate below it, which signs. Both keys are ECDSA P-256, made at first
use, and lie in the store sealed with the gateway's secret key, where all nodes find them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway import exact_json
from gateway.domain.certificates import SigningUse
from gateway.domain.timestamps import to_text
from gateway.services.security import certificate_templates as templates
from gateway.services.security.certificate_templates import pem
from gateway.store import Store

ROOT_YEARS, ISSUING_YEARS = 30, 20
_CLOCKS = timedelta(hours=1)  # charge points' clocks may be that much behind
_NAME = "built-in"
_HOOK_SECONDS = 60.0
_HOOKS_AT_ONCE = 20  # after an outage, everybody is waiting


class AuthorityUnavailable(Exception):
    """Nobody could sign now; it is worth trying again."""


class SigningRefused(Exception):
    """The authority will never sign this one."""


@dataclass(frozen=True, slots=True)
class SigningOrder:
    """One checked request. `use` is a SigningUse's word."""

    identity: str
    csr: str
    use: str


class CertificateAuthority(Protocol):
    """What signs requests."""

    def signs(self, use: str) -> bool:
        """Whether certificates of this use can be had from it."""
        ...

    async def sign(self, order: SigningOrder) -> str:
        """The chain as PEM, the new certificate first.

        Raises `AuthorityUnavailable`, `SigningRefused`.
        """
        ...


Hook = Callable[[str, str, str], Awaitable[str]]
"""`async (csr_pem, identity, use) -> chain_pem`; raises `SigningRefused` to refuse for good."""


class NoAuthority:
    """For operators who have none: nothing is signed."""

    def signs(self, use: str) -> bool:
        """Never."""
        return False

    async def sign(self, order: SigningOrder) -> str:
        """What was accepted while there was an authority is given up."""
        raise SigningRefused("there is no certificate authority")


class HookAuthority:
    """An authority of the operator's own, behind a Python function."""

    def __init__(self, hook: Hook, timeout: float = _HOOK_SECONDS) -> None:
        self._hook = hook
        self._timeout = timeout
        self._turn = asyncio.Semaphore(_HOOKS_AT_ONCE)

    def signs(self, use: str) -> bool:
        """The hook decides when it is asked."""
        return True

    async def sign(self, order: SigningOrder) -> str:
        """Ask the hook, in bounded time."""
        try:
            async with self._turn, asyncio.timeout(self._timeout):
                chain = await self._hook(order.csr, order.identity, order.use)
        except SigningRefused:
            raise
        except TimeoutError:
            raise AuthorityUnavailable(f"the hook took over {self._timeout} s") from None
        except Exception as error:  # whatever the operator's code raises, the order stays
            raise AuthorityUnavailable(repr(error)) from error
        try:
            x509.load_pem_x509_certificates(chain.encode())
        except (ValueError, AttributeError) as error:
            raise AuthorityUnavailable(f"the hook returned no PEM chain: {error}") from None
        return chain


@dataclass(frozen=True, slots=True)
class Keys:
    """The authority's own certificates, and the key that signs."""

    root: x509.Certificate
    issuing: x509.Certificate
    issuing_key: ec.EllipticCurvePrivateKey


class BuiltInAuthority:
    """The gateway's own authority for charging station certificates."""

    def __init__(
        self,
        store: Store,
        organization: str,
        validity: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._organization = organization
        self._validity = validity
        self._now = now
        self._keys: Keys | None = None

    def signs(self, use: str) -> bool:
        """V2G certificates belong to the hierarchy of ISO 15118, which is not ours."""
        return use == SigningUse.CHARGING_STATION

    async def keys(self) -> Keys:
        """Its certificates and signing key, made at the first call of all nodes."""
        if self._keys is None:
            records = self._store.certificates
            kept = await records.authority(_NAME)
            if kept is None:
                made = new_authority(self._organization, self._now())
                kept = await records.keep_authority(_NAME, made)
            self._keys = _load(kept)
        return self._keys

    def authorities(self) -> list[x509.Certificate]:
        """What a TLS listener needs to verify what was issued here; nothing before `keys`."""
        return [] if self._keys is None else [self._keys.root, self._keys.issuing]

    async def sign(self, order: SigningOrder) -> str:
        """Issue a client certificate for the request's key and subject, and remember it."""
        keys = await self.keys()
        request = x509.load_pem_x509_csr(order.csr.encode())
        now = self._now()
        end = min(now + self._validity, keys.issuing.not_valid_after_utc)
        if end <= now:
            raise SigningRefused("the built-in authority's own certificate has expired")
        certificate = templates.client(request, keys.issuing, keys.issuing_key, now - _CLOCKS, end)
        await self._remember(order.identity, certificate)
        return pem(certificate) + pem(keys.issuing)

    async def _remember(self, identity: str, certificate: x509.Certificate) -> None:
        serial = f"{certificate.serial_number:x}"
        await self._store.certificates.put_issued(
            serial,
            {
                "serial_number": serial,
                "identity": identity,
                "subject": certificate.subject.rfc4514_string(),
                "issued_at": to_text(self._now()),
                "not_after": to_text(certificate.not_valid_after_utc),
                "revoked_at": None,
            },
        )


def new_authority(organization: str, now: datetime) -> str:
    """Make a root and an issuing certificate, each with a key of its own; as JSON."""
    root_key, issuing_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_name = templates.name(organization, "Charge Point Root CA")
    issuing_name = templates.name(organization, "Charge Point Issuing CA")
    start = now - _CLOCKS
    root = templates.authority(root_name, root_name, root_key.public_key(), start, ROOT_YEARS, 1)
    root_certificate = root.sign(root_key, hashes.SHA256())
    issuing = templates.authority(
        issuing_name, root_name, issuing_key.public_key(), start, ISSUING_YEARS, 0
    ).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
    )
    made: dict[str, Any] = {
        "root": pem(root_certificate),
        "root_key": _key_pem(root_key),
        "issuing": pem(issuing.sign(root_key, hashes.SHA256())),
        "issuing_key": _key_pem(issuing_key),
    }
    return exact_json.dumps(made).decode()


def _load(kept: str) -> Keys:
    parts: dict[str, str] = exact_json.loads(kept)
    key = load_pem_private_key(parts["issuing_key"].encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the built-in authority's key is no EC key")
    return Keys(
        x509.load_pem_x509_certificate(parts["root"].encode()),
        x509.load_pem_x509_certificate(parts["issuing"].encode()),
        key,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
