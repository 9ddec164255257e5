"""The device model of a 2.x station, put together from what it reports of its variables."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command
from gateway.domain.configuration import Attribute, VariableName


class ReportBase(StrEnum):
    """ReportBaseEnumType: how much of its device model a station is to report."""

    FULL = "FullInventory"
    CONFIGURATION = "ConfigurationInventory"
    SUMMARY = "SummaryInventory"


@dataclass(frozen=True, slots=True)
class RequestBaseReport(Command):
    """Have a 2.x station report its device model; the parts follow under `request_id`.

    The reply's status is the station's own word: Accepted, Rejected, NotSupported, or
    EmptyResultSet when there is nothing to report.
    """

    request_id: int
    base: ReportBase = ReportBase.FULL


@dataclass(frozen=True, slots=True)
class ReportedAttribute:
    """One attribute of a variable. `value` None: not told, as those that can only be written."""

    type: str = Attribute.ACTUAL.value
    value: str | None = None
    mutability: str = "ReadWrite"
    persistent: bool = False
    constant: bool = False


@dataclass(frozen=True, slots=True)
class ReportedVariable:
    """What a station reports of one variable of one component."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attributes: tuple[ReportedAttribute, ...] = ()
    characteristics: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> VariableName:
        """By which it is read and written."""
        return VariableName(
            self.component,
            self.variable,
            self.component_instance,
            self.variable_instance,
            self.evse,
            self.connector,
        )


@dataclass(slots=True)
class Variable:
    """A variable as it is shown; `setting` is the name by which it is read and written."""

    name: str
    instance: str | None
    setting: str
    attributes: list[ReportedAttribute]
    characteristics: dict[str, Any]


@dataclass(slots=True)
class Component:
    """A component as it is shown; without an EVSE it belongs to the station itself."""

    name: str
    instance: str | None
    evse: int | None
    connector: int | None
    variables: list[Variable] = field(default_factory=list)


def components(reported: Iterable[ReportedVariable]) -> list[Component]:
    """Everything reported, by component: the station's own first, then by EVSE and connector.

    Of a variable that was reported twice the later word counts, attribute by attribute.
    """
    found: dict[tuple[int, int, str, str], Component] = {}
    variables: dict[str, Variable] = {}
    for one in reported:
        key = (
            -1 if one.evse is None else one.evse,
            -1 if one.connector is None else one.connector,
            one.component.casefold(),
            one.component_instance or "",
        )
        component = found.setdefault(
            key, Component(one.component, one.component_instance, one.evse, one.connector)
        )
        setting = str(one.name)
        known = variables.get(setting.casefold())
        if known is None:
            known = Variable(one.variable, one.variable_instance, setting, [], {})
            variables[setting.casefold()] = known
            component.variables.append(known)
        known.attributes = _merged(known.attributes, one.attributes)
        known.characteristics |= one.characteristics
    return [found[key] for key in sorted(found)]


def _merged(
    known: list[ReportedAttribute], newer: Iterable[ReportedAttribute]
) -> list[ReportedAttribute]:
    by_type = {attribute.type: attribute for attribute in known}
    by_type |= {attribute.type: attribute for attribute in newer}
    return list(by_type.values())
