"""The standard's plain types, and the forms that its tables give in words (types, each version)."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

Body = dict[str, Any]

_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", re.ASCII)
_URL: Final = re.compile(r"https?://[^\s/?#]+[^\s]*")

# Forms that the tables give in words. A key is a field's name wherever it occurs.
_FORMS: Final = {
    "country_code": re.compile(r"[A-Za-z]{2}", re.ASCII),  # ISO 3166-1 alpha-2, a CiString
    "party_id": re.compile(r"[A-Za-z0-9]{3}", re.ASCII),  # ISO 15118
    "hub_party_id": re.compile(r"[A-Za-z]{2}[A-Za-z0-9]{3}", re.ASCII),
    "country": re.compile(r"[A-Z]{3}", re.ASCII),  # ISO 3166-1 alpha-3
    "currency": re.compile(r"[A-Z]{3}", re.ASCII),  # ISO 4217
    "language": re.compile(r"[a-z]{2}", re.ASCII),  # ISO 639-1
    # "E-mobility ID-codes", or the mark for a value that may not be shared
    "evse_id": re.compile(r"#NA|[A-Za-z]{2}\*?[A-Za-z0-9]{3}\*?[Ee][A-Za-z0-9*]+", re.ASCII),
}
# Ids of nothing refer to nothing.
_NEVER_EMPTY: Final = frozenset(
    (
        "id",
        "uid",
        "terminal_id",
        "parking_id",
        "evse_uid",
        "evse_uids",
        "location_id",
        "location_ids",
        "connector_id",
        "connector_ids",
        "session_id",
        "contract_id",
        "auth_id",
        "tariff_id",
        "tariff_ids",
        "reservation_id",
        "token",
        "eft_data",  # 2.3.0 payments: CiString[1..255]
        "capture_status_message",
    )
)


def called(value: object) -> str:
    """A value's type, for a person."""
    return "null" if value is None else type(value).__name__


def string(value: object, length: int | None, path: str, *, ascii_only: bool) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: {called(value)} where a string is due"
        return
    if length is not None and len(value) > length:
        yield f"{path}: {len(value)} characters where at most {length} fit"
    if not value.isprintable() or (ascii_only and not value.isascii()):
        yield f"{path}: holds characters that are not printable{' ASCII' * ascii_only}"


def integer(value: object, digits: str | None, path: str) -> Iterator[str]:
    if not isinstance(value, int) or isinstance(value, bool):
        yield f"{path}: {called(value)} where an int is due"
    elif digits and len(str(abs(value))) > int(digits):
        yield f"{path}: more than {digits} digits"


def number(value: object, path: str) -> Iterator[str]:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        yield f"{path}: {called(value)} where a number is due"
        return
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        yield f"{path}: not a JSON number"
    elif decimals(exact) > 4:
        yield f"{path}: {exact} has more than 4 decimals"


def decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def date_time(value: object, path: str, *, fractions: bool) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: {called(value)} where a DateTime is due"
        return
    match = _DATE_TIME.fullmatch(value)
    if len(value) > 25 or match is None:
        yield f"{path}: {value!r} is no DateTime"
    elif match[1] and not fractions:
        yield f"{path}: {value!r} has fractions of a second"
    else:
        try:
            datetime.fromisoformat(value.removesuffix("Z")[:19])
        except ValueError:
            yield f"{path}: {value!r} is not in the calendar"


def url(value: object, path: str) -> Iterator[str]:
    yield from string(value, 255, path, ascii_only=True)
    if isinstance(value, str) and not _URL.fullmatch(value):
        yield f"{path}: {value!r} is no absolute URL"


def enum(table: Body, kind: str, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: {called(value)} where a {kind} is due"
    elif value not in table["values"]:
        if not table["open"]:
            yield f"{path}: {value!r} is no {kind}"
        elif not value or _bare(value) in {_bare(known) for known in table["values"]}:
            yield f"{path}: {value!r} is a misspelt {kind}"


def _bare(value: str) -> str:
    return re.sub(r"[-_ ]", "", value).upper()


def form(name: str, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        return
    if name in _NEVER_EMPTY and not value:
        yield f"{path}: empty"
    form = _FORMS.get(name)
    if form is not None and not form.fullmatch(value):
        yield f"{path}: {value!r} is not a {name}"
