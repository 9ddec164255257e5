"""The OCPP 1.6 configuration keys of a station (1.6 §9), mapped onto its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulators.charge_point.settings import SAMPLED_MEASURANDS
from simulators.charge_point.signed_meter import KEY_WITH_VALUES
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

PROFILES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,RemoteTrigger,SmartCharging"


@dataclass(frozen=True)
class Key:
    """`change` raises ValueError for a value that it does not take; None: read-only."""

    value: Callable[[], str]
    change: Callable[[str], None] | None = None


class Configuration:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self._keys = self._build()
        self._spellings = {name.casefold(): name for name in self._keys}

    def get(self, names: list[str] | None) -> tuple[list[dict[str, object]], list[str]]:
        """(configurationKey, unknownKey) of GetConfiguration; no names: all keys."""
        asked = [self._spelled(name) for name in names] if names else list(self._keys)
        known = [
            {"key": name, "readonly": key.change is None, "value": key.value()}
            for name in asked
            if (key := self._keys.get(name)) is not None
        ]
        return known, [name for name in asked if name not in self._keys]

    def change(self, name: str, value: str) -> str:
        """A ConfigurationStatus."""
        if name.casefold() == "authorizationkey":
            return self._change_authorization_key(value)
        key = self._keys.get(self._spelled(name))
        if key is None:
            return "NotSupported"
        if key.change is None:
            return "Rejected"
        try:
            key.change(value)
        except ValueError:
            return "Rejected"
        return "Accepted"

    def _spelled(self, name: str) -> str:
        """As it is here: a key is a CiString50, so case does not matter."""
        return self._spellings.get(name.casefold(), name)

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
            "ClockAlignedDataInterval": self._natural("aligned_interval"),
            "CpoName": self._text("organization"),
            "CertificateSignedMaxChainSize": Key(lambda: str(LONGEST_CHAIN)),
            "CertificateStoreMaxLength": Key(lambda: str(station.certificates.room)),
            "CertSigningRepeatTimes": self._natural("certificate_repeats"),
            "CertSigningWaitMinimum": self._natural("certificate_wait"),
            "ConnectorPhaseRotation": Key(lambda: "NotApplicable"),
            "CustomDisplayCostAndPrice": Key(lambda: "true"),
            "GetConfigurationMaxKeys": Key(lambda: str(station.settings.most_keys)),
            "HeartbeatInterval": self._natural("heartbeat_interval"),
            "MeterValueSampleInterval": self._natural("sample_interval"),
            "LocalAuthorizeOffline": self._flag("local_authorize_offline"),
            "LocalPreAuthorize": self._flag("local_pre_authorize"),
            "MeterValuesAlignedData": self._measurands("aligned_measurands"),
            "MeterValuesSampledData": self._measurands("sampled_measurands"),
            "NumberOfConnectors": Key(lambda: str(len(station.connectors))),
            "ResetRetries": Key(lambda: "0"),
            "StopTransactionOnEVSideDisconnect": Key(lambda: "true"),
            "StopTransactionOnInvalidId": self._flag("stop_on_invalid_token"),
            "StopTxnSampledData": self._measurands("ended_measurands"),
            "SupportedFeatureProfiles": Key(lambda: PROFILES),
            "TransactionMessageAttempts": self._natural("message_attempts"),
            "TransactionMessageRetryInterval": self._natural("message_retry_interval"),
            "UnlockConnectorOnEVSideDisconnect": Key(lambda: "true"),
            "LocalAuthListEnabled": self._flag("local_list_enabled"),
            "LocalAuthListMaxLength": self._limit("local_list_entries"),
            "SendLocalListMaxLength": self._limit("local_list_per_message"),
            "SupportedFileTransferProtocols": Key(lambda: "HTTP,HTTPS"),
            "WebSocketPingInterval": self._natural("ping_interval"),
            "ChargeProfileMaxStackLevel": Key(lambda: "10"),
            "ChargingScheduleAllowedChargingRateUnit": Key(lambda: "Current,Power"),
            "ChargingScheduleMaxPeriods": Key(lambda: "100"),
            "MaxChargingProfilesInstalled": Key(lambda: "100"),
            "SampledDataSignReadings": self._flag("sign_readings"),
            "PublicKeyWithSignedMeterValue": self._choice(
                "key_with_signed_values", KEY_WITH_VALUES
            ),
            **{f"MeterPublicKey{number}": self._meter_key(number) for number in station.connectors},
            "SecurityProfile": Key(lambda: str(station.security_profile)),
        }

    def _flag(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(
            lambda: flag_text(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_flag(text)),
        )

    def _meter_key(self, number: int) -> Key:
        return Key(lambda: self._station.connectors[number].meter.public_key)

    def _choice(self, setting: str, choices: tuple[str, ...]) -> Key:
        settings = self._station.settings
        return Key(
            lambda: str(getattr(settings, setting)),
            lambda text: setattr(settings, setting, parse_choice(text, choices)),
        )

    def _limit(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(lambda: str(getattr(settings, setting)))

    def _text(self, setting: str) -> Key:
        settings = self._station.settings
        return Key(
            lambda: str(getattr(settings, setting)),
            lambda text: setattr(settings, setting, text),
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
