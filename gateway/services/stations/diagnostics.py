"""Logs, diagnostics and customer information: asked for, and followed until they are here."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import Command
from gateway.domain.diagnostics import (
    CustomerInformation,
    GetDiagnostics,
    GetLog,
    GetMonitoringReport,
    LogType,
)
from gateway.domain.operations import (
    CUSTOMER_INFORMATION,
    DIAGNOSTICS,
    LOG_UPLOAD,
    MASK,
    MONITORING,
    MONITORING_REPORT,
    Operation,
)
from gateway.domain.timestamps import to_text
from gateway.services.files.file_tickets import FileTickets, masked
from gateway.services.files.transfer_urls import checked
from gateway.services.stations.operations import Operations, Order, new_id


@dataclass(frozen=True, slots=True)
class LogOrder:
    """A log, put here unless a `location` says elsewhere; `log_type` None asks for diagnostics
    in the way of 1.6's Firmware Management."""

    log_type: LogType | None
    location: str | None = None
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerOrder:
    """Whose data to report or clear, by one of the three names (N09.FR.04)."""

    report: bool
    clear: bool
    id_token: str | None = None
    token_type: str | None = None
    customer_identifier: str | None = None
    certificate: dict[str, str] | None = None


class DiagnosticsService:
    """Orders what stations know."""

    def __init__(
        self,
        operations: Operations,
        tickets: FileTickets,
        schemes: Collection[str],
    ) -> None:
        self._operations = operations
        self._tickets = tickets
        self._schemes = schemes

    async def log(self, record: ChargePointRecord, order: LogOrder) -> Operation:
        """Have a log put here, or elsewhere. Raises `RefusedUrl`, `TooManyOperations`."""
        id_ = new_id()
        if order.location is None:
            location = await self._tickets.for_upload(record, id_)
        else:
            location = checked(order.location, self._schemes)
        parameters: dict[str, Any] = {
            "log_type": order.log_type and str(order.log_type),
            "location": masked(location),
            "oldest": to_text(order.oldest) if order.oldest else None,
            "latest": to_text(order.latest) if order.latest else None,
            "here": order.location is None,
        }
        kind = DIAGNOSTICS if order.log_type is None else LOG_UPLOAD
        return await self._operations.start(
            record, Order(kind, _log_command(order, location), parameters, id=id_)
        )

    async def customer_information(
        self, record: ChargePointRecord, order: CustomerOrder
    ) -> Operation:
        """Have a customer's data reported, cleared, or both (N09, N10).

        Without a report nothing follows the station's answer.
        """

        def command(request_id: int) -> Command:
            return CustomerInformation(
                request_id=request_id,
                report=order.report,
                clear=order.clear,
                id_token=order.id_token,
                token_type=order.token_type,
                customer_identifier=order.customer_identifier,
                certificate=order.certificate,
            )

        parameters = {
            "report": order.report,
            "clear": order.clear,
            "id_token": order.id_token and f"{MASK}{order.id_token[-4:]}",
            "customer_identifier": order.customer_identifier and MASK,
        }
        return await self._operations.start(
            record,
            Order(CUSTOMER_INFORMATION, command, parameters, ends_when_accepted=not order.report),
        )

    async def monitoring_report(
        self, record: ChargePointRecord, criteria: list[str], variables: list[dict[str, Any]]
    ) -> Operation:
        """Have the monitors of a station reported (N02)."""

        def command(request_id: int) -> Command:
            return GetMonitoringReport(request_id, criteria, variables)

        parameters = {"criteria": criteria, "component_variables": variables}
        return await self._operations.start(record, Order(MONITORING_REPORT, command, parameters))

    async def monitor(
        self, record: ChargePointRecord, command: Command, parameters: dict[str, Any]
    ) -> Operation:
        """Choose, set or clear monitors (N03 to N06): over with the station's answer."""
        order = Order(MONITORING, lambda _request_id: command, parameters, ends_when_accepted=True)
        return await self._operations.start(record, order)


def _log_command(order: LogOrder, location: str) -> Callable[[int], Command]:
    def command(request_id: int) -> Command:
        times = (order.oldest, order.latest, order.retries, order.retry_interval)
        if order.log_type is None:
            return GetDiagnostics(request_id, location, *times)
        return GetLog(request_id, order.log_type, location, *times)

    return command
