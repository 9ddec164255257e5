"""GetVariables and SetVariables of block B: our names of settings in the device model's shape."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.configuration import (
    UNKNOWN,
    Attribute,
    ReadSettings,
    VariableName,
    WriteSettings,
    folded,
)
from gateway.ocpp.dialect import Ask, Asked, Payload
from gateway.ocpp.handlers import written


def get_variables(command: ReadSettings) -> Asked | None:
    """GetVariablesRequest; what is all there is takes a GetBaseReport."""
    named = _parsed(command.names)
    if not named:
        return None
    data = [_variable(name) for name in named.values()]
    return Asked("GetVariables", {"getVariableData": data}, partial(_got, named))


def set_variables(command: WriteSettings) -> Asked | None:
    """SetVariablesRequest."""
    named = _parsed(command.values)
    if not named:
        return None
    data = [
        {**_variable(name), "attributeValue": command.values[text]} for text, name in named.items()
    ]
    return Asked("SetVariables", {"setVariableData": data}, partial(_set, named))


def name_of(component: Payload, variable: Payload, attribute: str | None) -> VariableName:
    """The name of a component's variable as a station reports it. Raises `ValueError`."""
    evse = component.get("evse") or {}
    return VariableName(
        component["name"],
        variable["name"],
        component.get("instance"),
        variable.get("instance"),
        evse.get("id"),
        evse.get("connectorId"),
        Attribute(attribute or Attribute.ACTUAL),
    )


def _parsed(names: Mapping[str, str] | tuple[str, ...]) -> dict[str, VariableName]:
    """The names that were asked; none when one is no name of 2.x."""
    try:
        return {text: VariableName.parse(text) for text in names}
    except ValueError:
        return {}


def _variable(name: VariableName) -> Payload:
    component: Payload = {"name": name.component}
    if name.component_instance is not None:
        component["instance"] = name.component_instance
    if name.evse is not None:
        component["evse"] = {"id": name.evse}
        if name.connector is not None:
            component["evse"]["connectorId"] = name.connector
    variable: Payload = {"name": name.variable}
    if name.variable_instance is not None:
        variable["instance"] = name.variable_instance
    shape: Payload = {"component": component, "variable": variable}
    if name.attribute is not Attribute.ACTUAL:  # "default value is Actual"
        shape["attributeType"] = name.attribute.value
    return shape


def _answered(named: Mapping[str, VariableName], results: list[Payload]) -> dict[str, Payload]:
    """Each result under the name that was asked; stations echo names in a case of their own.

    Some leave out instances: then it is the order that tells.
    """
    echoed = [
        name_of(result["component"], result["variable"], result.get("attributeType"))
        for result in results
    ]
    if len(named) == len(results) and all(map(_may_be, echoed, named.values())):
        return dict(zip(named, results, strict=True))
    asked = {folded(str(name)): text for text, name in named.items()}
    texts = [asked.get(folded(str(name)), str(name)) for name in echoed]
    return dict(zip(texts, results, strict=True))


def _may_be(echoed: VariableName, asked: VariableName) -> bool:
    """Whether it is the name that was asked, or that name with some of it left out."""
    if (folded(echoed.component), folded(echoed.variable)) != (
        folded(asked.component),
        folded(asked.variable),
    ):
        return False
    pairs = (
        (echoed.component_instance, asked.component_instance),
        (echoed.variable_instance, asked.variable_instance),
        (echoed.evse, asked.evse),
        (echoed.connector, asked.connector),
    )
    left_out = all(said is None or folded(str(said)) == folded(str(it)) for said, it in pairs)
    return left_out and echoed.attribute in (asked.attribute, Attribute.ACTUAL)


def _got(named: Mapping[str, VariableName], answer: Payload) -> CommandReply:
    values: dict[str, str] = {}
    unknown: list[str] = []
    refused: dict[str, str] = {}
    for text, result in _answered(named, answer["getVariableResult"]).items():
        status = str(result["attributeStatus"])
        if status == "Accepted":
            values[text] = str(result.get("attributeValue", ""))
        elif status in UNKNOWN:
            unknown.append(text)
        else:
            refused[text] = status
    data = {"values": values, "unknown": unknown, "readonly": [], "refused": refused}
    return CommandReply(CommandOutcome.ACCEPTED, data=data)


def _set(named: Mapping[str, VariableName], answer: Payload) -> CommandReply:
    results = _answered(named, answer["setVariableResult"])
    return written({text: str(result["attributeStatus"]) for text, result in results.items()})


ASKS: Mapping[type[Command], Ask] = {ReadSettings: get_variables, WriteSettings: set_variables}
