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
    integers beyond 64 bits and nesting deeper than the interpreter's stack.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: Any) -> bytes:
    """Encode compactly, members in the order given; datetimes are the caller's business."""
    return _encoder.encode(value)
