"""OCPI's basic types as pydantic sees them: strict about values, tolerant about unknown members.

Decoded JSON goes in and the same shape comes out: times as text, numbers as `Decimal` or `int`.
Nothing is coerced from another JSON type: a boolean is no number and a number is no string.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from gateway.domain import timestamps

_DECIMAL_PLACES = 4
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>|&[a-z]+;")
_LARGEST = Decimal(10) ** 12


class OcpiObject(BaseModel):
    """A class of the standard.

    "An OCPI Platform SHALL NOT reject request or response payloads based on the presence of JSON
    object field names that are not documented" (2.3.0 transport_and_format): they are kept.
    """

    model_config = ConfigDict(extra="allow", strict=True)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("contains non-printable characters")
    return text


def _printable_ascii(text: str) -> str:
    if not text.isascii():
        raise ValueError("contains characters outside ASCII")
    return _printable(text)


def _date_time(text: str) -> str:
    # types 1.5: RFC 3339 in UTC, without a zone it is UTC. Read any zone, write Z.
    try:
        moment: datetime = timestamps.from_text(text)
        return timestamps.to_text(moment)
    except (ValueError, OverflowError):
        raise ValueError(f"is not an RFC 3339 time: {text!r}") from None


def _plain(text: str) -> str:
    # types 1.3: "No markup, html etc. allowed"
    if _MARKUP.search(text):
        raise ValueError("contains markup")
    return text


def _date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is no day of the calendar: {text!r}") from None
    return text


def _url(text: str) -> str:
    if not text.isascii() or " " in text:
        raise ValueError("is not a URL: other characters have to be percent-encoded")
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise ValueError("is not a URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("is not an http(s) URL")
    return text


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("is not a number")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    return value


def _four_decimals(value: Decimal) -> Decimal:
    # types 1.6: "Unless mentioned otherwise, numbers use 4 decimals and a sufficiently large
    # amount of digits"; 1e999999 is not sufficient but an attack
    if abs(value) > _LARGEST:
        raise ValueError("is too large")
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > _DECIMAL_PLACES:
        normal = value.normalize().as_tuple().exponent
        if isinstance(normal, int) and -normal > _DECIMAL_PLACES:
            raise ValueError("has more than 4 decimals")
    return value


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("is negative")
    return value


def folded(text: str, known: frozenset[str]) -> str | None:
    """The known value of an enum that a peer has spelt in another case; None if there is none."""
    return next((word for word in (text, text.upper()) if word in known), None)


def _truth(value: Any) -> Any:
    # some peers send "true"; nothing else is taken for a boolean
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower(), value)
    return value


def _or_nothing(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


OrNothing = WrapValidator(_or_nothing)
"""For an optional member that only informs: what breaks the standard is as if it were not there."""

Truth = Annotated[bool, BeforeValidator(_truth)]
Printable = Annotated[str, AfterValidator(_printable)]
Ascii = Annotated[str, AfterValidator(_printable_ascii)]

CiString4 = Annotated[Ascii, StringConstraints(min_length=1, max_length=4)]
CiString25 = Annotated[Ascii, StringConstraints(min_length=1, max_length=25)]
CiString36 = Annotated[Ascii, StringConstraints(min_length=1, max_length=36)]
CiString48 = Annotated[Ascii, StringConstraints(min_length=1, max_length=48)]

String2 = Annotated[Printable, StringConstraints(max_length=2)]
String4 = Annotated[Printable, StringConstraints(max_length=4)]
String10 = Annotated[Printable, StringConstraints(max_length=10)]
String12 = Annotated[Printable, StringConstraints(max_length=12)]
String16 = Annotated[Printable, StringConstraints(max_length=16)]
String45 = Annotated[Printable, StringConstraints(max_length=45)]
String50 = Annotated[Printable, StringConstraints(max_length=50)]
String64 = Annotated[Printable, StringConstraints(max_length=64)]
String100 = Annotated[Printable, StringConstraints(max_length=100)]
String255 = Annotated[Printable, StringConstraints(max_length=255)]
String512 = Annotated[Printable, StringConstraints(max_length=512)]

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True)]
PartyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{3}$", to_upper=True)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
# ISO 639-1 is written in lower case
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_lower=True)]
DateTime = Annotated[str, AfterValidator(_date_time)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([0-1][0-9]|2[0-3]):[0-5][0-9]$")]
Date = Annotated[
    str,
    StringConstraints(pattern=r"^([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"),
    AfterValidator(_date),
]
Latitude = Annotated[str, StringConstraints(max_length=10, pattern=r"^-?[0-9]{1,2}\.[0-9]{5,7}$")]
Longitude = Annotated[str, StringConstraints(max_length=11, pattern=r"^-?[0-9]{1,3}\.[0-9]{5,7}$")]
Url = Annotated[Printable, StringConstraints(max_length=255), AfterValidator(_url)]
# "Implementers of OCPI may use other values" (2.3.0 types, OpenEnum): any word will do.
OpenEnum = Annotated[Ascii, StringConstraints(min_length=1, max_length=255)]
Number = Annotated[Decimal, BeforeValidator(_number), AfterValidator(_four_decimals)]
Amount = Annotated[Number, AfterValidator(_not_negative)]


class DisplayText(OcpiObject):
    """Types 1.3."""

    language: Language
    text: Annotated[String512, AfterValidator(_plain)]


class InvalidDocument(ValueError):
    """A document breaks the standard; `errors` says where and how, one line each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


_CASE = re.compile(r"^(Value error, )")


def say(error: Any) -> str:
    """One pydantic error as `evses.0.uid: field required`."""
    where = ".".join(str(part) for part in error["loc"])
    what = _CASE.sub("", error["msg"])
    what = what[:1].lower() + what[1:]
    return f"{where}: {what}" if where else what
