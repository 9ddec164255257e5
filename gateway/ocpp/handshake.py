"""What a charge point says before the upgrade: its path, its credentials, its versions. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

MAX_IDENTITY = 48  # identifierString[48] (OCPP 2.0.1 part 4, 3.1.1)

# '/', '#' and '?' have a meaning in URLs, ':' one in Basic credentials (RFC 7617, 2).
_FORBIDDEN = re.compile(r"[/#?:\x00-\x1f\x7f-\x9f]")

T = TypeVar("T")


def identity_of(path: str, prefix: str = "ocpp") -> str | None:
    """The charge point's identity in a request path, None when the path has none.

    It is the last segment that is not empty, percent-decoded: chargers append a slash, double
    the one before, or put segments of their own before it (ocpp-rules 1). So `/ocpp/CP1/`,
    `/ocpp//CP1` and `/ocpp/extra/CP1` all mean CP1. A segment that decodes to a slash is no
    identity, and neither is a query.
    """
    segments = [segment for segment in urlsplit(f"//host{path}").path.split("/") if segment]
    if len(segments) < 2 or segments[0] != prefix:
        return None
    try:
        identity = unquote_to_bytes(segments[-1]).decode()
    except UnicodeDecodeError:
        return None
    if not identity or len(identity) > MAX_IDENTITY or _FORBIDDEN.search(identity):
        return None
    return identity


def tidied_request_line(line: bytes) -> bytes:
    """The request line with its path percent-encoded, as some chargers forget to.

    Spaces and non-ASCII letters of an identity come raw from them; an HTTP parser would give up.
    """
    method, _, rest = line.partition(b" ")
    path, _, version = rest.rpartition(b" ")
    return b" ".join((method, quote_from_bytes(path, _URL_SAFE).encode(), version))


# Everything that may stand in a URL, and the '%' of what is encoded already.
_URL_SAFE = "%!$&'()*+,-./:;=?@_~#[]|"


def basic_credentials(header: str) -> tuple[bytes, bytes] | None:
    """User name and password of an Authorization header, None when it is not Basic.

    Bytes, because passwords of stations are: NUL, 0xFF and ':' occur in them, so the split is
    at the first ':' (RFC 7617, 2).
    """
    scheme, _, encoded = header.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def preferred(offered: Sequence[str], served: Mapping[str, T]) -> tuple[str, T] | None:
    """The first of the charger's versions that we speak: the list is in its order (3.1.2).

    Case is forgiven; the answer repeats the charger's own spelling, as RFC 6455 wants.
    """
    for offer in offered:
        found = served.get(offer.lower())
        if found is not None:
            return offer, found
    return None
