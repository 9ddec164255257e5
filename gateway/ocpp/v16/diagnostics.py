"""Diagnostics (Firmware Management 4.4), and the logs of the security white paper (N01)."""

from collections.abc import Mapping

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.diagnostics import GetDiagnostics, GetLog
from gateway.domain.operations import DIAGNOSTICS, LOG_UPLOAD
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.operation_messages import by_status, following, given

# LogStatusEnumType.
LOG_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "AcceptedCanceled": CommandOutcome.ACCEPTED,  # N01.FR.11: an older upload is cancelled for it
    "Rejected": CommandOutcome.REJECTED,
}


def get_log(command: GetLog) -> Asked:
    """GetLog.req."""
    log = given(
        remoteLocation=command.location,
        oldestTimestamp=command.oldest,
        latestTimestamp=command.latest,
    )
    payload = given(
        logType=str(command.log_type),
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval,
    )
    return Asked("GetLog", {**payload, "log": log}, read_log_answer)


def get_diagnostics(command: GetDiagnostics) -> Asked:
    """GetDiagnostics.req."""
    payload = given(
        location=command.location,
        retries=command.retries,
        retryInterval=command.retry_interval,
        startTime=command.oldest,
        stopTime=command.latest,
    )
    return Asked("GetDiagnostics", payload, _read_diagnostics_answer)


def read_log_answer(answer: Payload) -> CommandReply:
    """GetLog.conf: its status, and the file's name if there is one."""
    outcome = LOG_OUTCOMES.get(str(answer["status"]), CommandOutcome.FAILED)
    return CommandReply(outcome, answer["status"], given(file_name=answer.get("filename")))


def _read_diagnostics_answer(answer: Payload) -> CommandReply:
    """GetDiagnostics.conf: without a file name there are no diagnostics (1.6, 5.9).

    Some upload them all the same, and the operation then goes on.
    """
    name = answer.get("fileName")
    if not name:
        return CommandReply(CommandOutcome.FAILED, data={"error": "no diagnostics available"})
    return CommandReply(CommandOutcome.ACCEPTED, data={"file_name": name})


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    kinds = {
        "DiagnosticsStatusNotification": (DIAGNOSTICS,),
        "LogStatusNotification": (LOG_UPLOAD,),
    }
    return {
        action: following(services, action, which, by_status) for action, which in kinds.items()
    }


BLOCK = Block(routes, {GetLog: get_log, GetDiagnostics: get_diagnostics})
