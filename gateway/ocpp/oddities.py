"""A second look at a message that was read: what is unusual about its times and numbers.

`wire` reads them and forgives; here it is found out what there was to forgive. Only asked for
messages where there was something, and for the first ones of a connection.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from gateway.domain import quirks as q
from gateway.domain import timestamps
from gateway.ocpp import wire

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)\s*$", re.IGNORECASE)
_TIME_OF_DAY = re.compile(r"[T ]\d\d", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_TIMES = frozenset({"timestamp", "generatedAt"})


class Oddity(NamedTuple):
    """What one member is like; `told` is set for every time, odd or not."""

    member: str
    name: str | None
    told: datetime | None = None


def oddities(payload: Any) -> Iterator[Oddity]:
    """Everything worth a remark, times first seen first. Not recursive: JSON may be deep."""
    rest = [payload]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, dict):
            yield from _of_members(value)
            rest.extend(one for one in value.values() if isinstance(one, dict | list))


def _of_members(members: dict[str, Any]) -> Iterator[Oddity]:
    for member in _TIMES & members.keys():
        text = members[member]
        if text == "":
            yield Oddity(member, q.EMPTY_TEXTS)
        elif isinstance(text, str):
            yield from _of_time(member, text)
    value = members.get("value")
    if isinstance(value, str) and "component" not in members and _is_sample(members):
        name = _of_number(value)
        if name is not None:
            yield Oddity("value", name)


def _is_sample(members: dict[str, Any]) -> bool:
    """Whether a `value` is a 1.6 SampledValue's: it has nothing but the members of one."""
    known = {"value", "context", "format", "measurand", "phase", "location", "unit"}
    return members.keys() <= known and members.get("format") != "SignedData"


def _of_time(member: str, text: str) -> Iterator[Oddity]:
    try:
        told = timestamps.from_text(text.upper())
    except (ValueError, OverflowError):
        return
    if _RFC_3339.fullmatch(text):
        yield Oddity(member, None, told)
    elif not _TIME_OF_DAY.search(text) or not _ZONE.search(text[10:]):
        yield Oddity(member, q.NO_ZONE, told)
    else:
        yield Oddity(member, q.ODD_TIMES, told)


def _of_number(text: str) -> str | None:
    if _NUMBER.fullmatch(text):
        return None
    if wire.number(text) is None:
        return q.NO_NUMBERS
    if "," in text:
        return q.DECIMAL_COMMA
    return q.EXPONENTS if "e" in text.lower() else q.SPACED_NUMBERS
