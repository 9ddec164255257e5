"""OCPI 2.2.1 types.asciidoc: the scalar types, and the base of every object.

Nothing is coerced: a number in a string, a string for a boolean or a lower-case enum value is an
error, as it would be for a partner who reads the standard to the letter.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

DECIMALS = 4
MAX_DATETIME = 25
MAX_MAGNITUDE = 15  # a power of ten

# "other formats/patterns are not allowed", and "+00:00 is not the same as UTC"
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z?", re.ASCII)
_MARKUP = re.compile(r"<[A-Za-z/!]")


def parse_datetime(text: Any) -> datetime:
    """An OCPI DateTime as an aware UTC datetime; raises ValueError for any other form."""
    if not isinstance(text, str):
        raise ValueError("a DateTime is a string")
    if len(text) > MAX_DATETIME:
        raise ValueError(f"a DateTime has at most {MAX_DATETIME} characters")
    if not _DATETIME.fullmatch(text):
        raise ValueError("not a DateTime as OCPI writes it: UTC, ending in Z or in nothing")
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def format_datetime(moment: datetime) -> str:
    """As OCPI writes it, to the millisecond."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="milliseconds") + "Z"


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("a number is a JSON number")
    return Decimal(value)


def _four_decimals(value: Decimal) -> Decimal:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or value.adjusted() > MAX_MAGNITUDE:
        raise ValueError("not a number that means anything here")
    # digit by digit, because normalize() would round to the context's precision
    while exponent < -DECIMALS and digits and digits[-1] == 0:
        digits, exponent = digits[:-1], exponent + 1
    if exponent < -DECIMALS and any(digits):
        raise ValueError(f"numbers use {DECIMALS} decimals")
    return value


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an absolute http(s) URL")
    return text


def without_markup(text: str) -> str:
    if _MARKUP.search(text):
        raise ValueError("no markup is allowed here")
    return text


_PRINTABLE_ASCII = r"^[ -~]+$"
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]*$"


def one_of(*values: str) -> AfterValidator:
    """An enumeration whose static type is a string, so that a later version may open it."""

    def known(value: str) -> str:
        if value not in values:
            raise ValueError(f"is none of {', '.join(values)}")
        return value

    return AfterValidator(known)


def _ci_string(length: int) -> Any:
    return Field(strict=True, max_length=length, pattern=_PRINTABLE_ASCII)


def _string(length: int) -> Any:
    return Field(strict=True, max_length=length, pattern=_PRINTABLE)


CountryCode = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z]{2}$")]
PartyId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9]{3}$")]
Country = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]
Currency = Annotated[str, Field(strict=True, pattern=r"^[A-Z]{3}$")]
Language = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z]{2}$")]
Enum = Annotated[str, Field(strict=True)]
CiString4 = Annotated[str, _ci_string(4)]
CiString10 = Annotated[str, _ci_string(10)]
CiString20 = Annotated[str, _ci_string(20)]
CiString25 = Annotated[str, _ci_string(25)]
CiString32 = Annotated[str, _ci_string(32)]
CiString36 = Annotated[str, _ci_string(36)]
CiString39 = Annotated[str, _ci_string(39)]
CiString45 = Annotated[str, _ci_string(45)]
CiString48 = Annotated[str, _ci_string(48)]
CiString255 = Annotated[str, _ci_string(255)]
String4 = Annotated[str, _string(4)]
String10 = Annotated[str, _string(10)]
String12 = Annotated[str, _string(12)]
String16 = Annotated[str, _string(16)]
String20 = Annotated[str, _string(20)]
String45 = Annotated[str, _string(45)]
String50 = Annotated[str, _string(50)]
String64 = Annotated[str, _string(64)]
String100 = Annotated[str, _string(100)]
String255 = Annotated[str, _string(255)]
String512 = Annotated[str, _string(512)]
String5000 = Annotated[str, Field(strict=True, max_length=5000)]
Text512 = Annotated[str, _string(512), AfterValidator(without_markup)]
Url = Annotated[str, _string(255), AfterValidator(_url)]
Int = Annotated[int, Field(strict=True)]
Boolean = Annotated[bool, Field(strict=True)]
Number = Annotated[Decimal, BeforeValidator(_number), AfterValidator(_four_decimals)]
DateTime = Annotated[datetime, BeforeValidator(parse_datetime)]
HourMinute = Annotated[str, Field(strict=True, pattern=r"^([0-1][0-9]|2[0-3]):[0-5][0-9]$")]
LocalDate = Annotated[
    str, Field(strict=True, pattern=r"^([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")
]

Role = Literal["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"]


class OcpiObject(BaseModel):
    """An object or class of the standard; what the standard does not name is kept aside."""

    model_config = ConfigDict(extra="allow", frozen=True)

    clause: ClassVar[str] = "2.2.1"


class DisplayText(OcpiObject):
    clause: ClassVar[str] = "2.2.1 types, DisplayText"

    language: Language
    text: Text512


class Amount(OcpiObject):
    """A price, whose fields differ between the versions."""

    def parts(self) -> dict[str, Decimal]:
        """Its amounts by name, the one without taxes first; what is not given is left out."""
        return {}


class Price(Amount):
    clause: ClassVar[str] = "2.2.1 types, Price"

    excl_vat: Number
    incl_vat: Number | None = None

    def parts(self) -> dict[str, Decimal]:
        if self.incl_vat is None:
            return {"excl_vat": self.excl_vat}
        return {"excl_vat": self.excl_vat, "incl_vat": self.incl_vat}
