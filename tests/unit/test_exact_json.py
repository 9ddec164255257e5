"""JSON in which no number passes through a float."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exact_json import InvalidJSON, dumps, loads


@pytest.mark.parametrize("text", ["0.1", "1234.5670", "0.30000000000000004", "1E+3", "-0.0"])
def test_a_fraction_is_a_decimal_digit_for_digit(text: str) -> None:
    value = loads(text)
    assert isinstance(value, Decimal)
    assert str(value) == str(Decimal(text))
    assert dumps(value) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"NaN",
        b"[Infinity]",
        b'["\\ud800"]',
        b"\xff",
        b"{",
        b"[1,]",
        b"[" * 200_000,
        b"1" * 9000,
    ],
)
def test_what_cannot_be_held_exactly_is_refused(text: bytes) -> None:
    """security-and-faults S18."""
    with pytest.raises(InvalidJSON):
        loads(text)


def test_an_integer_of_any_length_survives() -> None:
    assert loads(dumps({"a": [2**70, True, "x"]})) == {"a": [2**70, True, "x"]}


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(json_values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert loads(dumps(value)) == value


@given(st.binary())
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    try:
        loads(text)
    except InvalidJSON:
        return
