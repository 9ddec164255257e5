"""What charge points were asked to do in their own time: started here, followed to the end."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.admin.bodies import Body
from gateway.admin.calls import PAGING, Answer, Call, Query, Route, listed
from gateway.admin.errors import Invalid, NotFound, Unavailable
from gateway.admin.lists import part
from gateway.admin.resources.device_operations import DeviceStarters
from gateway.admin.services import Services
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import Command
from gateway.domain.diagnostics import (
    ClearVariableMonitoring,
    LogType,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from gateway.domain.operations import Operation
from gateway.domain.timestamps import to_text
from gateway.services.files.firmware import PublishOrder, RefusedFirmware, UpdateOrder
from gateway.services.files.firmware_files import Signature, UnknownFirmware
from gateway.services.files.firmware_signature import BadSignature
from gateway.services.files.transfer_urls import RefusedUrl
from gateway.services.stations.device_operations import RefusedStart
from gateway.services.stations.diagnostics import CustomerOrder, LogOrder
from gateway.services.stations.operations import TooManyOperations

Count = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Url = Annotated[str, Field(max_length=512)]


class _Tries(Body):
    retries: Count | None = None
    retry_interval: Seconds | None = Field(None, description="seconds")


class FirmwareUpdateBody(_Tries):
    """A `file` of the firmware directory, or a `location` elsewhere; signed as the file is."""

    kind: Literal["firmware-update"]
    file: str | None = None
    location: Url | None = None
    retrieve_at: datetime | None = Field(None, description="default: now")
    install_at: datetime | None = Field(None, description="signed 1.6 and 2.x only")
    signing_certificate: str | None = Field(None, description="PEM")
    signature: str | None = Field(None, description="base64")
    force: bool = Field(False, description="unsigned, even with security profile 2 or 3")

    @model_validator(mode="after")
    def _together(self) -> "FirmwareUpdateBody":
        if (self.signing_certificate is None) != (self.signature is None):
            raise ValueError("signing_certificate and signature go together")
        return self


class FirmwarePublishBody(_Tries):
    """For local controllers (2.0.1): what they offer to the stations behind them."""

    kind: Literal["firmware-publish"]
    file: str | None = None
    location: Url | None = None
    checksum: Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$")] | None = Field(
        None, description="MD5; of a file of ours it is known"
    )


class LogUploadBody(_Tries):
    """A log, put here unless `location` says elsewhere."""

    kind: Literal["log-upload"]
    log_type: LogType = LogType.DIAGNOSTICS
    location: Url | None = None
    oldest: datetime | None = None
    latest: datetime | None = None


class DiagnosticsBody(_Tries):
    """Diagnostics in the way of 1.6's Firmware Management; 2.x is asked for its log."""

    kind: Literal["diagnostics"]
    location: Url | None = None
    oldest: datetime | None = None
    latest: datetime | None = None


class CustomerInformationBody(Body):
    """Report or clear what a station keeps of one customer (2.0.1, N09 and N10)."""

    kind: Literal["customer-information"]
    report: bool
    clear: bool
    id_token: Annotated[str, Field(max_length=255)] | None = None
    token_type: Annotated[str, Field(max_length=20)] = Field(
        "ISO14443", description="IdTokenEnumType"
    )
    customer_identifier: Annotated[str, Field(max_length=64)] | None = None
    certificate: dict[str, str] | None = Field(None, description="CertificateHashDataType")

    @model_validator(mode="after")
    def _one_customer(self) -> "CustomerInformationBody":
        named = (self.id_token, self.customer_identifier, self.certificate)
        if sum(name is not None for name in named) != 1:
            raise ValueError("name one of id_token, customer_identifier, certificate")
        if not self.report and not self.clear:
            raise ValueError("neither a report nor a clearing is wanted")
        return self


class MonitoringReportBody(Body):
    """The monitors of a 2.x station (N02)."""

    kind: Literal["monitoring-report"]
    criteria: list[Literal["ThresholdMonitoring", "DeltaMonitoring", "PeriodicMonitoring"]] = Field(
        default_factory=list, max_length=3
    )
    component_variables: list[dict[str, Any]] = Field(default_factory=list, max_length=100)


class FirmwareUnpublishBody(Body):
    """The end of a local controller's offer."""

    kind: Literal["firmware-unpublish"]
    checksum: Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$")]


class MonitoringBody(Body):
    """One of: a set of monitors to begin from, a level, monitors to set, ids to clear."""

    kind: Literal["monitoring"]
    base: Literal["All", "FactoryDefault", "HardWiredOnly"] | None = None
    level: Annotated[int, Field(ge=0, le=9)] | None = Field(None, description="severity, N05")
    monitors: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)] | None = Field(
        None, description="SetMonitoringDataType each"
    )
    clear: Annotated[list[int], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> "MonitoringBody":
        wanted = (self.base, self.level, self.monitors, self.clear)
        if sum(one is not None for one in wanted) != 1:
            raise ValueError("name one of base, level, monitors, clear")
        return self


class OperationBody(Body):
    """`kind` decides what else there is."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(
        description="availability, reset, unlock, trigger, remote-start, remote-stop, "
        "display-message, display-messages, charging-profiles, priority-charging, "
        "firmware-update, firmware-publish, firmware-unpublish, log-upload, diagnostics, "
        "customer-information, monitoring or monitoring-report"
    )


Starter = Callable[[ChargePointRecord, Any], Awaitable[Operation]]


class OperationCalls:
    """`/charge-points/{identity}/operations`."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._operations = services.operations
        self._firmware = services.transfers.firmware
        self._diagnostics = services.transfers.diagnostics
        self._starters: dict[str, tuple[type[BaseModel], Starter]] = {
            "firmware-update": (FirmwareUpdateBody, self._update),
            "firmware-publish": (FirmwarePublishBody, self._publish),
            "firmware-unpublish": (FirmwareUnpublishBody, self._unpublish),
            "log-upload": (LogUploadBody, self._log),
            "diagnostics": (DiagnosticsBody, self._log),
            "customer-information": (CustomerInformationBody, self._customer),
            "monitoring": (MonitoringBody, self._monitoring),
            "monitoring-report": (MonitoringReportBody, self._monitoring_report),
            **DeviceStarters(services).starters(),
        }

    async def listing(self, call: Call) -> Answer:
        """Newest first, as they are now."""
        operations = await self._operations.of(
            await self._charge_points.registered(call.path["identity"])
        )
        kind, running = call.query.get("kind"), call.flag("running")
        found = [
            one
            for one in operations
            if kind in (None, one.kind) and running in (None, not one.ended)
        ]
        return listed([shown(one) for one in part(found, call.window(None))], len(found))

    async def one(self, call: Call) -> Answer:
        """One with all that was heard of it."""
        operation = await self._operations.get(
            await self._charge_points.registered(call.path["identity"]), call.path["id"]
        )
        if operation is None:
            raise NotFound("There is no such operation")
        return Answer(shown(operation))

    async def start(self, call: Call) -> Answer:
        """Ask the station; its answer and what follows are read from the operation."""
        record = await self._charge_points.registered(call.path["identity"])
        known = self._starters.get(call.read(OperationBody).kind)
        if known is None:
            raise Invalid("There is no such kind of operation", sorted(self._starters))
        model, starter = known
        body = call.read(model)
        try:
            operation = await starter(record, body)
        except UnknownFirmware:
            raise Invalid("There is no such firmware file") from None
        except (RefusedUrl, RefusedFirmware, RefusedStart, BadSignature) as error:
            raise Invalid(f"Nothing was sent: {error}") from None
        except TooManyOperations:
            raise Unavailable("Too many requests wait for their stations' answers") from None
        return Answer(shown(operation), 202)

    async def _update(self, record: ChargePointRecord, body: FirmwareUpdateBody) -> Operation:
        signature = None
        if body.signing_certificate is not None and body.signature is not None:
            signature = Signature(body.signing_certificate, body.signature)
        order = UpdateOrder(
            file=body.file,
            location=body.location,
            retrieve_at=_utc(body.retrieve_at),
            install_at=_utc(body.install_at),
            signature=signature,
            retries=body.retries,
            retry_interval=body.retry_interval,
            force=body.force,
        )
        return await self._firmware.update(record, order)

    async def _publish(self, record: ChargePointRecord, body: FirmwarePublishBody) -> Operation:
        fields = body.model_dump(exclude={"kind"})
        return await self._firmware.publish(record, PublishOrder(**fields))

    async def _log(
        self, record: ChargePointRecord, body: LogUploadBody | DiagnosticsBody
    ) -> Operation:
        order = LogOrder(
            log_type=body.log_type if isinstance(body, LogUploadBody) else None,
            location=body.location,
            oldest=_utc(body.oldest),
            latest=_utc(body.latest),
            retries=body.retries,
            retry_interval=body.retry_interval,
        )
        return await self._diagnostics.log(record, order)

    async def _customer(
        self, record: ChargePointRecord, body: CustomerInformationBody
    ) -> Operation:
        fields = body.model_dump(exclude={"kind"})
        return await self._diagnostics.customer_information(record, CustomerOrder(**fields))

    async def _unpublish(self, record: ChargePointRecord, body: FirmwareUnpublishBody) -> Operation:
        return await self._firmware.unpublish(record, body.checksum)

    async def _monitoring(self, record: ChargePointRecord, body: MonitoringBody) -> Operation:
        parameters = body.model_dump(exclude={"kind"}, exclude_none=True)
        return await self._diagnostics.monitor(record, _monitoring_command(body), parameters)

    async def _monitoring_report(
        self, record: ChargePointRecord, body: MonitoringReportBody
    ) -> Operation:
        return await self._diagnostics.monitoring_report(
            record, list(body.criteria), body.component_variables
        )

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/operations"
        unknown = {404: "unknown charge point or operation"}
        return [
            Route(
                "GET",
                base,
                "Firmware updates, log uploads and the like, newest first",
                self.listing,
                query=(
                    Query("kind", "only those of this kind"),
                    Query("running", "true: only those that have not ended", "boolean"),
                    *PAGING,
                ),
                answers={200: "the operations", **unknown},
            ),
            Route(
                "POST",
                base,
                "Start an operation at a charge point",
                self.start,
                body=OperationBody,
                answers={
                    202: "the operation; read it again for what came of it",
                    **unknown,
                    422: "what is wrong; nothing was sent",
                },
            ),
            Route(
                "GET",
                base + "/{id}",
                "One operation: its state, its history, what came of it",
                self.one,
                answers={200: "the operation", **unknown},
            ),
        ]


def _monitoring_command(body: MonitoringBody) -> Command:
    if body.base is not None:
        return SetMonitoringBase(body.base)
    if body.level is not None:
        return SetMonitoringLevel(body.level)
    if body.monitors is not None:
        return SetVariableMonitoring(body.monitors)
    return ClearVariableMonitoring(body.clear or [])


def shown(operation: Operation) -> dict[str, Any]:
    """An operation as operators see it."""
    return {
        "id": operation.id,
        "charge_point": operation.identity,
        "kind": operation.kind,
        "request_id": operation.request_id,
        "state": str(operation.state),
        "parameters": operation.parameters,
        "created_at": to_text(operation.created_at),
        "updated_at": to_text(operation.updated_at),
        "ended_at": to_text(operation.ended_at) if operation.ended_at else None,
        "history": [
            {"at": to_text(entry.at), "word": entry.word, "detail": entry.detail}
            for entry in operation.history
        ],
        "result": operation.result,
    }


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as everywhere in this API."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
