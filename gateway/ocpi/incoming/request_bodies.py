"""Members of requests' bodies and queries, read one by one. All raise `InvalidParameters`."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.timestamps import from_text
from gateway.ocpi.incoming.errors import InvalidParameters

CISTRING = 36
_LONGEST_URL = 2048
_LONGEST_DATE_TIME = 40
_MOST = 2**31 - 1


def response_url(body: Mapping[str, Any]) -> str:
    """The URL where the result goes; it is used verbatim."""
    url = body.get("response_url")
    if isinstance(url, str) and len(url) <= _LONGEST_URL and _is_plain_http(url):
        return url
    raise InvalidParameters("response_url is not an http(s) URL")


def id_(body: Mapping[str, Any], name: str, longest: int = CISTRING) -> str:
    """A CiString that must be there."""
    value = optional_id(body, name, longest)
    if value is None:
        raise InvalidParameters(f"{name} is missing")
    return value


def optional_id(body: Mapping[str, Any], name: str, longest: int = CISTRING) -> str | None:
    """A CiString. An empty one is taken for absent: so some peers send what they leave out."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise InvalidParameters(f"{name} is not a CiString({longest})")
    return value


def moment(body: Mapping[str, Any], name: str) -> datetime:
    """A DateTime that must be there."""
    value = optional_moment(body, name)
    if value is None:
        raise InvalidParameters(f"{name} is missing")
    return value


def optional_moment(body: Mapping[str, Any], name: str) -> datetime | None:
    """A DateTime; without a zone it is UTC (types 1.5)."""
    value = body.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, str) and len(value) <= _LONGEST_DATE_TIME:
            return from_text(value)
    except (ValueError, OverflowError):
        pass
    raise InvalidParameters(f"{name} is not a DateTime")


def optional_number(body: Mapping[str, Any], name: str) -> Decimal | None:
    """A number that is not negative."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and 0 <= number <= _MOST:
            return number
    raise InvalidParameters(f"{name} is not a number that can be")


def optional_integer(body: Mapping[str, Any], name: str) -> int | None:
    """An int that is not negative."""
    number = optional_number(body, name)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise InvalidParameters(f"{name} is not an int")
    return int(number)


def _is_plain_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and "@" not in parts.netloc
