"""Which partner calls: the Authorization header (2.2.1 transport_and_format, rules 1 and 2)."""

import base64
import binascii
from collections.abc import Callable

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.errors import Unauthorized

RAW_TOKEN_QUIRK = "raw_token"  # noqa: S105 - the name of a quirk
_LONGEST_HEADER = 512


def authenticate(
    header: str | None, version: str | None, by_token: Callable[[str], Partner | None]
) -> tuple[Partner, str]:
    """The partner and the credentials token that it presented. Raises `Unauthorized`.

    `version` is the OCPI version in the URL, None for the list of versions. The Base64 form is
    tried first; a token sent as it is counts for 2.1.1, and for a partner known to do so.
    """
    for token, raw in _candidates(header):
        partner = by_token(token)
        if partner is None or partner.state is PartnerState.UNREGISTERED:
            continue
        if raw and version != "2.1.1" and RAW_TOKEN_QUIRK not in partner.quirks:
            continue
        return partner, token
    raise Unauthorized("The credentials token is missing or unknown")


def _candidates(header: str | None) -> list[tuple[str, bool]]:
    if header is None or len(header) > _LONGEST_HEADER:
        return []
    scheme, _, encoded = header.partition(" ")
    encoded = encoded.strip()
    if scheme.lower() != "token" or not encoded:
        return []
    candidates = []
    decoded = _decode(encoded)
    if decoded is not None:
        # The specification's own example decodes to "example-token\n"; its tokens are
        # "printable non-whitespace ASCII" (credentials object), so the newline is never part.
        candidates.append((decoded.rstrip("\r\n"), False))
    candidates.append((encoded, True))
    return candidates


def _decode(encoded: str) -> str | None:
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
