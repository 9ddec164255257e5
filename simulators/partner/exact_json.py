"""JSON in which no number passes through a float.

A literal with a fraction or an exponent decodes to `Decimal`, digit for digit, and a `Decimal` is
written as a JSON number, so that what the partner reports is what stood on the wire.
"""

from decimal import Decimal
from typing import Any

import msgspec

Json = dict[str, Any]


class InvalidJSON(ValueError):
    """The text is not JSON, or not JSON that can be held exactly."""


_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def loads(text: bytes | str) -> Any:
    """Decode one document; raises `InvalidJSON` for everything malformed, too deep or not exact."""
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise InvalidJSON(str(error)) from None


def dumps(value: Any) -> bytes:
    """Encode compactly, members in the order given."""
    return _encoder.encode(value)
