"""Messages in the words of a later version than the agreed one (ocpp-rules 32).

2.0.1 stations use enumeration words and members that 2.1 adds. What 2.1 lifts beyond that, such
as longer texts or free text for a token's type, it lifts for its own stations only.
"""

from typing import Any

from gateway.ocpp.schemas import MessageSchema, Violation

# 2.1 part 2, appendix 7.1: words of what was an enumeration and is a free text now.
TOKEN_TYPES = frozenset({"DirectPayment", "EVCCID", "VIN"})
_TOKENS = frozenset({"idToken", "groupIdToken"})

_FORGIVEN = frozenset({"enum", "additionalProperties", "required"})


def is_of_later_version(schema: MessageSchema, later: MessageSchema, payload: Any) -> bool:
    """Whether a payload that breaks `schema` is what `later` allows; if so it is fit for use.

    Members that neither knows are taken out of it then, as they are for everyone.
    """
    found = schema.violations(payload)
    if not all(_is_forgiven(violation, payload) for violation in found):
        return False
    unknown = later.violations(payload)
    if any(violation.keyword != "additionalProperties" for violation in unknown):
        return False
    if _names(found) == _names(unknown):
        return False  # members of its own, and nothing of the later version
    for violation in unknown:
        members = _at(payload, violation.path)
        for name in violation.expected:
            members.pop(name, None)
    return later.valid(payload)  # of a large payload not every violation was told


def _is_forgiven(violation: Violation, payload: Any) -> bool:
    path = violation.path
    if violation.keyword == "enum" and len(path) > 1 and path[-1] == "type" and path[-2] in _TOKENS:
        return _at(payload, path) in TOKEN_TYPES
    return violation.keyword in _FORGIVEN


def _names(violations: list[Violation]) -> set[tuple[tuple[str | int, ...], str]]:
    """What is wrong: the unknown members by name, everything else as it is."""
    return {
        (violation.path, name)
        for violation in violations
        for name in (
            violation.expected
            if violation.keyword == "additionalProperties"
            else (f"={violation.keyword}",)
        )
    }


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value
