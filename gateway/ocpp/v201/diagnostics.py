"""Block N, Diagnostics: logs, monitoring, customer information."""

from collections.abc import Callable, Mapping

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.diagnostics import (
    ClearVariableMonitoring,
    CustomerInformation,
    GetDiagnostics,
    GetLog,
    GetMonitoringReport,
    LogType,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from gateway.domain.operations import (
    CUSTOMER_INFORMATION,
    DIAGNOSTICS,
    LOG_UPLOAD,
    MONITORING_REPORT,
)
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.operation_messages import by_part, following, given
from gateway.ocpp.operation_messages import by_status as by_word
from gateway.ocpp.v201 import reports

# LogStatusEnumType.
LOG_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "AcceptedCanceled": CommandOutcome.ACCEPTED,  # an older upload is cancelled for this one
    "Rejected": CommandOutcome.REJECTED,
}

# CustomerInformationStatusEnumType.
CUSTOMER_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "Invalid": CommandOutcome.REJECTED,  # the customer is not named in the way that it must be
}

# GenericDeviceModelStatusEnumType.
MONITORING_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,
    "EmptyResultSet": CommandOutcome.REJECTED,  # nothing to report, so nothing follows
}


def get_log(command: GetLog) -> Asked:
    """GetLogRequest."""
    return _log(command, command.log_type)


def get_diagnostics(command: GetDiagnostics) -> Asked:
    """GetLogRequest, which has taken the place of GetDiagnostics."""
    return _log(command, LogType.DIAGNOSTICS)


def _log(command: GetLog | GetDiagnostics, log_type: LogType) -> Asked:
    log = given(
        remoteLocation=command.location,
        oldestTimestamp=command.oldest,
        latestTimestamp=command.latest,
    )
    payload = given(
        logType=str(log_type),
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval,
    )
    return Asked("GetLog", {**payload, "log": log}, _read_log_answer)


def _read_log_answer(answer: Payload) -> CommandReply:
    outcome = LOG_OUTCOMES.get(str(answer["status"]), CommandOutcome.FAILED)
    return CommandReply(outcome, answer["status"], given(file_name=answer.get("filename")))


def customer_information(command: CustomerInformation) -> Asked:
    """CustomerInformationRequest."""
    payload = given(
        requestId=command.request_id,
        report=command.report,
        clear=command.clear,
        customerIdentifier=command.customer_identifier,
        customerCertificate=command.certificate,
    )
    if command.id_token is not None:
        payload["idToken"] = {"idToken": command.id_token, "type": command.token_type}
    return Asked("CustomerInformation", payload, by_status(CUSTOMER_OUTCOMES))


def get_monitoring_report(command: GetMonitoringReport) -> Asked:
    """GetMonitoringReportRequest; its lists may be left out but not be empty."""
    payload = given(
        requestId=command.request_id,
        monitoringCriteria=command.criteria or None,
        componentVariable=command.component_variables or None,
    )
    return Asked("GetMonitoringReport", payload, by_status(MONITORING_OUTCOMES))


def set_monitoring_base(command: SetMonitoringBase) -> Asked:
    """SetMonitoringBaseRequest."""
    payload = {"monitoringBase": command.base}
    return Asked("SetMonitoringBase", payload, by_status(MONITORING_OUTCOMES))


def set_monitoring_level(command: SetMonitoringLevel) -> Asked:
    """SetMonitoringLevelRequest."""
    payload = {"severity": command.severity}
    return Asked("SetMonitoringLevel", payload, by_status(MONITORING_OUTCOMES))


def set_variable_monitoring(command: SetVariableMonitoring) -> Asked:
    """SetVariableMonitoringRequest."""
    payload = {"setMonitoringData": command.monitors}
    return Asked("SetVariableMonitoring", payload, _results("setMonitoringResult"))


def clear_variable_monitoring(command: ClearVariableMonitoring) -> Asked:
    """ClearVariableMonitoringRequest."""
    return Asked("ClearVariableMonitoring", {"id": command.ids}, _results("clearMonitoringResult"))


def _results(member: str) -> Callable[[Payload], CommandReply]:
    """Read an answer that has a status for each element: accepted if all are."""

    def read(answer: Payload) -> CommandReply:
        results = answer[member]
        words = [str(result["status"]) for result in results]
        refused = [word for word in words if word != "Accepted"]
        outcome = CommandOutcome.REJECTED if refused else CommandOutcome.ACCEPTED
        return CommandReply(outcome, (refused or ["Accepted"])[0], {"results": results})

    return read


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {
        "LogStatusNotification": following(
            services, "LogStatusNotification", (LOG_UPLOAD, DIAGNOSTICS), by_word
        ),
        "NotifyCustomerInformation": by_part(
            services, CUSTOMER_INFORMATION, reports.notify_customer_information
        ),
        "NotifyMonitoringReport": by_part(
            services, MONITORING_REPORT, reports.notify_monitoring_report
        ),
    }


BLOCK = Block(
    routes,
    {
        GetLog: get_log,
        GetDiagnostics: get_diagnostics,
        CustomerInformation: customer_information,
        GetMonitoringReport: get_monitoring_report,
        SetMonitoringBase: set_monitoring_base,
        SetMonitoringLevel: set_monitoring_level,
        SetVariableMonitoring: set_variable_monitoring,
        ClearVariableMonitoring: clear_variable_monitoring,
    },
)
