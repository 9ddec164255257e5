"""The OCPP 2.x device model of a station: found, read, set and reported.

Names of components and variables have no case (identifierString).
"""

from typing import TYPE_CHECKING, Any

from simulators.charge_point.library import Fields
from simulators.charge_point.v201_variables import Name, Variable, variables_of

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


class DeviceModel:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._variables = variables_of(station)
        self._names = {name.folded(): name for name in self._variables}

    def get(self, asked: dict[str, Any]) -> Fields:
        """One entry of GetVariablesResponse."""
        status, variable = self.find(asked)
        value = None
        if variable is not None and asked.get("attribute_type") == "MaxSet":
            value = None if variable.most is None else str(variable.most)
            status = "NotSupportedAttributeType" if value is None else "Accepted"
        elif variable is not None:
            value = variable.value() if variable.value else None
            status = "Accepted" if variable.value else "Rejected"
        return {**_addressed(asked), "attribute_status": status, "attribute_value": value}

    def set(self, asked: dict[str, Any]) -> Fields:
        """One entry of SetVariablesResponse."""
        status, variable = self.find(asked)
        if variable is not None and asked.get("attribute_type", "Actual") != "Actual":
            status = "NotSupportedAttributeType"
        elif variable is not None:
            status = _change(variable, asked["attribute_value"])
        return {**_addressed(asked), "attribute_status": status}

    def report(self, *, writable: bool = False) -> list[Fields]:
        """ReportDataType of every variable, or of those that an operator can set."""
        return [
            self._entry(name, variable)
            for name, variable in self._variables.items()
            if not writable or variable.change is not None
        ]

    def report_of(
        self, asked: list[dict[str, Any]] | None, criteria: list[str] | None
    ) -> list[Fields]:
        """GetReport (B08): the named components and variables that meet one of the criteria."""
        return [
            self._entry(name, variable)
            for name, variable in self._variables.items()
            if (not asked or any(_covers(one, name.folded()) for one in asked))
            and (not criteria or any(self._meets(name, criterion) for criterion in criteria))
        ]

    def value(self, name: Name) -> str | None:
        variable = self._variable(name)
        return variable.value() if variable is not None and variable.value else None

    def find(self, asked: dict[str, Any]) -> tuple[str, Variable | None]:
        """The variable that an entry addresses, or the status that says why there is none."""
        if asked.get("attribute_type", "Actual") not in ("Actual", "MaxSet"):
            return "NotSupportedAttributeType", None
        name = name_of(asked)
        variable = self._variable(name)
        if variable is not None:
            return "Accepted", variable
        folded = name.folded()
        known = any(
            (one.component, one.evse) == (folded.component, folded.evse) for one in self._names
        )
        return "UnknownVariable" if known else "UnknownComponent", None

    def _variable(self, name: Name) -> Variable | None:
        found = self._names.get(name.folded())
        return None if found is None else self._variables[found]

    def _meets(self, name: Name, criterion: str) -> bool:
        """A component without that variable counts as one that has it true, Problem as false."""
        said = self.value(Name(name.component, criterion, name.evse))
        if said is None:
            return criterion != "Problem"
        return said == "true"

    def _entry(self, name: Name, variable: Variable) -> Fields:
        actual: Fields = {
            "type": "Actual",
            "value": variable.value() if variable.value else None,
            "mutability": variable.mutability,
        }
        attributes = [actual]
        if variable.most is not None:
            attributes.append(
                {"type": "MaxSet", "value": str(variable.most), "mutability": "ReadOnly"}
            )
        return {
            "component": {
                "name": name.component,
                "evse": {"id": name.evse} if name.evse else None,
            },
            "variable": {"name": name.variable, "instance": name.instance},
            "variable_attribute": attributes,
            "variable_characteristics": {
                "data_type": variable.data_type,
                "max_limit": variable.most,
                "values_list": variable.members,
                "supports_monitoring": variable.value is not None,
            },
        }


def name_of(asked: dict[str, Any]) -> Name:
    """Which variable an entry of a request addresses."""
    component, variable = asked["component"], asked["variable"]
    evse = (component.get("evse") or {}).get("id")
    return Name(component["name"], variable["name"], evse, variable.get("instance"))


def _covers(asked: dict[str, Any], name: Name) -> bool:
    """A criterion without an EVSE, a variable or an instance means all of them."""
    component, variable = asked["component"], asked.get("variable")
    evse = component.get("evse")
    return (
        component["name"].casefold() == name.component
        and (evse is None or evse["id"] == name.evse)
        and (variable is None or variable["name"].casefold() == name.variable)
    )


def _change(variable: Variable, text: str) -> str:
    if variable.change is None:
        return "Rejected"
    try:
        variable.change(text)
    except ValueError:
        return "Rejected"
    return "Accepted"


def _addressed(asked: dict[str, Any]) -> Fields:
    return {
        "component": asked["component"],
        "variable": asked["variable"],
        "attribute_type": asked.get("attribute_type"),
    }
