"""What a partner's answer means: one table for every HTTP status and OCPI status code (R12).

The HTTP status speaks first ("The transport layer ends after a message is correctly parsed into a
(semantically unvalidated) JSON structure", status_codes); inside a 2xx the OCPI code decides.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto

LONGEST_RETRY_AFTER = 3600.0


class Meaning(Enum):
    """What the sender of a request has to make of the answer."""

    DONE = auto()
    REFUSED = auto()  # for good: the same request will be refused again
    UNKNOWN_OBJECT = auto()  # the partner does not hold what was addressed: PUT the whole
    EXISTS = auto()  # the partner already has it
    UNREACHABLE = auto()  # says nothing about the object: try later
    UNAUTHORIZED = auto()  # our token is not, or no longer, valid


HTTP: dict[int, Meaning] = {
    # transport_and_format 4.1.2: missing or unknown token.
    401: Meaning.UNAUTHORIZED,
    # Not in OCPI; firewalls and gateways in front of a partner say it. Nothing was judged.
    403: Meaning.UNREACHABLE,
    404: Meaning.UNKNOWN_OBJECT,
    # Proxies in between, not the partner's verdict on the object.
    407: Meaning.UNREACHABLE,
    408: Meaning.UNREACHABLE,
    # What common frameworks answer to a POST of an id that is there (CDRs, R14).
    409: Meaning.EXISTS,
    410: Meaning.UNKNOWN_OBJECT,
    421: Meaning.UNREACHABLE,
    425: Meaning.UNREACHABLE,
    429: Meaning.UNREACHABLE,
    # The method or feature is missing; waiting does not bring it.
    501: Meaning.REFUSED,
}
HTTP_CLASS: dict[int, Meaning] = {
    1: Meaning.UNREACHABLE,
    # Redirects are not followed (S11); the operator has to correct the endpoint.
    3: Meaning.UNREACHABLE,
    # 400 is "not a valid JSON string"; 405 in OCPI is a wrong method for the state.
    4: Meaning.REFUSED,
    5: Meaning.UNREACHABLE,
}
OCPI: dict[int, Meaning] = {
    # Unknown Location: answered to an EVSE of a location that was never pushed.
    2003: Meaning.UNKNOWN_OBJECT,
    2004: Meaning.UNKNOWN_OBJECT,
    # Hub: the receiver's address is unknown. 4000, 4002 and 4003 are troubles that pass.
    4001: Meaning.REFUSED,
}
# "Timeout on forwarded request", "receiving party is not connected": the hub itself is well.
BEYOND_HUB = frozenset({4002, 4003})
OCPI_CLASS: dict[int, Meaning] = {
    1: Meaning.DONE,
    2: Meaning.REFUSED,
    # "The message was syntactically correct but could not be processed by the server."
    3: Meaning.UNREACHABLE,
    4: Meaning.UNREACHABLE,
}


def meaning(http_status: int, status_code: int | None) -> Meaning:
    """Judge an answer. `status_code` None: a body without an OCPI envelope."""
    if 200 <= http_status < 300:
        if status_code is None:
            return Meaning.UNREACHABLE
        return OCPI.get(status_code, OCPI_CLASS.get(status_code // 1000, Meaning.UNREACHABLE))
    return HTTP.get(http_status, HTTP_CLASS.get(http_status // 100, Meaning.UNREACHABLE))


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, seconds or HTTP date (RFC 9110 10.2.3).

    Bounded to an hour, so that no partner can silence itself for ever by mistake.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)
