"""What a received payload may get wrong without being refused.

Standard clause first, named quirk second, loss never (ocpp-rules 6). Always mended, because
nothing is lost by it: members the schema does not know (OCPP-J 2.0.1 4.1.7 does not list them
among what makes a message invalid), null, empty lists and empty texts in place of an absent
member (4.1.5 forbids them, stations send them). The rest happens only for charge points whose
operator has named the quirk. `gateway.domain.quirks` says what each of them means.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.domain import quirks as q
from gateway.domain.timestamps import to_text
from gateway.ocpp.schemas import MessageSchema, Violation

_ROUNDS = 4  # a mended value may uncover a second fault, seldom a third
_MOST_NAMES = 100  # unknown members of one object of which it is asked what they may mean

Path = tuple[str | int, ...]

# What a required member that is missing can only be. "Unknown" is a word of BootReasonEnumType.
_DEFAULTS: Mapping[str, str] = {
    "errorCode": "NoError",
    "reason": "Unknown",
    "chargePointVendor": "Unknown",
    "chargePointModel": "Unknown",
    "vendorName": "Unknown",
    "model": "Unknown",
}
_TIMES = frozenset({"timestamp", "generatedAt"})


class Mender:
    """Mends one payload in place.

    `expendable` names a list whose broken elements are left out before the whole message is lost
    for them; `at` is the time of arrival, for a message that must tell one and does not.
    `forgiven` is what was mended: quirk and path. `would_help` are quirks that would have saved
    something which was left out.
    """

    def __init__(
        self,
        schema: MessageSchema,
        quirks: Collection[str],
        expendable: str | None = None,
        at: datetime | None = None,
    ) -> None:
        self._schema = schema
        self._quirks = quirks
        self._expendable = expendable
        self._at = at
        self.forgiven: list[tuple[str, Path]] = []
        self.would_help: list[tuple[str, Path]] = []

    def _note(self, quirk: str, path: Path) -> None:
        self.forgiven.append((quirk, path))

    def mend(self, payload: Any) -> list[Violation]:
        """Mend; return the violations that are left, as first found.

        The first finding is what the station is told: after an empty list has been left out it
        would otherwise hear that the member is missing.
        """
        first = found = self._schema.violations(payload)
        for _ in range(_ROUNDS):
            if not found:
                return []
            # Backwards, so that taking an element out of a list moves none that is still to come.
            mended = [self._mended(payload, violation) for violation in reversed(found)]
            if not any(mended):
                break
            found = self._schema.violations(payload)
        if found and self._expendable and self._left_out(payload, self._expendable, found):
            found = self._schema.violations(payload)
        return first if found else []

    def _left_out(self, payload: Any, member: str, found: list[Violation]) -> bool:
        """Take the elements of a list that violations point into away, if there are no others."""
        if any(len(violation.path) < 2 or violation.path[0] != member for violation in found):
            return False
        for index in sorted({violation.path[1] for violation in found}, reverse=True):
            del payload[member][index]
            self._note(q.BROKEN_ELEMENTS, (member, index))
        return True

    def _mended(self, payload: Any, violation: Violation) -> bool:
        if violation.keyword == "additionalProperties":
            return self._without_extra(payload, violation)
        if violation.keyword == "required":
            return self._with_default(payload, violation)
        if not violation.path:
            return False
        holder, name = _at(payload, violation.path[:-1]), violation.path[-1]
        value = _at(holder, (name,))
        if isinstance(holder, dict) and self._absent(holder, violation, value):
            return True
        return value is not None and self._by_quirk(payload, holder, violation, value)

    def _absent(self, holder: dict[str, Any], violation: Violation, value: Any) -> bool:
        """Take away what stands for an absent member."""
        if value is None:
            quirk = q.NULL_MEMBERS
        elif value == []:
            quirk = q.EMPTY_LISTS
        elif value == "" and violation.keyword in ("enum", "type"):
            quirk = q.EMPTY_TEXTS
        else:
            return False
        if holder.pop(str(violation.path[-1]), self) is not self:
            self._note(quirk, violation.path)
        return True

    # --- members ----------------------------------------------------------------------------------

    def _without_extra(self, payload: Any, violation: Violation) -> bool:
        members = _at(payload, violation.path)
        if not isinstance(members, dict):
            return False
        known = self._schema.members(violation.path)
        for name in violation.expected[_MOST_NAMES:]:
            members.pop(name, None)
        for name in violation.expected[:_MOST_NAMES]:
            if name not in members:
                continue
            value = members.pop(name)
            meant = _only_other_case(name, known)
            if meant is None or meant in members:
                self._note(q.EXTRA_MEMBERS, (*violation.path, name))
            elif q.WRONG_CASE in self._quirks:
                members[meant] = value
                self._note(q.WRONG_CASE, (*violation.path, name))
            else:
                self._note(q.EXTRA_MEMBERS, (*violation.path, name))
                self.would_help.append((q.WRONG_CASE, (*violation.path, name)))
        return True

    def _with_default(self, payload: Any, violation: Violation) -> bool:
        if q.MISSING_MEMBERS not in self._quirks:
            return False
        members, name = _at(payload, violation.path), violation.expected
        if not isinstance(members, dict) or name in members:
            return False
        if name in _TIMES and self._at is not None:
            members[name] = to_text(self._at)
        elif name in _DEFAULTS:
            members[name] = _DEFAULTS[name]
        else:
            return False
        self._note(q.MISSING_MEMBERS, (*violation.path, name))
        return True

    # --- values -----------------------------------------------------------------------------------

    def _by_quirk(self, payload: Any, holder: Any, violation: Violation, value: Any) -> bool:
        match violation.keyword:
            case "type" if q.LOOSE_TYPES in self._quirks:
                return self._replaced(
                    holder, violation, _other_type(value, violation.expected), q.LOOSE_TYPES
                )
            case "maxLength" if q.LONG_TEXTS in self._quirks and isinstance(value, str):
                return self._replaced(holder, violation, value[: violation.expected], q.LONG_TEXTS)
            case "enum":
                return self._mended_word(payload, holder, violation, value)
        return False

    def _replaced(self, holder: Any, violation: Violation, value: Any, quirk: str) -> bool:
        if value is None:
            return False
        holder[violation.path[-1]] = value
        self._note(quirk, violation.path)
        return True

    def _mended_word(self, payload: Any, holder: Any, violation: Violation, value: Any) -> bool:
        if q.WRONG_CASE in self._quirks and isinstance(value, str):
            meant = _only_other_case(value, violation.expected)
            if meant is not None:
                return self._replaced(holder, violation, meant, q.WRONG_CASE)
        if q.UNKNOWN_WORDS in self._quirks and isinstance(holder, dict):
            _leave_out(payload, holder, violation.path)
            self._note(q.UNKNOWN_WORDS, violation.path)
            return True
        return False


def mend(
    schema: MessageSchema,
    payload: Any,
    quirks: Collection[str],
    expendable: str | None = None,
) -> list[Violation]:
    """Mend `payload` in place; return the violations that are left. See `Mender`."""
    return Mender(schema, quirks, expendable).mend(payload)


def _only_other_case(text: str, known: Collection[Any]) -> str | None:
    """The one known word that differs from `text` in case, underscores and hyphens alone."""
    found = {word for word in known if isinstance(word, str) and _folded(word) == _folded(text)}
    return found.pop() if len(found) == 1 else None


def _folded(word: str) -> str:
    return word.casefold().replace("_", "").replace("-", "").replace(" ", "")


def _leave_out(payload: Any, holder: dict[str, Any], path: Path) -> None:
    """Take the unknown word away; of a list's element the whole element.

    A sampled value without its unknown measurand would count as the energy register.
    """
    if len(path) < 2 or not isinstance(path[-2], int):
        holder.pop(str(path[-1]), None)
        return
    elements = _at(payload, path[:-2])
    if path[-2] < len(elements) and elements[path[-2]] is holder:
        del elements[path[-2]]


_TRUTHS: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False}


def _other_type(value: Any, expected: Collection[str]) -> str | int | Decimal | bool | None:
    """The same value in an expected type; None when there is none."""
    if "string" in expected:
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if type(value) in (int, Decimal) else None
    if "boolean" in expected:
        return _TRUTHS.get(str(value).lower()) if type(value) in (str, int) else None
    if not {"integer", "number"} & set(expected):
        return None
    if type(value) is Decimal:  # of an integer's member
        return int(value) if value == value.to_integral_value() else None
    return _number(value) if isinstance(value, str) else None


def _number(text: str) -> int | Decimal | None:
    text = text.strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) >= 2**63:
        return None
    return int(number) if number == number.to_integral_value() else number


def _at(value: Any, path: Path) -> Any:
    """The value at a path; None where an earlier mend has taken it away."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value
