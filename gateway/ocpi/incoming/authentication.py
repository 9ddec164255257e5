"""Which partner calls: the Authorization header (transport_and_format 4.1.2, ocpi-rules 1 and 2).

2.1.1 sends the token as it is, later versions in Base64, and "many OCPI 2.1.1 and 2.2
implementations do not". Either form is taken from everybody: a token is 288 random bits that we
made, so that no reading of one can be another partner's by accident.
"""

import base64
import binascii
from collections.abc import Callable

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.incoming.errors import Unauthorized

_LONGEST_HEADER = 512


def authenticate(
    header: str | None, by_token: Callable[[str], Partner | None]
) -> tuple[Partner, str]:
    """The partner and the credentials token that it presented. Raises `Unauthorized`.

    A token as it is may happen to be valid Base64 (2.1.1's own sample is), so both readings are
    looked up, and not the second only where decoding fails.
    """
    for token in _readings(header):
        partner = by_token(token)
        if partner is not None and partner.state is not PartnerState.UNREGISTERED:
            return partner, token
    raise Unauthorized("The credentials token is missing or unknown")


def _readings(header: str | None) -> list[str]:
    if header is None or len(header) > _LONGEST_HEADER:
        return []
    scheme, _, sent = header.partition(" ")
    sent = sent.strip()
    # "printable non-whitespace ASCII" (credentials object): other bytes cannot even be hashed
    if scheme.lower() != "token" or not sent or not sent.isascii():
        return []
    decoded = _decode(sent)
    # The specification's own example decodes to "example-token\n"; the newline is never part.
    return [sent] if decoded is None else [decoded.rstrip("\r\n"), sent]


def _decode(encoded: str) -> str | None:
    padded = encoded + "=" * (-len(encoded) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
