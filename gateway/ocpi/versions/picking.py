"""Writing a class of an older version: which members it has, and how each is made.

A class is a table of member -> conversion. Members that the table does not name are left out, so
that nothing of ours or of a newer version slips through.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.ocpi.versions.wire import Object

Convert = Callable[[Any], Any]

FOUR_DECIMALS = Decimal("0.0001")


def same(value: Any) -> Any:
    """As it is."""
    return value


def number(value: Any) -> Any:
    """A number; types 1.6: "Unless mentioned otherwise, numbers use 4 decimals"."""
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -4:
            return value.quantize(FOUR_DECIMALS, ROUND_HALF_UP)
    return value


def text(longest: int) -> Convert:
    """A text that may have to be cut to the length that the class allows."""

    def cut(value: Any) -> Any:
        return value[:longest] if isinstance(value, str) else value

    return cut


def each(convert: Convert) -> Convert:
    """Convert a list's members, without those that the version cannot say."""

    def convert_all(values: Iterable[Any]) -> list[Any]:
        return [one for value in values if (one := convert(value)) is not None]

    return convert_all


def each_once(convert: Convert) -> Convert:
    """The same, where several values may become one word."""
    convert_all = each(convert)
    return lambda values: list(dict.fromkeys(convert_all(values)))


def pick(document: Mapping[str, Any], fields: Mapping[str, Convert]) -> Object:
    """The members that a class has; None is nothing."""
    picked: Object = {}
    for name, convert in fields.items():
        value = document.get(name)
        if value is not None and convert is not same:  # a full pull converts millions of members
            value = convert(value)
        if value is not None:
            picked[name] = value
    return picked


def class_of(**fields: Convert) -> Convert:
    """The conversion of a class, given the conversions of its members."""
    return lambda value: pick(value, fields)


def without(document: Mapping[str, Any], *names: str) -> Object:
    """The document without some of its members."""
    return {name: value for name, value in document.items() if name not in names}
