"""The variables of a 2.x station by component (part 2 appendices), mapped onto its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import wire_time
from simulators.charge_point.display import FORMATS, MOST_MESSAGES, PRIORITIES
from simulators.charge_point.settings import SAMPLED_MEASURANDS
from simulators.charge_point.signed_meter import KEY_WITH_VALUES, SignedMeter
from simulators.charge_point.signing import LONGEST_CHAIN
from simulators.charge_point.vocabulary import (
    flag_text,
    parse_choice,
    parse_flag,
    parse_measurands,
    parse_natural,
)

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

SECRET_LENGTHS = range(16, 41)
"""A00.FR.205"""


@dataclass(frozen=True)
class Name:
    """Which variable of which component; `instance` is the variable's."""

    component: str
    variable: str
    evse: int | None = None
    instance: str | None = None

    def folded(self) -> "Name":
        instance = None if self.instance is None else self.instance.casefold()
        return Name(self.component.casefold(), self.variable.casefold(), self.evse, instance)


@dataclass(frozen=True)
class Variable:
    """`change` raises ValueError for what it does not take; a secret's value is never told."""

    data_type: str
    value: Callable[[], str] | None
    change: Callable[[str], None] | None = None
    most: int | None = None
    """its MaxSet: what it can be at most"""
    members: str | None = None
    """valuesList of a MemberList or OptionList"""

    @property
    def mutability(self) -> str:
        if self.value is None:
            return "WriteOnly"
        return "ReadOnly" if self.change is None else "ReadWrite"


def variables_of(station: "SimulatedChargePoint") -> dict[Name, Variable]:
    """Everything that a station has."""
    settings = _Settings(station)
    return {
        **_hardware(station),
        **_communication(station, settings),
        **_authorization(station, settings),
        **_metering(station, settings),
        **_controllers(station, settings),
    }


@dataclass(frozen=True)
class _Settings:
    """Variables that are a station's settings."""

    station: "SimulatedChargePoint"

    def flag(self, setting: str) -> Variable:
        return self._of("boolean", setting, flag_text, parse_flag)

    def natural(self, setting: str) -> Variable:
        return self._of("integer", setting, str, parse_natural)

    def text(self, setting: str) -> Variable:
        return self._of("string", setting, str, str)

    def choice(self, setting: str, choices: tuple[str, ...]) -> Variable:
        return self._of(
            "OptionList", setting, str, lambda text: parse_choice(text, choices), ",".join(choices)
        )

    def limit(self, setting: str) -> Variable:
        return Variable("integer", lambda: str(getattr(self.station.settings, setting)))

    def measurands(self, setting: str) -> Variable:
        return self._of(
            "MemberList",
            setting,
            ",".join,
            lambda text: parse_measurands(text, SAMPLED_MEASURANDS),
            ",".join(SAMPLED_MEASURANDS),
        )

    def _of(
        self,
        data_type: str,
        setting: str,
        write: Callable[[Any], str],
        read: Callable[[str], Any],
        members: str | None = None,
    ) -> Variable:
        settings = self.station.settings
        return Variable(
            data_type,
            lambda: write(getattr(settings, setting)),
            lambda text: setattr(settings, setting, read(text)),
            members=members,
        )


def _hardware(station: "SimulatedChargePoint") -> dict[Name, Variable]:
    rating = station.rating
    found = {
        Name("ChargingStation", "Model"): _fixed("string", f"{rating.most_w // 1000} kW"),
        Name("ChargingStation", "VendorName"): _fixed("string", "Simulated"),
        Name("ChargingStation", "SerialNumber"): _fixed("string", station.serial_number),
        Name("ChargingStation", "SupplyPhases"): _fixed("integer", str(rating.phases)),
        Name("ChargingStation", "FirmwareVersion"): Variable(
            "string", lambda: station.firmware.version
        ),
    }
    for number in station.connectors:
        found |= _evse(station, number)
    return found


def _evse(station: "SimulatedChargePoint", number: int) -> dict[Name, Variable]:
    rating, outlet = station.rating, station.connectors[number].outlet
    return {
        Name("EVSE", "AvailabilityState", number): Variable(
            "OptionList",
            lambda: station.status(number),
            members="Available,Occupied,Reserved,Unavailable,Faulted",
        ),
        Name("EVSE", "Power", number): Variable(
            "decimal", lambda: str(outlet.power_w()), most=rating.most_w
        ),
        Name("Connector", "ConnectorType", number): _fixed("string", rating.connector_type),
    }


def _communication(station: "SimulatedChargePoint", settings: _Settings) -> dict[Name, Variable]:
    comm, event = "OCPPCommCtrlr", "TransactionEvent"
    found = {
        Name(comm, "HeartbeatInterval"): settings.natural("heartbeat_interval"),
        Name(comm, "MessageAttempts", instance=event): settings.natural("message_attempts"),
        Name(comm, "MessageAttemptInterval", instance=event): settings.natural(
            "message_retry_interval"
        ),
        Name(comm, "WebSocketPingInterval"): settings.natural("ping_interval"),
        Name(comm, "FileTransferProtocols"): _fixed("MemberList", "HTTP,HTTPS"),
        Name(comm, "NetworkConfigurationPriority"): _fixed("SequenceList", "0"),
        Name("SecurityCtrlr", "SecurityProfile"): Variable(
            "integer", lambda: str(station.security_profile)
        ),
        Name("SecurityCtrlr", "Identity"): _fixed("string", station.identity),
        Name("SecurityCtrlr", "BasicAuthPassword"): Variable(
            "string", None, lambda text: _change_password(station, text), most=SECRET_LENGTHS[-1]
        ),
        Name("SecurityCtrlr", "OrganizationName"): settings.text("organization"),
        Name("SecurityCtrlr", "CertificateEntries"): Variable(
            "integer", lambda: str(len(station.certificates)), most=station.certificates.room
        ),
        Name("SecurityCtrlr", "CertSigningWaitMinimum"): settings.natural("certificate_wait"),
        Name("SecurityCtrlr", "CertSigningRepeatTimes"): settings.natural("certificate_repeats"),
        Name("SecurityCtrlr", "MaxCertificateChainSize"): _fixed("integer", str(LONGEST_CHAIN)),
    }
    for instance in ("GetVariables", "SetVariables", "GetReport"):
        name = Name("DeviceDataCtrlr", "ItemsPerMessage", instance=instance)
        found[name] = settings.limit("items_per_message")
    return found


def _authorization(station: "SimulatedChargePoint", settings: _Settings) -> dict[Name, Variable]:
    auth, listed = "AuthCtrlr", "LocalAuthListCtrlr"
    return {
        Name(auth, "Enabled"): _fixed("boolean", "true"),
        Name(auth, "AuthorizeRemoteStart"): settings.flag("authorize_remote_starts"),
        Name(auth, "LocalAuthorizeOffline"): settings.flag("local_authorize_offline"),
        Name(auth, "LocalPreAuthorize"): settings.flag("local_pre_authorize"),
        Name(auth, "OfflineTxForUnknownIdEnabled"): settings.flag("accept_unknown_offline"),
        Name(listed, "Available"): _fixed("boolean", "true"),
        Name(listed, "Enabled"): settings.flag("local_list_enabled"),
        Name(listed, "Entries"): Variable(
            "integer",
            lambda: str(len(station.local_list)),
            most=station.settings.local_list_entries,
        ),
        Name(listed, "ItemsPerMessage"): settings.limit("local_list_per_message"),
        Name(listed, "BytesPerMessage"): _fixed("integer", str(2**20)),
    }


def _metering(station: "SimulatedChargePoint", settings: _Settings) -> dict[Name, Variable]:
    sampled, aligned, fiscal = "SampledDataCtrlr", "AlignedDataCtrlr", "FiscalMetering"
    meters = {number: connector.meter for number, connector in station.connectors.items()}
    return {
        **{
            Name(fiscal, "SerialNumber", number, "Meter"): _fixed("string", meter.serial)
            for number, meter in meters.items()
        },
        **{
            Name(fiscal, "PublicKey", number): Variable("string", partial(_key_of, meter))
            for number, meter in meters.items()
        },
        Name(sampled, "SignReadings"): settings.flag("sign_readings"),
        Name("OCPPCommCtrlr", "PublicKeyWithSignedMeterValue"): settings.choice(
            "key_with_signed_values", KEY_WITH_VALUES
        ),
        Name(sampled, "Enabled"): _fixed("boolean", "true"),
        Name(sampled, "TxStartedMeasurands"): settings.measurands("started_measurands"),
        Name(sampled, "TxUpdatedInterval"): settings.natural("sample_interval"),
        Name(sampled, "TxUpdatedMeasurands"): settings.measurands("sampled_measurands"),
        Name(sampled, "TxEndedInterval"): _fixed("integer", "0"),
        Name(sampled, "TxEndedMeasurands"): settings.measurands("ended_measurands"),
        Name(aligned, "Enabled"): _fixed("boolean", "true"),
        Name(aligned, "Interval"): settings.natural("aligned_interval"),
        Name(aligned, "Measurands"): settings.measurands("aligned_measurands"),
        Name(aligned, "TxEndedInterval"): _fixed("integer", "0"),
    }


def _key_of(meter: SignedMeter) -> str:
    return meter.public_key


def _controllers(station: "SimulatedChargePoint", settings: _Settings) -> dict[Name, Variable]:
    return {
        Name("TxCtrlr", "EVConnectionTimeOut"): settings.natural("connection_timeout"),
        Name("TxCtrlr", "StopTxOnEVSideDisconnect"): _fixed("boolean", "true"),
        Name("TxCtrlr", "StopTxOnInvalidId"): settings.flag("stop_on_invalid_token"),
        Name("TxCtrlr", "TxStartPoint"): _fixed("MemberList", "PowerPathClosed"),
        Name("TxCtrlr", "TxStopPoint"): _fixed("MemberList", "PowerPathClosed"),
        Name("ReservationCtrlr", "Enabled"): _fixed("boolean", "true"),
        Name("SmartChargingCtrlr", "Enabled"): _fixed("boolean", "true"),
        Name("MonitoringCtrlr", "Enabled"): _fixed("boolean", "true"),
        Name("TariffCostCtrlr", "Enabled", instance="Cost"): _fixed("boolean", "true"),
        Name("TariffCostCtrlr", "Enabled", instance="Tariff"): _fixed("boolean", "true"),
        Name("TariffCostCtrlr", "Currency"): _fixed("string", "EUR"),
        Name("DisplayMessageCtrlr", "Enabled"): _fixed("boolean", "true"),
        Name("DisplayMessageCtrlr", "DisplayMessages"): Variable(
            "integer", lambda: str(len(station.display.messages)), most=MOST_MESSAGES
        ),
        Name("DisplayMessageCtrlr", "SupportedFormats"): _fixed(
            "MemberList", ",".join(sorted(FORMATS))
        ),
        Name("DisplayMessageCtrlr", "SupportedPriorities"): _fixed(
            "MemberList", ",".join(PRIORITIES)
        ),
        Name("ClockCtrlr", "DateTime"): Variable(
            "dateTime", lambda: wire_time(station.clock.now())
        ),
    }


def _change_password(station: "SimulatedChargePoint", text: str) -> None:
    if len(text) not in SECRET_LENGTHS:
        raise ValueError("a password has 16 to 40 characters")
    station.requests.change_password(text)


def _fixed(data_type: str, value: str) -> Variable:
    return Variable(data_type, lambda: value)
