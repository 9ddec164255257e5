"""OCPI 2.1.1 types.md: case-sensitive ASCII strings, and times without fractions of a second."""

import re
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from simulators.partner.v2_2_1.types import Language, OcpiObject, parse_datetime, without_markup

# every one of the standard's examples is written like this; a fraction appears with 2.2
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?", re.ASCII)


def read_datetime(text: Any) -> datetime:
    if isinstance(text, str) and not _DATETIME.fullmatch(text):
        raise ValueError("not a DateTime as OCPI 2.1.1 writes it: UTC, to the second")
    return parse_datetime(text)


def write_datetime(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _string(length: int) -> Any:
    # "Case Sensitive String. Only printable ASCII allowed."
    return Field(strict=True, max_length=length, pattern=r"^[ -~]*$")


DateTime = Annotated[datetime, BeforeValidator(read_datetime)]
Id3 = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9]{3}$")]
Id36 = Annotated[str, Field(min_length=1), _string(36)]
Id39 = Annotated[str, Field(min_length=1), _string(39)]
String4 = Annotated[str, _string(4)]
String10 = Annotated[str, _string(10)]
String16 = Annotated[str, _string(16)]
String45 = Annotated[str, _string(45)]
String64 = Annotated[str, _string(64)]
String100 = Annotated[str, _string(100)]
String255 = Annotated[str, _string(255)]
Text512 = Annotated[str, _string(512), AfterValidator(without_markup)]


class DisplayText(OcpiObject):
    clause: ClassVar[str] = "2.1.1 types, DisplayText"

    language: Language
    text: Text512
