"""What a received payload may get wrong without being refused.

Standard clause first, named quirk second, loss never (ocpp-rules 6). Always mended, because
nothing is lost by it: members the schema does not know (OCPP-J 2.0.1 4.1.7 does not list them
among what makes a message invalid), null and empty lists in place of an absent member (4.1.5
forbids them, stations send them). The rest happens only for charge points whose operator has
named the quirk.
"""

from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.ocpp.schemas import MessageSchema, Violation

LOOSE_TYPES = "loose-types"  # numbers written as text, and text as numbers
LONG_TEXTS = "long-texts"  # texts longer than their field: cut
UNKNOWN_WORDS = "unknown-words"  # words that the enumeration does not have: left out

QUIRKS = frozenset({LOOSE_TYPES, LONG_TEXTS, UNKNOWN_WORDS})

_ROUNDS = 3  # a mended value may uncover a second fault, seldom a third


def mend(
    schema: MessageSchema,
    payload: Any,
    quirks: Collection[str],
    expendable: str | None = None,
) -> list[Violation]:
    """Mend `payload` in place; return the violations that are left, as first found.

    The first finding is what the station is told: after an empty list has been left out it
    would otherwise hear that the member is missing. `expendable` names a list whose broken
    elements are left out before the whole message is lost for them.
    """
    first = found = schema.violations(payload)
    for _ in range(_ROUNDS):
        if not found:
            return []
        # Backwards, so that taking an element out of a list moves none that is still to come.
        mended = [_mend(payload, violation, quirks) for violation in reversed(found)]
        if not any(mended):
            break
        found = schema.violations(payload)
    if found and expendable and _left_out_of(payload, expendable, found):
        found = schema.violations(payload)
    return first if found else []


def _left_out_of(payload: Any, member: str, found: list[Violation]) -> bool:
    """Take the elements of a list that violations point into away, if there are no others."""
    if any(len(violation.path) < 2 or violation.path[0] != member for violation in found):
        return False
    for index in sorted({violation.path[1] for violation in found}, reverse=True):
        del payload[member][index]
    return True


def _mend(payload: Any, violation: Violation, quirks: Collection[str]) -> bool:
    if violation.keyword == "additionalProperties":
        members = _at(payload, violation.path)
        if not isinstance(members, dict):
            return False
        for name in violation.expected:
            members.pop(name, None)
        return True
    if not violation.path:
        return False
    holder, name = _at(payload, violation.path[:-1]), violation.path[-1]
    value = _at(holder, (name,))
    if isinstance(holder, dict) and (value is None or value == []):
        holder.pop(name, None)
        return True
    return _mend_by_quirk(payload, holder, violation, quirks)


def _mend_by_quirk(
    payload: Any, holder: Any, violation: Violation, quirks: Collection[str]
) -> bool:
    name = violation.path[-1]
    value = _at(holder, (name,))
    if value is None:
        return False
    if violation.keyword == "type" and LOOSE_TYPES in quirks:
        other = _other_type(value, violation.expected)
        if other is not None:
            holder[name] = other
        return other is not None
    if violation.keyword == "maxLength" and LONG_TEXTS in quirks:
        holder[name] = value[: violation.expected]
        return True
    if violation.keyword == "enum" and UNKNOWN_WORDS in quirks and isinstance(holder, dict):
        _leave_out(payload, holder, violation.path)
        return True
    return False


def _leave_out(payload: Any, holder: dict[str, Any], path: tuple[Any, ...]) -> None:
    """Take the unknown word away; of a list's element the whole element.

    A sampled value without its unknown measurand would count as the energy register.
    """
    if len(path) < 2 or not isinstance(path[-2], int):
        holder.pop(path[-1], None)
        return
    elements = _at(payload, path[:-2])
    if path[-2] < len(elements) and elements[path[-2]] is holder:
        del elements[path[-2]]


def _other_type(value: Any, expected: list[str]) -> str | int | Decimal | None:
    if "string" in expected:
        return str(value) if type(value) in (int, Decimal) else None
    if not isinstance(value, str) or not {"integer", "number"} & set(expected):
        return None
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= 2**63:
        return None
    return int(number) if number == number.to_integral_value() else number


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    """The value at a path; None where an earlier mend has taken it away."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
