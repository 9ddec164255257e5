"""The OCPP 1.6 configuration keys of a station (1.6 §9), mapped onto its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.charge_point.settings import SAMPLED_MEASURANDS
from simulators.charge_point.vocabulary import (
    flag_text,
    parse_flag,
    parse_measurands,
    parse_natural,
)

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

PROFILES = "Core,LocalAuthListManagement,Reservation,RemoteTrigger,SmartCharging"


@dataclass(frozen=True)
class Key:
    """`change` raises ValueError for a value that it does not take; None: read-only."""

    value: Callable[[], str]
    change: Callable[[str], None] | None = None


class Configuration:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self._keys = self._build()

    def get(self, names: list[str] | None) -> tuple[list[dict[str, object]], list[str]]:
        """(configurationKey, unknownKey) of GetConfiguration; no names: all keys."""
        asked = names or list(self._keys)
        known = [
            {"key": name, "readonly": key.change is None, "value": key.value()}
            for name in asked
            if (key := self._keys.get(name)) is not None
        ]
        return known, [name for name in asked if name not in self._keys]

    def change(self, name: str, value: str) -> str:
        """A ConfigurationStatus."""
        if name == "AuthorizationKey":
            return self._change_authorization_key(value)
        key = self._keys.get(name)
        if key is None:
            return "NotSupported"
        if key.change is None:
            return "Rejected"
        try:
            key.change(value)
        except ValueError:
            return "Rejected"
        return "Accepted"

    def _change_authorization_key(self, value: str) -> str:
        # Security white paper A00.FR.205: 16 to 20 bytes, given in hexadecimal; write-only.
        try:
            password = bytes.fromhex(value)
        except ValueError:
            return "Rejected"
        if not 16 <= len(password) <= 20:
            return "Rejected"
        self._station.requests.change_password(password)
        return "Accepted"

    def _build(self) -> dict[str, Key]:
        station = self._station
        return {
            "AuthorizeRemoteTxRequests": self._flag("authorize_remote_starts"),
            "AllowOfflineTxForUnknownId": self._flag("accept_unknown_offline"),
            "ConnectionTimeOut": self._natural("connection_timeout"),
            "GetConfigurationMaxKeys": Key(lambda: "100"),
            "HeartbeatInterval": self._natural("heartbeat_interval"),
            "MeterValueSampleInterval": self._natural("sample_interval"),
            "MeterValuesSampledData": self._measurands("sampled_measurands"),
            "NumberOfConnectors": Key(lambda: str(len(station.connectors))),
            "StopTransactionOnInvalidId": self._flag("stop_on_invalid_token"),
            "StopTxnSampledData": self._measurands("ended_measurands"),
            "SupportedFeatureProfiles": Key(lambda: PROFILES),
            "TransactionMessageAttempts": self._natural("message_attempts"),
            "TransactionMessageRetryInterval": self._natural("message_retry_interval"),
            "UnlockConnectorOnEVSideDisconnect": Key(lambda: "true"),
            "LocalAuthListEnabled": Key(lambda: "true"),
            "LocalAuthListMaxLength": Key(lambda: "10000"),
            "SendLocalListMaxLength": Key(lambda: "1000"),
            "ChargeProfileMaxStackLevel": Key(lambda: "10"),
            "ChargingScheduleAllowedChargingRateUnit": Key(lambda: "Current,Power"),
            "ChargingScheduleMaxPeriods": Key(lambda: "100"),
            "MaxChargingProfilesInstalled": Key(lambda: "100"),
            "SecurityProfile": Key(lambda: "0" if station.link.address.password is None else "1"),
        }

    def _flag(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(
            lambda: flag_text(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_flag(text)),
        )

    def _natural(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(
            lambda: str(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_natural(text)),
        )

    def _measurands(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(
            lambda: ",".join(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_measurands(text, SAMPLED_MEASURANDS)),
        )
