"""The OCPP 2.0.1 device model of a station (part 2 appendices), mapped onto its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.library import Fields
from simulators.charge_point.settings import SAMPLED_MEASURANDS
from simulators.charge_point.vocabulary import (
    flag_text,
    parse_flag,
    parse_measurands,
    parse_natural,
)

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

Name = tuple[str, int | None, str]
"""component, EVSE, variable"""


@dataclass(frozen=True)
class Variable:
    """`change` raises ValueError for what it does not take; a secret's value is never told."""

    data_type: str
    value: Callable[[], str] | None
    change: Callable[[str], None] | None = None

    @property
    def mutability(self) -> str:
        if self.value is None:
            return "WriteOnly"
        return "ReadOnly" if self.change is None else "ReadWrite"


class DeviceModel:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self._variables = self._build()

    def get(self, asked: dict[str, Any]) -> Fields:
        """One entry of GetVariablesResponse."""
        status, variable = self._find(asked)
        value = None
        if variable is not None:
            value = variable.value() if variable.value else None
            status = "Accepted" if variable.value else "Rejected"
        return {**_addressed(asked), "attribute_status": status, "attribute_value": value}

    def set(self, asked: dict[str, Any]) -> Fields:
        """One entry of SetVariablesResponse."""
        status, variable = self._find(asked)
        if variable is not None:
            status = _change(variable, asked["attribute_value"])
        return {**_addressed(asked), "attribute_status": status}

    def report(self) -> list[Fields]:
        """ReportDataType of every variable."""
        return [self._entry(name, variable) for name, variable in self._variables.items()]

    def _entry(self, name: Name, variable: Variable) -> Fields:
        component, evse, variable_name = name
        return {
            "component": {"name": component, "evse": {"id": evse} if evse else None},
            "variable": {"name": variable_name},
            "variable_attribute": [
                {
                    "type": "Actual",
                    "value": variable.value() if variable.value else None,
                    "mutability": variable.mutability,
                }
            ],
            "variable_characteristics": {
                "data_type": variable.data_type,
                "supports_monitoring": False,
            },
        }

    def _find(self, asked: dict[str, Any]) -> tuple[str, Variable | None]:
        if asked.get("attribute_type", "Actual") != "Actual":
            return "NotSupportedAttributeType", None
        component = asked["component"]
        evse = (component.get("evse") or {}).get("id")
        name = (component["name"], evse, asked["variable"]["name"])
        variable = self._variables.get(name)
        if variable is not None:
            return "Accepted", variable
        known = any(other[:2] == name[:2] for other in self._variables)
        return "UnknownVariable" if known else "UnknownComponent", None

    def _build(self) -> dict[Name, Variable]:
        station = self._station
        rating = station.rating
        common: dict[Name, Variable] = {
            ("ChargingStation", None, "Model"): _fixed("string", f"{rating.most_w // 1000} kW"),
            ("ChargingStation", None, "VendorName"): _fixed("string", "Simulated"),
            ("ChargingStation", None, "SupplyPhases"): _fixed("integer", str(rating.phases)),
            ("OCPPCommCtrlr", None, "HeartbeatInterval"): self._natural("heartbeat_interval"),
            ("OCPPCommCtrlr", None, "MessageAttempts"): self._natural("message_attempts"),
            ("OCPPCommCtrlr", None, "MessageAttemptInterval"): self._natural(
                "message_retry_interval"
            ),
            ("AuthCtrlr", None, "AuthorizeRemoteStart"): self._flag("authorize_remote_starts"),
            ("AuthCtrlr", None, "OfflineTxForUnknownIdEnabled"): self._flag(
                "accept_unknown_offline"
            ),
            ("TxCtrlr", None, "EVConnectionTimeOut"): self._natural("connection_timeout"),
            ("TxCtrlr", None, "StopTxOnInvalidId"): self._flag("stop_on_invalid_token"),
            ("TxCtrlr", None, "TxStartPoint"): _fixed("MemberList", "PowerPathClosed"),
            ("TxCtrlr", None, "TxStopPoint"): _fixed("MemberList", "Authorized"),
            ("SampledDataCtrlr", None, "TxUpdatedInterval"): self._natural("sample_interval"),
            ("SampledDataCtrlr", None, "TxUpdatedMeasurands"): self._measurands(
                "sampled_measurands"
            ),
            ("SampledDataCtrlr", None, "TxEndedMeasurands"): self._measurands("ended_measurands"),
            ("DeviceDataCtrlr", None, "ItemsPerMessage"): _fixed("integer", "100"),
            ("SecurityCtrlr", None, "SecurityProfile"): Variable(
                "integer", lambda: "0" if station.link.address.password is None else "1"
            ),
            ("SecurityCtrlr", None, "BasicAuthPassword"): Variable(
                "string", None, self._change_password
            ),
            ("LocalAuthListCtrlr", None, "Enabled"): _fixed("boolean", "true"),
            ("ReservationCtrlr", None, "Enabled"): _fixed("boolean", "true"),
            ("SmartChargingCtrlr", None, "Enabled"): _fixed("boolean", "true"),
        }
        per_evse: dict[Name, Variable] = {}
        for number in station.connectors:
            per_evse[("EVSE", number, "AvailabilityState")] = self._availability(number)
            per_evse[("EVSE", number, "Power")] = _fixed("decimal", str(rating.most_w))
            per_evse[("Connector", number, "ConnectorType")] = _fixed(
                "string", rating.connector_type
            )
        return {**common, **per_evse}

    def _availability(self, number: int) -> Variable:
        return Variable("OptionList", lambda: self._station.status(number))

    def _change_password(self, text: str) -> None:
        # A00.FR.205: 16 to 40 characters.
        if not 16 <= len(text) <= 40:
            raise ValueError("a password has 16 to 40 characters")
        self._station.requests.change_password(text)

    def _flag(self, setting: str) -> Variable:
        settings = self._station.settings
        return Variable(
            "boolean",
            lambda: flag_text(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_flag(text)),
        )

    def _natural(self, setting: str) -> Variable:
        settings = self._station.settings
        return Variable(
            "integer",
            lambda: str(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_natural(text)),
        )

    def _measurands(self, setting: str) -> Variable:
        settings = self._station.settings
        return Variable(
            "MemberList",
            lambda: ",".join(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_measurands(text, SAMPLED_MEASURANDS)),
        )


def _fixed(data_type: str, value: str) -> Variable:
    return Variable(data_type, lambda: value)


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
