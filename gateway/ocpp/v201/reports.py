"""What comes in parts, in the words of 2.x: the reports of several blocks, and GetBaseReport."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from gateway.domain.commands import CommandOutcome
from gateway.domain.configuration import is_secret
from gateway.domain.device_model import ReportedAttribute, ReportedVariable, RequestBaseReport
from gateway.domain.operations import MASK
from gateway.domain.reports import Part
from gateway.ocpp import wire
from gateway.ocpp.dialect import Asked, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.services.stations.reports import Reports
from gateway.services.stations.station_state import StationState

# GenericDeviceModelStatusEnumType
BASE_REPORT_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,  # parts will follow
    "Rejected": CommandOutcome.REJECTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,
    "EmptyResultSet": CommandOutcome.ACCEPTED,  # nothing to report, nothing follows
}


def get_base_report(command: RequestBaseReport) -> Asked:
    """GetBaseReportRequest; NotifyReport follows."""
    payload = {"requestId": command.request_id, "reportBase": command.base.value}
    return Asked("GetBaseReport", payload, by_status(BASE_REPORT_OUTCOMES))


def reporting(reports: Reports, read: Callable[[Payload], Part]) -> Handler:
    """The handler of one kind of report."""

    async def report(state: StationState, payload: Payload) -> Payload:
        await reports.received(state, read(payload))
        return {}

    return report


def notify_report(payload: Payload) -> Part:
    """NotifyReportRequest; `reportData` may be empty or absent."""
    data = payload.get("reportData") or []
    return _part("NotifyReport", payload, [asdict(reported_variable(one)) for one in data])


def notify_monitoring_report(payload: Payload) -> Part:
    """NotifyMonitoringReportRequest."""
    return _part("NotifyMonitoringReport", payload, payload.get("monitor") or [])


def notify_customer_information(payload: Payload) -> Part:
    """NotifyCustomerInformationRequest: a piece of text in each part."""
    return _part("NotifyCustomerInformation", payload, [payload["data"]])


def notify_display_messages(payload: Payload) -> Part:
    """NotifyDisplayMessagesRequest."""
    return _part("NotifyDisplayMessages", payload, payload.get("messageInfo") or [])


def report_charging_profiles(payload: Payload) -> Part:
    """ReportChargingProfilesRequest: the profiles of one EVSE and source in each part."""
    item = {
        "evseId": payload["evseId"],
        "chargingLimitSource": payload["chargingLimitSource"],
        "chargingProfile": payload["chargingProfile"],
    }
    return _part("ReportChargingProfiles", payload, [item])


def reported_variable(data: Payload) -> ReportedVariable:
    """A ReportDataType; an attribute without type is Actual, without mutability ReadWrite."""
    component, variable = data["component"], data["variable"]
    evse = component.get("evse") or {}
    characteristics = dict(data.get("variableCharacteristics") or {})
    characteristics.pop("customData", None)
    return ReportedVariable(
        component=component["name"],
        variable=variable["name"],
        component_instance=component.get("instance"),
        variable_instance=variable.get("instance"),
        evse=wire.optional_integer(evse, "id"),
        connector=wire.optional_integer(evse, "connectorId"),
        attributes=tuple(
            _attribute(one, secret=is_secret(variable["name"])) for one in data["variableAttribute"]
        ),
        characteristics=characteristics,
    )


def _attribute(data: Payload, *, secret: bool) -> ReportedAttribute:
    """An attribute. A password is WriteOnly and never reported; what some report is not kept."""
    value = data.get("value")
    return ReportedAttribute(
        type=data.get("type", "Actual"),
        value=MASK if value and secret else value,
        mutability=data.get("mutability", "ReadWrite"),
        persistent=data.get("persistent", False),
        constant=data.get("constant", False),
    )


def _part(kind: str, payload: Payload, items: list[object]) -> Part:
    seq_no = wire.optional_integer(payload, "seqNo")
    return Part(
        kind=kind,
        request_id=wire.integer(payload, "requestId"),
        items=items,
        more=payload.get("tbc", False),
        # the schema has no lower bound; a number below 0 counts nothing
        seq_no=None if seq_no is None or seq_no < 0 else seq_no,
    )
