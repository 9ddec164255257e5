"""The few configuration values that change a station's behaviour, under version-neutral names.

Each OCPP version maps its own keys or variables onto them.
"""

from dataclasses import dataclass

DEFAULT_ORGANIZATION = "Gateway"
"""as the gateway calls its first party, unless told otherwise"""
ENERGY = "Energy.Active.Import.Register"
SAMPLED_MEASURANDS = (ENERGY, "Power.Active.Import", "Current.Import", "Voltage", "SoC")


@dataclass
class StationSettings:
    heartbeat_interval: int = 300
    """real seconds; the BootNotification answer overrides it"""
    sample_interval: int = 60
    """virtual seconds between two Sample.Periodic readings; 0: none"""
    aligned_interval: int = 0
    """virtual seconds between two Sample.Clock readings, counted from midnight; 0: none"""
    ping_interval: int = 30
    """real seconds between two websocket pings, from the next connection on; 0: none"""
    connection_timeout: int = 120
    """virtual seconds that an authorization waits for the cable"""
    message_attempts: int = 3
    message_retry_interval: int = 60
    """real seconds, times the number of refusals so far"""
    authorize_remote_starts: bool = False
    stop_on_invalid_token: bool = True
    accept_unknown_offline: bool = True
    local_authorize_offline: bool = True
    """offline, the local list decides"""
    local_pre_authorize: bool = False
    """online as well, for those that it accepts"""
    local_list_enabled: bool = True
    local_list_entries: int = 10_000
    local_list_per_message: int = 1_000
    sampled_measurands: tuple[str, ...] = SAMPLED_MEASURANDS
    started_measurands: tuple[str, ...] = SAMPLED_MEASURANDS
    """2.x alone: 1.6 has but meterStart"""
    ended_measurands: tuple[str, ...] = (ENERGY,)
    aligned_measurands: tuple[str, ...] = (ENERGY,)
    sign_readings: bool = False
    """the first and the last one of a transaction are sent signed too"""
    key_with_signed_values: str = "OncePerTransaction"
    """or Never, or EveryMeterValue"""
    organization: str = DEFAULT_ORGANIZATION
    """CpoName, OrganizationName: O of a signing request"""
    certificate_wait: int = 30
    """virtual seconds for a CertificateSigned; doubled each time"""
    certificate_repeats: int = 3
    items_per_message: int = 100
    """GetVariables, SetVariables, GetReport (2.x)"""
    most_keys: int = 100
    """GetConfiguration (1.6)"""
