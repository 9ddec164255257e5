"""What a charge point's certificate signing request must be before anybody signs it.

The checks are those of A00.FR.501 to .511 (security white paper 2.6.1, OCPP 2.0.1 A00): a key
that is long enough, a subject that names this charge point and its operator, and the proof that
the sender has the private key.
"""

from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

MIN_RSA_BITS = 2048  # A00.FR.502
MAX_RSA_BITS = 8192  # beyond, checking a signature is work that a stranger could order
MIN_EC_BITS = 224  # A00.FR.503
MAX_CN = 64  # ub-common-name of RFC 5280

# What reading a stranger's DER may raise; InvalidVersion is a plain Exception.
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


class BadRequest(ValueError):
    """The request will not be signed; the text says why, for the operator."""


def checked(csr: str, names: frozenset[str], organization: str) -> x509.CertificateSigningRequest:
    """Read a request whose subject must be one of `names` of `organization`.

    Raises `BadRequest`, and nothing else, whatever the text is.
    """
    request = _read(csr)
    check_key(_public_key(request))
    if not _signed_by_its_key(request):
        raise BadRequest("the request is not signed with its own key")
    check_subject(_subject(request), names, organization)
    return request


def check_subject(subject: x509.Name, names: frozenset[str], organization: str) -> None:
    """CN names the charge point (A00.FR.511) and O its operator (A00.FR.509), else `BadRequest`."""
    common_name = _only(subject, NameOID.COMMON_NAME, "CN")
    if looks_like_an_address(common_name):
        raise BadRequest(f"CN {common_name!r} is a URL or an IP address")
    if common_name not in names:
        raise BadRequest(f"CN {common_name!r} is not this charge point's")
    found = _only(subject, NameOID.ORGANIZATION_NAME, "O")
    if found != organization:
        raise BadRequest(f"O {found!r} is not {organization!r}")


def check_key(key: CertificatePublicKeyTypes) -> None:
    """Raises `BadRequest` unless the key is RSA or EC and long enough (A00.FR.501)."""
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise BadRequest(f"RSA key of {key.key_size} bits")
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < MIN_EC_BITS:
            raise BadRequest(f"EC key of {key.key_size} bits")
    else:
        raise BadRequest(f"{type(key).__name__} is neither RSA nor EC")


def looks_like_an_address(name: str) -> bool:
    """Whether a name has the form of a URL or an IP address."""
    if "://" in name or "/" in name:
        return True
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _read(csr: str) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(csr.encode())
    except _UNREADABLE as error:
        raise BadRequest(f"no PEM certificate signing request: {error}") from None


def _public_key(request: x509.CertificateSigningRequest) -> CertificatePublicKeyTypes:
    try:
        return request.public_key()
    except _UNREADABLE as error:
        raise BadRequest(f"a key that cannot be read: {error}") from None


def _signed_by_its_key(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.is_signature_valid
    except _UNREADABLE as error:
        raise BadRequest(f"a signature that cannot be checked: {error}") from None


def _subject(request: x509.CertificateSigningRequest) -> x509.Name:
    try:
        return request.subject
    except _UNREADABLE as error:
        raise BadRequest(f"a subject that cannot be read: {error}") from None


def _only(subject: x509.Name, oid: x509.ObjectIdentifier, called: str) -> str:
    found = [str(attribute.value) for attribute in subject.get_attributes_for_oid(oid)]
    if len(found) != 1 or not found[0]:
        raise BadRequest(f"the subject has {len(found)} {called}")
    return found[0]
