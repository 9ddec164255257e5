"""JSON in which no number passes through a float.

A literal with a fraction or exponent decodes to `Decimal`, digit for digit, and a `Decimal` is
written as a JSON number. Everything that may be billed (prices, energy, volumes) goes through
here, on every edge and in the store.
"""

from decimal import Decimal
from typing import Any

import msgspec


class InvalidJSON(ValueError):
    """The text is not JSON, or not JSON that can be held exactly (NaN, huge integers, depth)."""


_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def loads(text: bytes | str) -> Any:
    """Decode one JSON document.

    Raises `InvalidJSON` for malformed text, invalid UTF-8, lone surrogates, NaN and Infinity,
    numbers of thousands of digits and nesting deeper than the interpreter's stack.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: Any) -> bytes:
    """Encode compactly, members in the order given.

    Aware datetimes become RFC 3339 text; dataclasses become objects.
    """
    try:
        return _encoder.encode(value)
    except OverflowError:
        return _encoder.encode(_widened(value))


def _widened(value: Any) -> Any:
    """The same with every integer as a `Decimal`: the encoder's integers end at 64 bits."""
    if isinstance(value, dict):
        return {key: _widened(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_widened(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value
