"""Reads one received object against the standard: (the object, everything wrong with it).

Pure: no time, no memory of earlier messages.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from simulators.partner.finding import Finding, advice, violation
from simulators.partner.v2_2_1.types import OcpiObject

Rules = Callable[[Any], Iterable[Finding]]


def no_rules(_: Any) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: its fields and the rules between them."""

    model: type[OcpiObject]
    rules: Rules = no_rules


def check(kind: Kind, data: Any) -> tuple[Any, list[Finding]]:
    """The object read as `kind`, or None when its fields do not allow that, and the findings."""
    read, findings = read_as(kind.model, data)
    if read is not None:
        findings.extend(kind.rules(read))
    return read, findings


def read_as(model: type[OcpiObject], data: Any) -> tuple[Any, list[Finding]]:
    """Fields only: presence, type, length, form, enumerations."""
    if not isinstance(data, dict):
        return None, [violation(model.clause, "a JSON object is expected", evidence=data)]
    try:
        read = model.model_validate(data)
    except ValidationError as error:
        return None, list(_field_errors(model, error))
    return read, list(_unknown_fields(read))


def _field_errors(model: type[OcpiObject], error: ValidationError) -> Iterator[Finding]:
    for found in error.errors(include_url=False, include_context=False):
        missing = found["type"] == "missing"
        yield violation(
            model.clause,
            found["msg"],
            ".".join(str(step) for step in found["loc"]),
            None if missing else found["input"],
        )


def _unknown_fields(read: OcpiObject, path: str = "") -> Iterator[Finding]:
    # the standard neither names nor forbids further fields, but a partner wonders about them
    for name in read.model_extra or ():
        yield advice(read.clause, "a field that the standard does not name", path + name)
    for name in type(read).model_fields:
        value = getattr(read, name)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, OcpiObject):
                step = f"{name}.{index}." if isinstance(value, list) else f"{name}."
                yield from _unknown_fields(item, path + step)
