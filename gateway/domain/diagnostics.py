"""Diagnostics: what is asked of a station (1.6 GetDiagnostics and GetLog, N of 2.0.1)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command


class LogType(StrEnum):
    """LogEnumType, the same words in all versions."""

    DIAGNOSTICS = "DiagnosticsLog"
    SECURITY = "SecurityLog"


@dataclass(frozen=True, slots=True)
class GetLog(Command):
    """Upload a log to `location`. The reply's data: `file_name`, if the station names one."""

    request_id: int
    log_type: LogType
    location: str
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class GetDiagnostics(Command):
    """1.6's own way to a diagnostics file; later versions say it as GetLog. Data as there."""

    request_id: int
    location: str
    oldest: datetime | None = None
    latest: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class CustomerInformation(Command):
    """Report or clear what a station keeps of a customer (N09, N10).

    The customer is named by one of the three; `token_type` is the standard's IdTokenEnumType,
    `certificate` its CertificateHashDataType.
    """

    request_id: int
    report: bool
    clear: bool
    id_token: str | None = None
    token_type: str | None = None
    customer_identifier: str | None = None
    certificate: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class GetMonitoringReport(Command):
    """Have the monitors reported (N02); empty lists: all. Elements are the standard's own."""

    request_id: int
    criteria: list[str] = field(default_factory=list)
    component_variables: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SetMonitoringBase(Command):
    """Choose a set of preconfigured monitors (N03): All, FactoryDefault or HardWiredOnly."""

    base: str


@dataclass(frozen=True, slots=True)
class SetMonitoringLevel(Command):
    """Report only events of this severity or graver (N05): 0, the gravest, to 9."""

    severity: int


@dataclass(frozen=True, slots=True)
class SetVariableMonitoring(Command):
    """Set monitors (N04), as SetMonitoringDataType. Data: `results`, SetMonitoringResultType."""

    monitors: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ClearVariableMonitoring(Command):
    """Remove monitors by id (N06). Data: `results`, ClearMonitoringResultType."""

    ids: list[int]
